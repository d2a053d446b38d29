"""What became of a default route in this boot."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A device by name and index: a rename keeps the index, and a USB adapter that is plugged in again the name."""

    name: str
    index: int

    def is_other_than(self, other: Device) -> bool:
        """Whether it is another device, and not the same renamed or plugged in again."""
        return self.name != other.name and self.index != other.index


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteHistory:
    """What became of one family's default route in this boot. Times are uptimes."""

    usable: bool
    seen: bool
    watched_since: float
    known_until: float | None = None
    """When an earlier run of ours that left this history looked last; None while we watch."""
    changed: float | None = None
    """When it last became usable or unusable; None while nothing changed since we look."""
    losses: int = 0
    absent_before: float = 0.0
    """Seconds without one, up to the current absence."""
    absent_since: float | None = None
    first_usable: float | None = None
    """None until one came up under our eyes: one that was there before we looked has no known time."""
    device: Device | None = None
    """By which traffic leaves, or left last; None if it never did."""
    earlier: Device | None = None
    """By which it left before it moved to that one."""
    moved: float | None = None
    """When it moved; None if it never did."""

    @classmethod
    def first(cls, *, usable: bool, uptime: float, device: Device | None = None) -> RouteHistory:
        """The first look. None there means none since boot: that is the incident, and nothing says otherwise."""
        absent = None if usable else 0.0
        return cls(
            usable=usable, seen=usable, watched_since=uptime, absent_since=absent, device=device if usable else None
        )

    def following(self, *, usable: bool, uptime: float, device: Device | None = None) -> RouteHistory:
        """The history after one more look at `uptime`: `device` is the one by which traffic leaves."""
        followed = self._following(usable=usable, uptime=uptime)
        if not usable or device is None or device == self.device:
            return followed
        if self.device is None or not device.is_other_than(self.device):
            return replace(followed, device=device)
        return replace(followed, device=device, earlier=self.device, moved=uptime)

    def _following(self, *, usable: bool, uptime: float) -> RouteHistory:
        watched = self if self.known_until is None else replace(self, known_until=None)
        if usable == self.usable:
            return watched
        if not usable:
            return replace(watched, usable=False, changed=uptime, losses=self.losses + 1, absent_since=uptime)
        # One that came while nobody watched was absent for as long as is known, and came at no known time.
        absent_until = uptime if self.known_until is None else self.known_until
        return replace(
            watched,
            usable=True,
            seen=True,
            changed=uptime,
            absent_before=self.absent_seconds(absent_until),
            absent_since=None,
            first_usable=self.first_usable if self.seen or self.known_until is not None else uptime,
        )

    def absent_seconds(self, uptime: float) -> float:
        """Seconds of this boot without a usable default route, as of `uptime`."""
        running = 0.0 if self.absent_since is None else max(0.0, uptime - self.absent_since)
        return self.absent_before + running
