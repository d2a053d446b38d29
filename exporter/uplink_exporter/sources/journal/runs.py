"""What systemd said of one unit in one boot, and the restarts and runs that it makes up.

Restarts are counted by the message that systemd writes for each, since those before our first look count too. A run is
named by its invocation id. Times are seconds since boot, by CLOCK_MONOTONIC, which stands still while a machine sleeps.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, insort
from dataclasses import dataclass, field
from enum import Enum
from itertools import pairwise
from operator import attrgetter
from typing import NamedTuple


class Said(Enum):
    """What systemd says of a unit, by message id (systemd's src/systemd/sd-messages.h)."""

    STARTING = "7d4958e842da4a758f6c1cdc7b36dcc5"
    STARTED = "39f53479d3a045ac8e11786248231fbf"
    STOPPING = "de5b426a63be47a7b6ac3eaac82e2f6f"
    STOPPED = "9d1aaa27d60140bd96365438aad20286"
    START_FAILED = "be02cf6855d2428ba40df7e9d022f03d"
    EXITED = "98e322203f7a4ed290d09fe03c09fe15"
    FAILED = "d9b373ed55a64feb8242e02dbe79a49c"
    DEACTIVATED = "7ad2d189f7e94e70a38c781354912448"
    RESTART = "5eb03494b6584870a536b337290809b3"


BEGINS = frozenset({Said.STARTING, Said.STARTED})
RESULTS = frozenset({Said.EXITED, Said.FAILED, Said.DEACTIVATED})
ENDS = RESULTS | {Said.STOPPED, Said.START_FAILED}

MOST_EVENTS = 128
"""Of a unit that are kept, and read at first: its last runs, six or so for each."""

MOST_RESTARTS = 16_384
"""Whose times are kept, once more than twice as many were seen: more than a day of them, one every five seconds."""

SECOND = 1_000_000
EARLY = SECOND // 20


class Event(NamedTuple):
    """Something that systemd said of a unit. `at` is in microseconds."""

    at: int
    said: Said
    invocation: str
    text: str
    unix: int


@dataclass(slots=True)
class Run:
    """One run of a unit, by what systemd said of it."""

    invocation: str
    began: int | None = None
    ended: int | None = None
    stopped: bool = False
    """Whether its end was asked for."""
    result: str = ""
    """What systemd said last of its end."""
    ended_at: float | None = None
    """Unix time of its end."""
    since: int = 0
    until: int | None = None
    """Between these moments journald takes in its lines: mostly late, but some before systemd says that it starts."""


@dataclass(slots=True)
class Restarts:
    """When a unit was restarted, in microseconds and in order, with systemd's own counter at each.

    What the journal has no more is told by the gaps between the counters. A start by hand sets the counter back.
    """

    times: array[int] = field(default_factory=lambda: array("Q"))
    counters: array[int] = field(default_factory=lambda: array("L"))
    gaps: int = 0
    forgotten: int = 0
    """Those whose times were too many to be kept."""

    @property
    def count(self) -> int:
        """All of this boot."""
        return self.forgotten + self.gaps + len(self.times)

    def before(self, at: int) -> int:
        """How many there were before a moment, as far as the journal goes back to it."""
        return self.count - (len(self.times) - bisect_left(self.times, at))

    def add(self, at: int, counter: int) -> None:
        """Take in a restart, which another file may have told already."""
        place = bisect_left(self.times, at)
        if at in self.times[place : place + 1] or (place == 0 and self.forgotten):
            return
        self.times.insert(place, at)
        self.counters.insert(place, counter)
        if place == len(self.times) - 1:
            self.gaps += self._gap(place)
        else:
            self._sum_up()
        if len(self.times) > 2 * MOST_RESTARTS:
            self._forget(MOST_RESTARTS)

    def _gap(self, place: int) -> int:
        counter, before = self.counters[place], self.counters[place - 1] if place else 0
        return max(0, counter - 1 if counter <= before else counter - before - 1)

    def _forget(self, oldest: int) -> None:
        count = self.count
        del self.times[:oldest], self.counters[:oldest]
        self.forgotten = 1
        self._sum_up()
        self.forgotten = count - self.gaps - len(self.times)

    def _sum_up(self) -> None:
        self.gaps = sum(map(self._gap, range(1 if self.forgotten else 0, len(self.times))))


@dataclass(slots=True)
class UnitInBoot:
    """What has been read of one unit so far."""

    restarts: Restarts = field(default_factory=Restarts)
    events: list[Event] = field(default_factory=list)

    def attempt(self, run: Run) -> int:
        """How many restarts came before a run's end, which is the number that a container's log would have."""
        return self.restarts.count if run.ended is None else self.restarts.before(run.ended)

    def heard(self, event: Event) -> None:
        """Take in an event, which another file may have told already."""
        if event not in self.events:
            insort(self.events, event, key=attrgetter("at"))
            del self.events[:-MOST_EVENTS]

    def runs(self) -> list[Run]:
        """The last runs, in their order."""
        runs: dict[str, Run] = {}
        for event in self.events:
            if event.said is Said.RESTART or not event.invocation:
                continue
            run = runs.setdefault(event.invocation, Run(event.invocation))
            run.stopped = run.stopped or event.said is Said.STOPPING
            if event.said in BEGINS and run.began is None:
                run.began = event.at
            if event.said in ENDS and run.ended is None:
                run.ended, run.ended_at = event.at, event.unix / SECOND
            if event.said in RESULTS:
                run.result = event.text
        for run, following in pairwise(runs.values()):
            if run.ended is not None and following.began is not None:
                run.until = following.since = max((run.ended + following.began) // 2, following.began - EARLY)
        return list(runs.values())
