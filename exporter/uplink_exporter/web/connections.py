"""Bounds on who may hold a connection, for how long, and with how much to send. aiohttp has no limit on any of it.

A scrape must get through whoever else is there. When the house is full, the first to leave is who does not finish a
request, then who has been at the same the longest. Between requests a client may wait longer, because Prometheus keeps
its connection from scrape to scrape.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from uplink_exporter.web.guest import Guest, Handler, Secure

LIMIT = 128
# Of all pages together that are being sent; each is held once, by however many.
PAGES = 8 * 1024 * 1024


@dataclass(slots=True)
class Gate:
    """Lets connections in, and makes them leave. `secure` gives what is to come before the handler."""

    handler: Callable[[], Handler]
    secure: Secure | None = None
    limit: int = LIMIT
    pages: int = PAGES
    guests: dict[object, Guest] = field(default_factory=dict)
    closing: bool = False
    left: asyncio.Event = field(default_factory=asyncio.Event)

    def __call__(self) -> Guest:
        """A protocol for one new connection."""
        return Guest(self, self.handler())

    def enter(self, guest: Guest) -> None:
        """Let a connection in, at the cost of another if need be."""
        others = list(self.guests.values())
        self.guests[guest.socket] = guest
        if len(self.guests) > self.limit:
            min(others, key=lambda other: other.standing).leave()

    def forget(self, guest: Guest) -> None:
        """One has left, or is about to."""
        self.guests.pop(guest.socket, None)
        self.left.set()

    def of(self, transport: asyncio.BaseTransport | None) -> Guest | None:
        """The guest with this connection, encrypted or not."""
        return None if transport is None else self.guests.get(transport.get_extra_info("socket"))

    def make_room(self, page: bytes) -> None:
        """Make those leave that have been taking their pages the longest, until there is room for one more."""
        while True:
            taking = [guest for guest in self.guests.values() if guest.page is not None]
            held = {id(guest.page): len(guest.page or b"") for guest in taking} | {id(page): len(page)}
            if not taking or sum(held.values()) <= self.pages:
                return
            min(taking, key=lambda guest: guest.since).leave()

    async def close(self, grace: float) -> None:
        """Make everybody leave; those who are being answered have so many seconds."""
        self.closing = True
        for guest in list(self.guests.values()):
            if not guest.answering:
                guest.leave()
        with suppress(TimeoutError):
            async with asyncio.timeout(grace):
                while self.guests:
                    self.left.clear()
                    await self.left.wait()
        for guest in list(self.guests.values()):
            guest.leave()
