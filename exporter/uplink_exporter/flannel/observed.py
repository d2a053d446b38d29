"""What the two paths to flannel see: the pod logs on the node, and the API server. Either may be gone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import ClassVar

from uplink_exporter.facts import Instant, Reason
from uplink_exporter.flannel.re2 import Pattern


class Cause(StrEnum):
    """Why flannel ended, from its last words; the closed set of `uplink_flannel_crashes_total`."""

    NO_DEFAULT_ROUTE = "no_default_route"
    NO_DEFAULT_ROUTE6 = "no_default_route6"
    DEFAULT_ROUTE_NO_OIF = "default_route_no_oif"
    DEFAULT_IFACE_MISMATCH = "default_iface_mismatch"
    IFACE_NO_ADDRESS = "iface_no_address"
    IFACE_MISSING = "iface_missing"
    IFACE_IP_MISSING = "iface_ip_missing"
    IFACE_NO_MATCH = "iface_no_match"
    ROUTE_DUMP_RACE = "route_dump_race"
    KERNEL_TOO_OLD = "kernel_too_old"
    API_UNREACHABLE = "api_unreachable"
    RBAC = "rbac"
    CONFIG = "config"
    PODCIDR = "podcidr"
    BR_NETFILTER = "br_netfilter"
    VXLAN = "vxlan"
    MTU = "mtu"
    ETCD = "etcd"
    IPTABLES = "iptables"
    NFTABLES = "nftables"
    PANIC = "panic"
    OOM = "oom"
    CLEAN = "clean"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What counts as flannel: container names, namespaces (none: any), a pattern to find in pod names (None: any)."""

    containers: tuple[str, ...] = ("kube-flannel",)
    namespaces: tuple[str, ...] = ()
    pod: Pattern | None = None

    def wants(self, namespace: str, pod: str) -> bool:
        """Whether a container of that pod may be flannel's."""
        named = self.pod is None or self.pod.search(pod)
        return named and (not self.namespaces or namespace in self.namespaces)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerRestarts:
    """The restart count of one container of one pod, as the kubelet has it."""

    uid: str
    namespace: str
    pod: str
    container: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LastWords:
    """How one attempt of a container ended: the cause, and the line that says so, cut to a bound."""

    uid: str
    container: str
    attempt: int
    cause: Cause
    line: str
    at: float | None = None
    """Unix time of the last line that it logged, None if it has none."""
    began: float | None = None
    """Unix time of its first line, None if that is not there any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlannelLogs:
    """Flannel as the pod logs on this node tell it. `found` is False where no such pod has logs here."""

    source: ClassVar[str] = "pod-logs"
    max_age: ClassVar[float] = 90.0
    reasons: ClassVar[tuple[Reason, ...]] = (Reason.PERMISSION, Reason.IO)

    found: bool
    listed: bool = True
    """Whether the pod log directory is there at all: without it, nothing was looked at."""
    restarts: tuple[ContainerRestarts, ...] = ()
    last_words: tuple[LastWords, ...] = ()
    started: bool | None = None
    """Whether the newest attempt said that it uses an interface; None if its log does not tell."""
    ended: LastWords | None = None
    """The last words of the newest attempt, None while it may be running."""
    flags_line: str = ""
    """The newest attempt's own `CLI flags config: {...}` message, empty if it printed none (before v0.15.0)."""
    stack: str = ""
    """`ipv4`, `ipv6` or `dual` by what the newest attempt says, else by subnet.env; empty if neither tells."""
    subnet_file: float | None = None
    """Unix time of `/run/flannel/subnet.env`; None if there is none."""
    subnet_file_seen: bool = False
    """Whether it was there since we look."""
    written: float | None = None
    """Unix time at which the newest attempt's log was written last."""

    def following(self, previous: FlannelLogs | None, now: Instant) -> FlannelLogs:
        """Itself, with what was last seen of its set-up: a log that was rotated away had it. The ledger counts."""
        before = previous or FlannelLogs(found=False)
        return replace(
            self,
            flags_line=self.flags_line or before.flags_line,
            stack=self.stack or before.stack,
            subnet_file_seen=self.subnet_file is not None or before.subnet_file_seen,
        )


class ApiPath(StrEnum):
    """By which address the API server answers (`uplink_api_path`)."""

    SERVICE = "service"
    ENDPOINT = "endpoint"
    CONFIGURED = "configured"
    NONE = "none"


class WaitingReason(StrEnum):
    """Why the kubelet lets a container wait (pkg/kubelet/container/sync_result.go, pkg/kubelet/images/types.go)."""

    CRASH_LOOP_BACK_OFF = "CrashLoopBackOff"
    CREATE_CONTAINER_ERROR = "CreateContainerError"
    CREATE_CONTAINER_CONFIG_ERROR = "CreateContainerConfigError"
    PRE_CREATE_HOOK_ERROR = "PreCreateHookError"
    PRE_START_HOOK_ERROR = "PreStartHookError"
    POST_START_HOOK_ERROR = "PostStartHookError"
    RUN_CONTAINER_ERROR = "RunContainerError"
    ERR_IMAGE_PULL = "ErrImagePull"
    IMAGE_PULL_BACK_OFF = "ImagePullBackOff"
    ERR_IMAGE_NEVER_PULL = "ErrImageNeverPull"
    IMAGE_INSPECT_ERROR = "ImageInspectError"
    INVALID_IMAGE_NAME = "InvalidImageName"
    REGISTRY_UNAVAILABLE = "RegistryUnavailable"
    CONTAINER_CREATING = "ContainerCreating"
    POD_INITIALIZING = "PodInitializing"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingContainer:
    """A container of this node's system pods that waits, and the kubelet's reason (bounded to the known ones)."""

    namespace: str
    pod: str
    container: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FlannelContainer:
    """Flannel's container as the API server has it."""

    restarts: ContainerRestarts
    running: bool
    ready: bool
    waiting: str = ""
    """The waiting reason, empty if it does not wait."""
    oom: int = -1
    """The attempt that the kernel killed for the memory that it took, as far as the kubelet still says; -1 if none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodePods:
    """This node's pods as the API server tells them, and by which path it was asked."""

    source: ClassVar[str] = "kubernetes"
    max_age: ClassVar[float] = 180.0
    reasons: ClassVar[tuple[Reason, ...]] = (
        Reason.PERMISSION,
        Reason.TIMEOUT,
        Reason.IO,
        Reason.PARSE,
        Reason.OVERFLOW,
    )

    path: ApiPath
    flannel: tuple[FlannelContainer, ...] = ()
    """Those of the newest pod first, those of pods that are going away last."""
    waiting: tuple[WaitingContainer, ...] = ()
    args: tuple[str, ...] | None = None
    """The command line of flannel's container in its newest pod; None if there is none, or it does not tell."""
    env: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """The container's FLANNELD_* variables, as far as their values stand in the pod."""
    version: str = ""
    """As the image's tag has it, as `v0.28.9`; empty if that is no version."""
    stack: str = ""
    """`ipv4`, `ipv6`, `dual` or `none` by flannel's net-conf.json, empty if it was not read."""
    endpoints: tuple[str, ...] = ()
    """The URLs of the API servers behind the service, as learned last."""

    def following(self, previous: NodePods | None, now: Instant) -> NodePods:
        """Itself, with flannel set up as it was last while its pod is gone. The ledger counts, over paths."""
        if self.flannel or previous is None:
            return self
        return replace(self, args=previous.args, env=previous.env, version=previous.version)
