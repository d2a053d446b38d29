"""The node around the network: who configures it, its radio switches, its load."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar

from uplink_exporter.facts.fact import Instant, Reason
from uplink_exporter.facts.managers import Claim, Manager


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
    bearable_at: float | None = field(default=None, compare=False)
    """When the node was last seen to bear its load, in seconds since boot."""

    @property
    def strained(self) -> bool:
        """Whether the node does not bear it."""
        return self.load1 > 2 * self.cpus

    def following(self, previous: Load | None, now: Instant) -> Load:
        """Itself, and when it was last bearable: the kernel keeps the counters."""
        before = previous.bearable_at if previous else None
        return replace(self, bearable_at=before if self.strained else now.uptime)


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """The node around the network. `rfkill_*`: a switch holds its Wi-Fi off, in software or in hardware."""

    source: ClassVar[str] = "host"
    max_age: ClassVar[float] = 180.0
    reasons: ClassVar[tuple[Reason, ...]] = ()

    name: str = ""
    claims: tuple[Claim, ...] = ()
    """Who manages which devices; of those that claim the same device the first has it."""
    unreadable: tuple[str, ...] = ()
    """Files that say who manages which device, and that this user may not read."""
    radios: tuple[str, ...] = ()
    """Those that the kernel has, by the names of their hardware (phy0)."""
    rfkill_soft: bool = False
    rfkill_hard: bool = False
    host_network: bool = True
    """False in a pod that is not on the host's network, and so sees its own."""

    def claim(self, device: str) -> Claim:
        """Who manages this device, be it there or not."""
        return next((claim for claim in self.claims if claim.covers(device)), Claim(manager=Manager.UNKNOWN))

    def following(self, previous: Host | None, now: Instant) -> Host:
        """Itself: nothing is counted."""
        return self
