"""Writes what in the chart is made from elsewhere, and what is made from the chart: the manifests for kubectl.

`make docs` runs it. Copies, not links: Flux leaves links out of what it fetches (fluxcd/source-controller#191).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.chart.helm import CHART, CI, ROOT, Chart, Object
from tests.chart.security import violations

README = CHART / "README.md"
DEPLOY = ROOT / "deploy"
# As it is called where it was built and never pushed: no registry has this name.
LOCAL_IMAGE = "localhost/uplink-exporter"
PLAIN_NAMESPACE = "uplink-exporter"
MADE = "# Made from helm/uplink-exporter by `make docs`. docs/install.md says how to use it.\n"
NAMESPACE_MANIFEST = f"""\
---
apiVersion: v1
kind: Namespace
metadata:
  name: {PLAIN_NAMESPACE}
  labels:
    # It runs on the node's network and reads the node's logs, which the other levels forbid.
    pod-security.kubernetes.io/enforce: privileged
"""
COPIES = {
    ROOT / "alerts/uplink.rules.yml": CHART / "files/uplink.rules.yml",
    ROOT / "grafana/uplink-exporter.json": CHART / "files/uplink-exporter.json",
}
# Values that are shown whole, as what is in them is Kubernetes' own.
WHOLE = {"resources", "nodeSelector", "tolerations", "podSecurityContext", "securityContext", "dashboard.labels"}
PROBES = re.compile(r"probes\.(startup|liveness|readiness)")


def main() -> None:
    """Write all of it."""
    for source, copy in COPIES.items():
        if source.exists():
            copy.write_bytes(source.read_bytes())
    README.write_text(made_anew(README.read_text()))
    DEPLOY.mkdir(exist_ok=True)
    for name, text in manifests().items():
        (DEPLOY / name).write_text(text)


def manifests(image: str = LOCAL_IMAGE) -> dict[str, str]:
    """The files for `kubectl apply`: the exporter with its namespace, and what is for the Prometheus operator."""
    rendered = Chart(namespace=PLAIN_NAMESPACE, image=image).text({"dashboard": {"enabled": False}, "helmTest": False})
    documents = [f"---\n{one.strip()}\n" for one in re.split("^---$", rendered, flags=re.MULTILINE) if one.strip()]
    operators = [one for one in documents if "\napiVersion: monitoring.coreos.com/" in one]
    exporters = [one for one in documents if one not in operators]
    return {
        "uplink-exporter.yaml": MADE + NAMESPACE_MANIFEST + "".join(exporters),
        "prometheus-operator.yaml": MADE + "".join(operators),
    }


def made_anew(readme: str) -> str:
    """The README with its tables made anew."""
    for name, table in (
        ("presets", presets()),
        ("values", values_table()),
        ("security", security_table(Chart().pod()["spec"])),
    ):
        begin, end = f"<!-- {name}: made by `make docs` -->\n", f"<!-- end of {name} -->"
        head, found, rest = readme.partition(begin)
        assert found, f"README.md has no {begin}"
        readme = f"{head}{begin}{table}{end}{rest.partition(end)[2]}"
    return readme


def presets() -> str:
    """The files of ci/, each with the comment at its head."""
    rows = (f"| [`{path.relative_to(CHART)}`]({path.relative_to(CHART)}) | {comment(path)} |\n" for path in CI)
    return "| file | for |\n|---|---|\n" + "".join(rows)


def comment(path: Path) -> str:
    """The comment at the head of a file."""
    lines = path.read_text().splitlines()
    head = lines[: next(number for number, line in enumerate(lines) if not line.startswith("#"))]
    return " ".join(line.removeprefix("#").strip() for line in head)


def values_table() -> str:
    """Every value, its default, and the comment above it."""
    rows = (f"| `{name}` | `{default}` | {_escaped(text)} |\n" for name, default, text in documented())
    return "| value | default | |\n|---|---|---|\n" + "".join(rows)


def documented() -> Iterator[tuple[str, str, str]]:
    """The values with their defaults and comments, in the order of values.yaml."""
    text = (CHART / "values.yaml").read_text()
    node = yaml.compose(text)
    assert isinstance(node, yaml.MappingNode)
    yield from _documented(node, text.splitlines(), "")


def _documented(node: yaml.MappingNode, lines: list[str], path: str) -> Iterator[tuple[str, str, str]]:
    for key, value in node.value:
        name = f"{path}{key.value}"
        if isinstance(value, yaml.MappingNode) and value.value and name not in WHOLE and not PROBES.fullmatch(name):
            yield from _documented(value, lines, f"{name}.")
        else:
            yield name, _flow(value), _above(lines, key.start_mark.line)


def _flow(node: yaml.Node) -> str:
    """A value in one line."""
    plain = yaml.serialize(node, Dumper=yaml.SafeDumper)
    shown = yaml.safe_dump(yaml.safe_load(plain), default_flow_style=True, width=1000, sort_keys=False)
    return shown.removesuffix("...\n").strip().replace("''", '""')


def _above(lines: list[str], line: int) -> str:
    """The comment that ends right above a line."""
    first = line
    while first and lines[first - 1].strip().startswith("#"):
        first -= 1
    return " ".join(text.strip().removeprefix("#").strip() for text in lines[first:line])


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One thing that a pod may be allowed: which controls of Pod Security watch it, and what the peers' charts do."""

    name: str
    ours: Callable[[Object], str]
    controls: tuple[str, ...]
    node_exporter: str
    kube_prometheus: str
    problem_detector: str


def security_table(pod: Object) -> str:
    """What the defaults allow, against `restricted` and against the peers."""
    broken = violations(pod)
    head = "| | here | Pod Security `restricted` | node-exporter's chart | kube-prometheus | node-problem-detector |\n"
    return head + "|---|---|---|---|---|---|\n" + "".join(f"| {_security(row, pod, broken)} |\n" for row in SECURITY)


def _security(row: Row, pod: Object, broken: set[str]) -> str:
    kept = "kept" if row.controls else "not asked for"
    exceptions = ", ".join(control for control in row.controls if control in broken)
    cells = (row.name, row.ours(pod), f"**exception** ({exceptions})" if exceptions else kept)
    return " | ".join((*cells, row.node_exporter, row.kube_prometheus, row.problem_detector))


def _context(pod: Object) -> Object:
    container: Object = pod["containers"][0]["securityContext"]
    return {**pod["securityContext"], **container}


def _capabilities(pod: Object) -> str:
    capabilities = _context(pod).get("capabilities", {})
    return "none" if capabilities == {"drop": ["ALL"]} else "some"


def _host_paths(pod: Object, *, read_only: bool) -> str:
    mounts = {mount["name"]: mount.get("readOnly", False) for mount in pod["containers"][0]["volumeMounts"]}
    there = {volume["name"]: volume["hostPath"]["path"] for volume in pod["volumes"] if "hostPath" in volume}
    paths = [path for name, path in there.items() if mounts[name] is read_only]
    return ", ".join(f"`{path}`" for path in paths) or "none"


def _token(pod: Object) -> str:
    volumes = {volume["name"] for volume in pod["volumes"] if "projected" in volume}
    mounted = [one["name"] for one in pod["containers"] if volumes & {mount["name"] for mount in one["volumeMounts"]}]
    return "in every container" if pod["automountServiceAccountToken"] else f"only in {', '.join(mounted) or 'none'}"


def _yes(value: object) -> str:
    return "yes" if value else "no"


SECURITY = (
    Row(
        name="user, group",
        ours=lambda pod: f"{_context(pod)['runAsUser']}, {_context(pod)['runAsGroup']}",
        controls=("runAsNonRoot", "runAsUser"),
        node_exporter="65534, 65534",
        kube_prometheus="65534, image's",
        problem_detector="root",
    ),
    Row(
        name="privileged",
        ours=lambda pod: _yes(_context(pod).get("privileged")),
        controls=("privileged",),
        node_exporter="no",
        kube_prometheus="no",
        problem_detector="yes",
    ),
    Row(
        name="may gain privileges",
        ours=lambda pod: _yes(_context(pod).get("allowPrivilegeEscalation", True)),
        controls=("allowPrivilegeEscalation",),
        node_exporter="yes",
        kube_prometheus="no",
        problem_detector="yes",
    ),
    Row(
        name="capabilities",
        ours=_capabilities,
        controls=("capabilities dropped", "capabilities added"),
        node_exporter="the runtime's default",
        kube_prometheus="SYS_TIME",
        problem_detector="all",
    ),
    Row(
        name="seccomp profile",
        ours=lambda pod: str(_context(pod).get("seccompProfile", {}).get("type", "none")),
        controls=("seccompProfile",),
        node_exporter="none",
        kube_prometheus="none",
        problem_detector="none",
    ),
    Row(
        name="root file system",
        ours=lambda pod: "read-only" if _context(pod).get("readOnlyRootFilesystem") else "writable",
        controls=(),
        node_exporter="read-only",
        kube_prometheus="read-only",
        problem_detector="writable",
    ),
    Row(
        name="the node's network",
        ours=lambda pod: _yes(pod.get("hostNetwork")),
        controls=("hostNetwork", "hostPorts", "probe host"),
        node_exporter="yes",
        kube_prometheus="yes",
        problem_detector="no",
    ),
    Row(
        name="the node's processes",
        ours=lambda pod: _yes(pod.get("hostPID") or pod.get("hostIPC")),
        controls=("hostPID", "hostIPC"),
        node_exporter="yes",
        kube_prometheus="yes",
        problem_detector="no",
    ),
    Row(
        name="reads of the node",
        ours=lambda pod: _host_paths(pod, read_only=True),
        controls=("hostPath", "volume types"),
        node_exporter="`/`, `/proc`, `/sys`",
        kube_prometheus="`/`, `/sys`",
        problem_detector="`/var/log`, `/dev/kmsg`, `/etc/localtime`",
    ),
    Row(
        name="writes on the node",
        ours=lambda pod: _host_paths(pod, read_only=False),
        controls=(),
        node_exporter="none",
        kube_prometheus="none",
        problem_detector="all, being privileged",
    ),
    Row(
        name="API token",
        ours=_token,
        controls=(),
        node_exporter="in none",
        kube_prometheus="in every container",
        problem_detector="in every container",
    ),
)


if __name__ == "__main__":
    main()
