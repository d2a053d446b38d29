"""The network between two dumps, and when the next one is due."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from uplink_exporter.facts import Family, Network
from uplink_exporter.sources.netlink.hints import hinted, matters
from uplink_exporter.sources.netlink.layout import Message

# Bursts are coalesced: at most ten dumps a second, and at most a twentieth of all time spent on them.
SHORTEST_PAUSE = 0.1
PAUSE_PER_COST = 20.0


@dataclass(slots=True)
class Pace:
    """When the next dump is due: a while after the last one if an event asks for it, else at the resync."""

    resync: float
    dirty: bool = False
    last: float = field(default_factory=lambda: asyncio.get_running_loop().time())
    cost: float = 0.0

    @property
    def wait(self) -> float:
        """Seconds until the next dump is due."""
        pause = max(SHORTEST_PAUSE, PAUSE_PER_COST * self.cost) if self.dirty else self.resync
        return self.last + pause - asyncio.get_running_loop().time()

    @contextmanager
    def dumping(self) -> Iterator[None]:
        """Measure one dump."""
        started = asyncio.get_running_loop().time()
        yield
        self.last = asyncio.get_running_loop().time()
        self.cost = self.last - started


@dataclass(slots=True)
class Tracker:
    """The network as the last dump and the events since have it."""

    network: Network
    matter: bool = False

    def follow(self, messages: Iterable[Message]) -> Iterator[Network]:
        """Fold events in, yielding the network whenever a default route became usable or unusable."""
        for message in messages:
            self.matter |= matters(self.network, message)
            before, self.network = self.network, hinted(self.network, message)
            if _usable(before) != _usable(self.network):
                yield self.network

    def takes_dump(self) -> bool:
        """Whether an event since the last call asks for a dump."""
        matter, self.matter = self.matter, False
        return matter


def _usable(network: Network) -> tuple[bool, ...]:
    return tuple(bool(network.usable_next_hops(family)) for family in Family)
