"""The Pod Security Standards, as far as a pod of this chart could touch them.

https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.chart.helm import Object

RESTRICTED_VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}


def violations(pod: Object) -> set[str]:
    """The controls of `restricted`, and so of `baseline`, that a pod's spec does not keep to."""
    return {control for control, kept in controls(pod) if not kept}


def controls(pod: Object) -> Iterator[tuple[str, bool]]:
    """Every control, and whether it is kept to."""
    context = pod.get("securityContext", {})
    containers = [*pod.get("initContainers", []), *pod["containers"]]
    for name in ("hostNetwork", "hostPID", "hostIPC"):
        yield name, not pod.get(name)
    yield "hostPath", not any("hostPath" in volume for volume in pod.get("volumes", []))
    yield (
        "volume types",
        all(volume.keys() - {"name"} <= RESTRICTED_VOLUMES | {"hostPath"} for volume in pod.get("volumes", [])),
    )
    yield "hostPorts", not any(port.get("hostPort") for one in containers for port in one.get("ports", []))
    yield "probe host", not any(_probe_hosts(one) for one in containers)
    for name, kept in _container_controls(context, containers):
        yield name, kept


def _container_controls(context: Object, containers: list[Object]) -> Iterator[tuple[str, bool]]:
    own = [one.get("securityContext", {}) for one in containers]
    merged = [{**context, **one} for one in own]
    yield "privileged", not any(one.get("privileged") for one in own)
    yield "allowPrivilegeEscalation", all(one.get("allowPrivilegeEscalation") is False for one in own)
    yield "runAsNonRoot", all(one.get("runAsNonRoot") is True for one in merged)
    yield "runAsUser", all(one.get("runAsUser") != 0 for one in merged)
    profiles = {one.get("seccompProfile", {}).get("type") for one in merged}
    yield "seccompProfile", profiles <= {"RuntimeDefault", "Localhost"}
    yield "capabilities dropped", all("ALL" in one.get("capabilities", {}).get("drop", []) for one in own)
    added = {name for one in own for name in one.get("capabilities", {}).get("add", [])}
    yield "capabilities added", added <= {"NET_BIND_SERVICE"}


def _probe_hosts(container: Object) -> list[str]:
    probes = (container.get(name, {}) for name in ("startupProbe", "livenessProbe", "readinessProbe"))
    return [host for probe in probes if (host := probe.get("httpGet", {}).get("host"))]
