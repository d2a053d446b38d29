"""What an incident is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from uplink_exporter.diagnosis import Verdict
from uplink_exporter.history.chronicle import Boot, Transition
from uplink_exporter.history.trouble import TROUBLE


class Ending(StrEnum):
    """How an incident ended, as far as is known."""

    RECOVERED = "recovered"
    UNWATCHED = "unwatched"
    """Nobody watched when it ended, or nobody watches any more."""
    REBOOTED = "rebooted"
    """The next boot began while it lasted."""
    ONGOING = "ongoing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A time in which nobody watched: at most from the last that was written down before to the first look after."""

    since: float
    until: float
    carriers: tuple[tuple[str, int], ...] = ()
    """How often the carrier of which device changed meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One time of trouble within one boot. Times are seconds since that boot; `boot.unix()` makes them wall times."""

    boot: Boot
    began: float
    """When it was first seen."""
    well_until: float | None
    """When all was last known to be well; `began` if it began before our eyes, None if that is not known."""
    since_boot: bool
    """Whether there was no default route at the first look, which counts as none since boot."""
    bad_until: float
    """When it was last known to last; `ended` if it ended before our eyes."""
    ended: float | None
    """When it was first seen to be over; None if it never was."""
    ending: Ending
    next_boot: float | None
    """Unix time of the next boot that was watched, None if there is none."""
    device: str
    verdicts: tuple[Verdict, ...]
    """Each once, in the order in which they came."""
    summary: str
    """The words of the worst verdict."""
    restarts: int
    """Flannel's, meanwhile."""
    causes: tuple[str, ...]
    losses: int
    """How often a required default route was lost."""
    absent: float
    """Seconds without one, as far as was watched."""
    cure: tuple[Transition, ...]
    """What preceded the end: the uplink came up, the default route was usable."""
    gaps: tuple[Gap, ...]
    transitions: tuple[Transition, ...]

    @property
    def verdict(self) -> Verdict | None:
        """The worst verdict, None if it was over before there was any."""
        return min(self.verdicts, key=TROUBLE.index, default=None)

    @property
    def since(self) -> float:
        """From when on it is known to have lasted."""
        return 0.0 if self.since_boot else self.began

    @property
    def at_least(self) -> float:
        """How many seconds it lasted, as far as is known."""
        return self.bad_until - self.since

    @property
    def at_most(self) -> float | None:
        """How many seconds it may have lasted; None if nobody knows."""
        earliest = 0.0 if self.since_boot else self.well_until
        return None if self.ended is None or earliest is None else self.ended - earliest
