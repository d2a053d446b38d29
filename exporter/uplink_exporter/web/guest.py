"""One connection: what it is at, until when it must have gone on, and what comes of it then."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

# A request must arrive whole within it; and a client that takes none of its answer for as long has to leave.
TIMEOUT = 10.0
TAKING = 60.0  # the whole answer
IDLE = 150.0  # more than two scrape intervals of 60 s
FRESH = 1.0  # a request may still be on its way
# Bytes of each connection, beyond what the kernel holds of it.
WAITING = 16 * 1024


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


class RefusedError(Exception):
    """A connection that cannot be served; `farewell` is what its client is sent."""

    def __init__(self, farewell: bytes) -> None:
        super().__init__("refused")
        self.farewell = farewell


Secure = Callable[[asyncio.Transport, Handler], Awaitable[Handler]]


class House(Protocol):
    """Where guests are."""

    secure: Secure | None
    closing: bool

    def enter(self, guest: Guest) -> None:
        """Let one in."""

    def forget(self, guest: Guest) -> None:
        """One has left."""

    def make_room(self, page: bytes) -> None:
        """For one more page that is being sent."""


class Guest(asyncio.Protocol):
    """One connection: hands everything on to aiohttp's protocol, and watches the time."""

    __slots__ = (
        "__weakref__",
        "answering",
        "gate",
        "handler",
        "loop",
        "made",
        "more",
        "page",
        "room",
        "securing",
        "served",
        "since",
        "socket",
        "timer",
        "transport",
    )

    def __init__(self, gate: House, handler: Handler) -> None:
        self.gate = gate
        self.handler = handler
        self.loop = asyncio.get_running_loop()
        self.transport: asyncio.Transport | None = None
        self.socket: object = None
        self.timer: asyncio.TimerHandle | None = None
        self.securing: asyncio.Task[None] | None = None
        self.made = False  # the handler knows of the connection
        self.since = self.loop.time()  # when what it is at began
        self.answering = False
        self.served = False  # was answered, and has sent nothing since
        self.more = False  # has sent something while it was being answered
        self.page: bytes | None = None
        self.room = asyncio.Event()  # the client takes what it is sent
        self.room.set()

    @property
    def standing(self) -> tuple[bool, float]:
        """The lowest leaves first: who should have sent a request by now, then who has been at the same the longest.

        An answer takes milliseconds to make and to send, so whoever is still at it is not who scrapes.
        """
        late = not (self.answering or self.served) and self.loop.time() - self.since >= FRESH
        return not late, self.since

    def begin(self) -> None:
        """A whole request is here, and is being answered."""
        self.answering, self.served, self.more = True, False, False
        self._is_at(self.loop.time())

    def end(self) -> None:
        """It has been answered."""
        self.answering, self.served, self.page = False, not self.more, None
        self._is_at(self.loop.time())
        if self.gate.closing and self.transport is not None:
            self.transport.close()

    def take(self, page: bytes) -> None:
        """It is about to be sent this page."""
        self.gate.make_room(page)
        self.page = page

    def _is_at(self, since: float) -> None:
        self.since = since
        self._watch()

    @property
    def _deadline(self) -> float:
        if self.answering:
            steadily = TAKING if self.room.is_set() else TIMEOUT
            return min(self.since + TAKING, self.loop.time() + steadily)
        if not self.room.is_set():
            return self.loop.time() + TIMEOUT
        return self.since + (IDLE if self.served else TIMEOUT)

    def _watch(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
        # The answer may end after the connection has: nobody is left to watch, and a timer would hold all of it.
        self.timer = None if self.transport is None else self.loop.call_at(self._deadline, self.leave)

    def leave(self) -> None:
        """End the connection now."""
        self.gate.forget(self)
        if self.transport is not None:
            self.transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio.Protocol's."""
        if not isinstance(transport, asyncio.Transport):
            raise TypeError("a listening socket of streams makes stream transports")
        transport.set_write_buffer_limits(WAITING)
        self.transport, self.socket = transport, transport.get_extra_info("socket")
        self._watch()
        self.gate.enter(self)
        if self.gate.secure is None:
            self._hand_over(self.handler, transport)
        else:
            # Not now: asyncio of Python 3.11.2, which Debian 12 has, begins to read after this, paused or not.
            self.loop.call_soon(transport.pause_reading)
            self.securing = self.loop.create_task(self._secure(self.gate.secure, transport))

    async def _secure(self, secure: Secure, transport: asyncio.Transport) -> None:
        try:
            handler = await secure(transport, self.handler)
        except RefusedError as refused:
            transport.write(refused.farewell)
            transport.write_eof()  # to close before the client has sent its part would be a reset
            transport.resume_reading()
            return
        if not transport.is_closing():
            self._hand_over(handler, transport)
            transport.resume_reading()

    def _hand_over(self, handler: Handler, transport: asyncio.Transport) -> None:
        self.handler, self.made = handler, True
        handler.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio.Protocol's."""
        self.transport = None
        self._watch()
        self.gate.forget(self)
        self.room.set()
        if self.made:
            self.handler.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """asyncio.Protocol's. The first bytes of a request start its clock; further ones do not wind it back."""
        if not self.made:
            return  # it was refused
        self.more = self.answering
        if self.served:
            self.served = False
            self._is_at(self.loop.time())
        self.handler.data_received(data)

    def eof_received(self) -> bool | None:
        """asyncio.Protocol's."""
        return self.handler.eof_received() if self.made else None

    def pause_writing(self) -> None:
        """asyncio.Protocol's: the client does not take its answer."""
        self.room.clear()
        self._watch()
        if self.made:
            self.handler.pause_writing()

    def resume_writing(self) -> None:
        """asyncio.Protocol's."""
        self.room.set()
        self._watch()
        if self.made:
            self.handler.resume_writing()
