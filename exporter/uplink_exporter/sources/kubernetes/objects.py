"""What is read from the objects that the API server sends: pods, a ConfigMap. Pure, and total on any JSON.

What may show as a label is held to Kubernetes' own rules or to a closed set. An object that breaks the rules is no API
server's, and is refused as a whole. A field that is merely not there counts as not there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from types import MappingProxyType

from uplink_exporter.facts import Reason, SourceError
from uplink_exporter.flannel.observed import (
    ContainerRestarts,
    FlannelContainer,
    Selection,
    WaitingContainer,
    WaitingReason,
)
from uplink_exporter.flannel.options import expand_args, parse_stack, parse_version

MOST_WAITING = 50
MOST_WORDS = 100
LONGEST_WORD = 1024
LONGEST_NET_CONF = 65536

_REASONS = {str(reason): reason for reason in WaitingReason}

# apimachinery pkg/util/validation: pods and nodes are subdomains of RFC 1123, namespaces and containers are labels.
SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_UID = re.compile(r"[-0-9A-Za-z]{1,64}")
_RESOURCE_VERSION = re.compile(r"[!-~]{1,64}")
# The downward API, as far as it can tell flannel an address or a name.
_FIELDS = {
    "metadata.name": ("metadata", "name"),
    "metadata.namespace": ("metadata", "namespace"),
    "spec.nodeName": ("spec", "nodeName"),
    "status.hostIP": ("status", "hostIP"),
    "status.podIP": ("status", "podIP"),
}

Object = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """How flannel is started, as far as its pod tells. `args` is None where it does not, as behind a shell."""

    args: tuple[str, ...] | None = None
    env: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    """What is kept of a pod."""

    uid: str
    namespace: str
    system: bool
    age: tuple[bool, str]
    """Sorts by the time of creation, after the pods that are going away."""
    waiting: tuple[WaitingContainer, ...] = ()
    flannel: tuple[FlannelContainer, ...] = ()
    command: Command = field(default_factory=Command)

    @property
    def matters(self) -> bool:
        """Whether it can show in the fact."""
        return bool(self.flannel or self.waiting)


def parse_resource_version(thing: object) -> str:
    """The version of an object or of a list. Opaque by contract, yet never empty or long."""
    return _checked(_RESOURCE_VERSION, _object(_object(thing).get("metadata")).get("resourceVersion"))


def parse_uid(thing: object) -> str:
    """The UID by which the API server knows an object."""
    return _checked(_UID, _object(_object(thing).get("metadata")).get("uid"))


def parse_pod(thing: object, selection: Selection) -> Pod:
    """What is kept of a pod. Raises SourceError for one that no API server would hold."""
    pod = _object(thing)
    metadata, spec, status = (_object(pod.get(part)) for part in ("metadata", "spec", "status"))
    namespace, name = _checked(_LABEL, metadata.get("namespace")), _checked(SUBDOMAIN, metadata.get("name"))
    statuses = [*_objects(status.get("initContainerStatuses")), *_objects(status.get("containerStatuses"))]
    wanted = selection.containers if selection.wants(namespace, name) else ()
    flannel = [one for one in _objects(spec.get("containers")) if one.get("name") in wanted]
    return Pod(
        uid=parse_uid(pod),
        namespace=namespace,
        system=_text(spec.get("priorityClassName")).startswith("system-"),
        age=(metadata.get("deletionTimestamp") is None, _text(metadata.get("creationTimestamp"))),
        waiting=tuple(islice(_waiting(namespace, name, statuses), MOST_WAITING)),
        flannel=tuple(_flannel(pod, namespace, name, str(one["name"])) for one in flannel),
        command=parse_command(flannel[0], pod) if flannel else Command(),
    )


def _waiting(namespace: str, pod: str, statuses: Iterable[Object]) -> Iterator[WaitingContainer]:
    for status in statuses:
        reason = parse_waiting(status)
        if reason:
            container = _checked(_LABEL, status.get("name"))
            yield WaitingContainer(namespace=namespace, pod=pod, container=container, reason=reason)


def parse_waiting(status: Object) -> str:
    """Why a container waits, of the closed set; empty if it does not."""
    waiting = _object(status.get("state")).get("waiting")
    if not isinstance(waiting, dict):
        return ""
    reason = waiting.get("reason")
    return _REASONS.get(reason, WaitingReason.OTHER) if isinstance(reason, str) else WaitingReason.OTHER


def _flannel(pod: Object, namespace: str, name: str, container: str) -> FlannelContainer:
    status = _status(pod, container)
    restarts = status.get("restartCount", 0)
    if type(restarts) is not int or not 0 <= restarts < 2**31:
        raise SourceError(Reason.PARSE, "a restartCount that is no int32")
    uid = _log_uid(pod)
    running = isinstance(_object(status.get("state")).get("running"), dict)
    return FlannelContainer(
        restarts=ContainerRestarts(uid=uid, namespace=namespace, pod=name, container=container, count=restarts),
        running=running,
        ready=status.get("ready") is True,
        waiting=parse_waiting(status),
        oom=restarts - running if _out_of_memory(status) else -1,
    )


def _out_of_memory(status: Object) -> bool:
    """Whether the attempt that ended last was killed for its memory: the one before, if one runs."""
    ends = (_object(_object(status.get(state)).get("terminated")) for state in ("state", "lastState"))
    return next((end.get("reason") == "OOMKilled" for end in ends if end), False)


def _status(pod: Object, container: object) -> Object:
    statuses = _objects(_object(pod.get("status")).get("containerStatuses"))
    return next((status for status in statuses if status.get("name") == container), {})


def _log_uid(pod: Object) -> str:
    """The UID that the kubelet names the log directory after, so that both paths mean the same pod.

    For a static pod it is not that of the API server's mirror, but one that the kubelet made itself and gives in this
    annotation (pkg/kubelet/types/pod_update.go).
    """
    annotations = _object(_object(pod.get("metadata")).get("annotations"))
    mirrored = annotations.get("kubernetes.io/config.mirror")
    return parse_uid(pod) if mirrored is None else _checked(_UID, mirrored)


def parse_command(container: Object, pod: Object) -> Command:
    """How a container of the pod is started."""
    images = (container.get("image"), _status(pod, container.get("name")).get("image"))
    versions = (parse_version(_text(image, LONGEST_WORD)) for image in images)
    version = next((found for found in versions if found is not None), None)
    env = _environment(container, pod)
    flags = {name: value for name, value in env.items() if name.startswith("FLANNELD_")}
    return Command(
        args=_args(container, env),
        env=MappingProxyType(flags),
        version="v{}.{}.{}".format(*version) if version else "",
    )


def _args(container: Object, env: Mapping[str, str]) -> tuple[str, ...] | None:
    command, args = _array(container.get("command")), _array(container.get("args"))
    words = expand_args([_text(word, LONGEST_WORD) for word in islice((*command, *args), MOST_WORDS + 1)], env)
    if command and words[0].rpartition("/")[2] != "flanneld":
        return None
    # Were a word cut or left out, the others would mean something else.
    whole = len(words) <= MOST_WORDS and all(word and len(word) <= LONGEST_WORD for word in words)
    return words if whole and all(map(str.isprintable, words)) else None


def _environment(container: Object, pod: Object) -> dict[str, str]:
    """The variables whose values stand in the pod: literally, or as one of its own fields."""
    found: dict[str, str] = {}
    for variable in islice(_objects(container.get("env")), MOST_WORDS):
        value = variable.get("value")
        if value is None:
            source = _object(_object(variable.get("valueFrom")).get("fieldRef"))
            part, key = _FIELDS.get(_text(source.get("fieldPath")), ("", ""))
            value = _object(pod.get(part)).get(key)
        name, text = _text(variable.get("name")), _text(value, LONGEST_WORD)
        if name and text and text.isprintable():
            found[name] = text
    return found


def parse_config_map(thing: object) -> str:
    """The stack that flannel's net-conf.json asks for, as `ipv4`; empty if it cannot be read."""
    net_conf = _text(_object(_object(thing).get("data")).get("net-conf.json"), LONGEST_NET_CONF)
    return parse_stack(net_conf) or ""


def _object(value: object) -> Object:
    return value if isinstance(value, dict) else {}


def _array(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _objects(value: object) -> list[Object]:
    return [item for item in _array(value) if isinstance(item, dict)]


def _text(value: object, longest: int = 253) -> str:
    return value if isinstance(value, str) and len(value) <= longest else ""


def _checked(rule: re.Pattern[str], value: object) -> str:
    if not isinstance(value, str) or not rule.fullmatch(value):
        raise SourceError(Reason.PARSE, "an object without the name, UID or version that an API server gives it")
    return value
