"""The network between two dumps, and when the next one is due."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import reduce

from uplink_exporter.facts import Family, Network, ways
from uplink_exporter.sources.netlink.hints import hinted, matters
from uplink_exporter.sources.wire import Message

# Bursts are coalesced: at most ten dumps a second, and at most a twentieth of all CPU time spent on them. By the time
# that it takes, a dump on a starving node would have the next one wait for minutes.
SHORTEST_PAUSE = 0.1
PAUSE_PER_COST = 20.0
LONGEST_PAUSE = 5.0
# A jiffy or two; then each second, until the kernel removes the route.
EXPIRED_BY = 0.02
AFTER_EXPIRY = 1.0


def _now() -> float:
    return asyncio.get_running_loop().time()


@dataclass(slots=True)
class Rest:
    """When a kind of work is due again: after a pause of so many times the CPU time that it took last."""

    due: float = -math.inf
    began: float = 0.0

    def begins(self) -> None:
        """The work begins."""
        self.due, self.began = math.inf, time.thread_time()

    def ends(self) -> None:
        """The work is done."""
        pause = PAUSE_PER_COST * (time.thread_time() - self.began)
        self.due = _now() + min(LONGEST_PAUSE, max(SHORTEST_PAUSE, pause))


@dataclass(slots=True)
class Pace:
    """When the next dump is due: a while after the last one if an event asks for it, else at the resync."""

    resync: float
    dirty: bool = False
    expiry: float = math.inf
    """When a route expires: the kernel says nothing then, nor if it is advertised again soon after."""
    last: float = -math.inf
    rest: Rest = field(default_factory=Rest)

    @property
    def wait(self) -> float:
        """Seconds until the next dump is due; for ever while there is one."""
        if self.rest.due == math.inf:
            return math.inf
        due = self.rest.due if self.dirty else self.last + self.resync
        return min(due, self.expiry) - _now()

    def begins(self) -> None:
        """A dump begins."""
        self.dirty = False
        self.rest.begins()

    def took(self, network: Network) -> None:
        """Take in a dump, and when the first of its routes expires."""
        self.rest.ends()
        self.last = _now()
        lifetimes = [route.lifetime for route in network.routes if route.lifetime is not None]
        waits = (AFTER_EXPIRY if lifetime < 0 else lifetime + EXPIRED_BY for lifetime in lifetimes)
        self.expiry = _now() + min(waits, default=math.inf)


@dataclass(slots=True)
class Tracker:
    """The network as the last dump and the events since have it."""

    network: Network
    matter: bool = False
    untold: bool = False
    """Whether an event changed it since it was told last."""
    rest: Rest = field(default_factory=Rest)
    meanwhile: list[Message] | None = None
    """The events since a dump began, while there is one: it may have seen them or not."""

    def follow(self, messages: Iterable[Message]) -> Iterator[Network]:
        """Fold events in, yielding the network whenever traffic began or ceased to leave, or leaves by another way."""
        for message in messages:
            if self.meanwhile is not None:
                self.meanwhile.append(message)
            self.matter |= matters(self.network, message)
            before, self.network = self.network, hinted(self.network, message)
            self.untold |= self.network is not before
            if self.network is not before and _news(before, self.network):
                self.untold = False
                yield self.network

    @property
    def wait(self) -> float:
        """Seconds until it is to be told what else changed: at once, but in a storm not all the time."""
        return self.rest.due - _now() if self.untold else math.inf

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Measure what it costs those who are told."""
        self.untold = False
        self.rest.begins()
        yield
        self.rest.ends()

    def corrected(self, truth: Network) -> None:
        """Take in a dump with the events since it began, and have it told at once: dumps have a pace of their own."""
        self.network, self.meanwhile = reduce(hinted, self.meanwhile or (), truth), None
        self.untold, self.rest = True, Rest()

    def takes_dump(self) -> bool:
        """Whether an event since the last call asks for a dump."""
        matter, self.matter = self.matter, False
        return matter


def _news(before: Network, after: Network) -> bool:
    """Whether it must be told at once. The number of a device that is gone may be another one's in a moment."""
    settled = (family for family in Family if family not in after.unsettled)
    return not _indexes(before) <= _indexes(after) or any(_ends(before, f) != _ends(after, f) for f in settled)


def _indexes(network: Network) -> set[int]:
    return {link.index for link in network.links if not link.serves_pods}


def _ends(network: Network, family: Family) -> tuple[object, ...]:
    return tuple((way.hop, way.obstacle) for way in ways(network, family))
