"""What happened on this node, one transition after the other, over boots."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import ClassVar

from uplink_exporter.facts import Instant, Reason

MOST_TRANSITIONS = 512
"""How many are held at hand; the recorder keeps more."""

MOST_BOOTS = 32

MOST_TEXT = 200


class Kind(StrEnum):
    """What changed."""

    WATCH = "watch"
    """The exporter `began` or `ended`. One that was killed did not say so."""
    VERDICT = "verdict"
    """The subject is the device to blame, if it is one; the text is the summary."""
    ROUTE = "default_route"
    """The subject is the family; `usable` or `none`. The text names the devices that carry it, or carried it last."""
    MOVE = "uplink"
    """The subject is the family; the devices by which traffic left before and leaves since."""
    OPERSTATE = "operstate"
    """The subject is the device; an operstate as the kernel spells it, or `absent`."""
    CARRIER = "carrier_changes"
    """The subject is the device; the kernel's count before and after a time in which nobody watched."""
    FLANNEL = "flannel_restarts"
    """The total in this boot before and after; the text is the cause of the last crash."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """One change, when it was seen: seconds since boot, and the wall clock as it was then believed."""

    boot: str
    uptime: float
    wall: float
    kind: Kind
    subject: str
    was: str
    """Empty for the first in this boot."""
    now: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Boot:
    """One boot of this node, and from when to when (in seconds since boot) it was watched."""

    id: str
    time: float
    """Unix time of the boot, as the wall clock had it last: at first it may have been wrong by years."""
    watched_since: float
    watched_until: float

    def unix(self, uptime: float) -> float:
        """The Unix time of a moment of this boot."""
        return self.time + uptime


@dataclass(frozen=True, slots=True, kw_only=True)
class Chronicle:
    """The earlier boots and the transitions that are at hand, the oldest first, and which boot this is."""

    source: ClassVar[str] = "chronicle"
    max_age: ClassVar[float] = float("inf")
    reasons: ClassVar[tuple[Reason, ...]] = ()

    boot: str = ""
    boots: tuple[Boot, ...] = ()
    transitions: tuple[Transition, ...] = ()
    count: int = 0
    """How many transitions were written down by this run, at hand or not."""

    def following(self, previous: Chronicle | None, now: Instant) -> Chronicle:
        """Itself: it is made from its predecessor."""
        return self

    def after(self, transitions: Iterable[Transition]) -> Chronicle:
        """This chronicle with more transitions at its end; the same object if there are none."""
        new = tuple(transitions)
        if not new:
            return self
        kept = (*self.transitions, *new)[-MOST_TRANSITIONS:]
        return replace(self, transitions=kept, count=self.count + len(new))

    def last(self, kind: Kind, subject: str | None = None) -> Transition | None:
        """The last transition of that kind in this boot, of that subject or of any."""
        found = (t for t in reversed(self.transitions) if t.kind is kind and subject in (None, t.subject))
        latest = next(found, None)
        return latest if latest is not None and latest.boot == self.boot else None
