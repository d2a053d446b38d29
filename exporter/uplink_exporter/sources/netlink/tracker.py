"""The network between two dumps, and when the next one is due."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from uplink_exporter.facts import Family, Network, ways
from uplink_exporter.sources.netlink.hints import hinted, matters
from uplink_exporter.sources.netlink.layout import Message

# Bursts are coalesced: at most ten dumps a second, and at most a twentieth of all time spent on them.
SHORTEST_PAUSE = 0.1
PAUSE_PER_COST = 20.0
# A jiffy or two; then each second, until the kernel removes the route.
EXPIRED_BY = 0.02
AFTER_EXPIRY = 1.0


@dataclass(slots=True)
class Pace:
    """When the next dump is due: a while after the last one if an event asks for it, else at the resync."""

    resync: float
    dirty: bool = False
    expiry: float = math.inf
    """When a route expires: the kernel says nothing then, nor if it is advertised again soon after."""
    last: float = field(default_factory=lambda: asyncio.get_running_loop().time())
    cost: float = 0.0

    @property
    def wait(self) -> float:
        """Seconds until the next dump is due."""
        pause = max(SHORTEST_PAUSE, PAUSE_PER_COST * self.cost) if self.dirty else self.resync
        return min(self.last + pause, self.expiry) - asyncio.get_running_loop().time()

    def expects(self, network: Network) -> None:
        """Take in when the first of the routes expires."""
        lifetimes = [route.lifetime for route in network.routes if route.lifetime is not None]
        waits = (AFTER_EXPIRY if lifetime < 0 else lifetime + EXPIRED_BY for lifetime in lifetimes)
        self.expiry = asyncio.get_running_loop().time() + min(waits, default=math.inf)

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
        """Fold events in, yielding the network whenever traffic began or ceased to leave, or leaves by another way."""
        for message in messages:
            self.matter |= matters(self.network, message)
            before, self.network = self.network, hinted(self.network, message)
            if self.network is not before and _news(before, self.network):
                yield self.network

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
