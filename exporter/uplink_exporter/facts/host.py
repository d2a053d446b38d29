"""The node around the network: who configures it, its radio switches, its load."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from uplink_exporter.facts.fact import Instant, Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Pressure:
    """A PSI total: seconds in which `share` (some, full) of the tasks stalled on `resource`."""

    resource: str
    share: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """The load averages and what they count. `pressure` is empty where the kernel has no PSI."""

    source: ClassVar[str] = "load"
    max_age: ClassVar[float] = 30.0
    reasons: ClassVar[tuple[Reason, ...]] = (Reason.IO, Reason.PARSE)

    load1: float
    load5: float
    load15: float
    cpus: int
    blocked: int
    pressure: tuple[Pressure, ...] = ()

    def following(self, previous: Load | None, now: Instant) -> Load:
        """Itself: the kernel keeps these counters."""
        return self


class Manager(StrEnum):
    """What configures the node's network, hence whose command brings an uplink back."""

    NETPLAN = "netplan"
    NETWORK_MANAGER = "NetworkManager"
    NETWORKD = "systemd-networkd"
    IFUPDOWN = "ifupdown"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """The node around the network. `rfkill_*`: a switch holds its Wi-Fi off, in software or in hardware."""

    source: ClassVar[str] = "host"
    max_age: ClassVar[float] = 180.0
    reasons: ClassVar[tuple[Reason, ...]] = ()

    name: str = ""
    manager: Manager = Manager.UNKNOWN
    rfkill_soft: bool = False
    rfkill_hard: bool = False
    host_network: bool = True
    """False in a pod that is not on the host's network, and so sees its own."""

    def following(self, previous: Host | None, now: Instant) -> Host:
        """Itself: nothing is counted."""
        return self
