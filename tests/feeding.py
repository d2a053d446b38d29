"""A store that is fed: what befalls a node goes in, and its clock goes with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from uplink_exporter.facts import Fact, Instant, Reason
from uplink_exporter.store import Store

Happening: TypeAlias = Fact | tuple[str, Reason]
"""What a source told, or which one failed and why."""


@dataclass(slots=True)
class Clock:
    """Shows what it was set to."""

    now: Instant

    def __call__(self) -> Instant:
        """What it shows."""
        return self.now


def feed(store: Store, clock: Clock, steps: Iterable[tuple[Instant, Iterable[Happening]]]) -> Iterator[Instant]:
    """Feed the store with what happens at each of these moments; yields each when all of it was taken in."""
    for clock.now, happenings in steps:
        for happening in happenings:
            if isinstance(happening, tuple):
                store.fail(*happening)
            else:
                store.observe(happening)
        yield clock.now
