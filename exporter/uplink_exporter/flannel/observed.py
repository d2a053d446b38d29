"""What the two paths to flannel see: the pod logs on the node, and the API server. Either may be gone."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from uplink_exporter.facts import Instant


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
    HOSTGW_NAT = "hostgw_nat"
    ETCD = "etcd"
    IPTABLES = "iptables"
    PANIC = "panic"
    CLEAN = "clean"
    UNKNOWN = "unknown"


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
    """Unix time of the line, None if it has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlannelLogs:
    """Flannel as the pod logs on this node tell it. `found` is False where no such pod has logs here."""

    source: ClassVar[str] = "pod-logs"
    max_age: ClassVar[float] = 90.0

    found: bool
    restarts: tuple[ContainerRestarts, ...] = ()
    last_words: tuple[LastWords, ...] = ()
    started: bool | None = None
    """Whether the newest attempt said that it uses an interface; None if its log does not tell."""
    args: tuple[str, ...] | None = None
    """The flags in force, from its own `CLI flags config` line; None if it printed none."""
    subnet_file: float | None = None
    """Unix time of `/run/flannel/subnet.env`; None if there is none."""

    def following(self, previous: FlannelLogs | None, now: Instant) -> FlannelLogs:
        """Itself: what is counted over pods and paths is the ledger's."""
        return self


class ApiPath(StrEnum):
    """By which address the API server answers (`uplink_api_path`)."""

    SERVICE = "service"
    ENDPOINT = "endpoint"
    CONFIGURED = "configured"
    NONE = "none"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class NodePods:
    """This node's pods as the API server tells them, and by which path it was asked."""

    source: ClassVar[str] = "kubernetes"
    max_age: ClassVar[float] = 180.0

    path: ApiPath
    flannel: tuple[FlannelContainer, ...] = ()
    waiting: tuple[WaitingContainer, ...] = ()
    args: tuple[str, ...] | None = None
    """The command line of flannel's container in its pod; None if there is no such pod."""
    version: str = ""
    """The image's tag as `v0.28.9`, empty if it is none."""
    stack: str = ""
    """`ipv4`, `ipv6` or `dual` from flannel's net-conf.json, empty if it was not read."""

    def following(self, previous: NodePods | None, now: Instant) -> NodePods:
        """Itself: what is counted over pods and paths is the ledger's."""
        return self
