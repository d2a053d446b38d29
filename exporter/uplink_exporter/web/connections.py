"""Bounds on who may hold a connection, and for how long. aiohttp has no limit on either for one that sends nothing.

A scrape must get through while 500 clients sit there: when the house is full, whoever has been quiet the longest
leaves. A request must arrive whole, and its answer be taken, within TIMEOUT; between requests a client may wait
longer, because Prometheus keeps its connection from scrape to scrape.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

LIMIT = 128
TIMEOUT = 10.0
IDLE = 150.0  # more than two scrape intervals of 60 s


class Handler(Protocol):
    """What aiohttp's server makes for each connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""

    def connection_lost(self, exc: BaseException | None) -> None:
        """End."""

    def data_received(self, data: bytes) -> None:
        """Take bytes."""

    def eof_received(self) -> bool | None:
        """Take the end of the client's bytes."""

    def pause_writing(self) -> None:
        """Hold back."""

    def resume_writing(self) -> None:
        """Go on."""


@dataclass(slots=True)
class Gate:
    """Lets connections in, and makes them leave."""

    handler: Callable[[], Handler]
    limit: int = LIMIT
    timeout: float = TIMEOUT
    idle: float = IDLE
    guests: dict[asyncio.BaseTransport, Guest] = field(default_factory=dict)

    def __call__(self) -> Guest:
        """A protocol for one new connection."""
        return Guest(self, self.handler())

    def enter(self, guest: Guest, transport: asyncio.Transport) -> None:
        """Let a connection in, at the cost of the one that has been quiet the longest."""
        self.guests[transport] = guest
        if len(self.guests) > self.limit:
            quietest = min(self.guests.values(), key=lambda other: other.heard)
            quietest.leave()

    def served(self, transport: asyncio.BaseTransport | None) -> None:
        """Note that a whole request arrived on this connection: it may now be idle."""
        if transport in self.guests:
            self.guests[transport].expect(self.idle)


class Guest(asyncio.Protocol):
    """One connection: hands everything on to aiohttp's protocol, and watches the time."""

    __slots__ = ("awaiting", "deadline", "gate", "handler", "heard", "loop", "timer", "transport")

    def __init__(self, gate: Gate, handler: Handler) -> None:
        self.gate = gate
        self.handler = handler
        self.loop = asyncio.get_running_loop()
        self.transport: asyncio.Transport | None = None
        self.timer: asyncio.TimerHandle | None = None
        self.heard = self.deadline = self.loop.time()
        self.awaiting = False

    def expect(self, seconds: float) -> None:
        """Set the deadline so many seconds from now; an armed timer finds out by itself."""
        self.deadline = self.loop.time() + seconds
        self.awaiting = seconds == self.gate.timeout
        if self.timer is None or self.timer.when() > self.deadline:
            self._arm()

    def _arm(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
        self.timer = self.loop.call_at(self.deadline, self._due)

    def _due(self) -> None:
        if self.loop.time() >= self.deadline:
            self.leave()
        else:
            self._arm()

    def leave(self) -> None:
        """End the connection now."""
        if self.transport is not None:
            self.gate.guests.pop(self.transport, None)
            self.transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio.Protocol's."""
        if not isinstance(transport, asyncio.Transport):
            raise TypeError("a listening socket of streams makes stream transports")
        self.transport = transport
        self.handler.connection_made(transport)
        self.expect(self.gate.timeout)
        self.gate.enter(self, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio.Protocol's."""
        if self.timer is not None:
            self.timer.cancel()
        if self.transport is not None:
            self.gate.guests.pop(self.transport, None)
        self.handler.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """asyncio.Protocol's. The first bytes of a request start its clock; further ones do not wind it back."""
        self.heard = self.loop.time()
        if not self.awaiting:
            self.expect(self.gate.timeout)
        self.handler.data_received(data)

    def eof_received(self) -> bool | None:
        """asyncio.Protocol's."""
        return self.handler.eof_received()

    def pause_writing(self) -> None:
        """asyncio.Protocol's: the client does not take its answer."""
        self.expect(self.gate.timeout)
        self.handler.pause_writing()

    def resume_writing(self) -> None:
        """asyncio.Protocol's."""
        self.expect(self.gate.idle)
        self.handler.resume_writing()
