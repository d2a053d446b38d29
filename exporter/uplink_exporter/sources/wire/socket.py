"""A netlink socket: the typed face of pyroute2's asyncio core, and how its failures are judged."""

from __future__ import annotations

import asyncio
import errno
import itertools
import socket
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from ctypes import addressof, create_string_buffer
from dataclasses import dataclass, field
from struct import error as StructError  # noqa: N812
from struct import pack
from typing import Any

from uplink_exporter.facts import Reason, SourceError
from uplink_exporter.lean import bare_package
from uplink_exporter.sources.wire.message import DONE, Flag, Message, error_code, messages

with bare_package("pyroute2"):
    from pyroute2.netlink.nlsocket import AsyncNetlinkSocket

# The kernel answers at once, but a node that starves reads 100,000 routes for a while.
DUMP_TIMEOUT = 60.0

# After so many events in a row it is time for a dump, even in a storm without end.
LONGEST_BURST = 1000
LONGEST_DATAGRAM = 65536

_SOL_NETLINK = 270
_NETLINK_GET_STRICT_CHK = 12
_NETLINK_ADD_MEMBERSHIP = 1
_SO_ATTACH_FILTER = 26

NETLINK_ROUTE, NETLINK_GENERIC = 0, 16  # linux/netlink.h


Split = Callable[[bytes], Iterator[Message]]
"""From a datagram to its messages."""


@dataclass(slots=True)
class Wire:
    """A netlink socket: the typed face of pyroute2's asyncio core, which has no types of its own."""

    core: Any
    socket: socket.socket
    split: Split = messages
    sequence: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    async def received(self, within: float) -> Iterable[Message]:
        """The events of one burst, up to an error; none if none came within so many seconds."""
        await self.core.setup_endpoint()
        try:
            async with asyncio.timeout(max(0.0, within)):
                first = await self.core.msg_queue.get(0)
        except TimeoutError:
            return ()
        return self._read_out(itertools.chain([first], self._arrived()))

    def pending(self) -> Iterable[Message]:
        """The events that the kernel had sent by now."""
        return self._read_out(self._arrived())

    def _arrived(self) -> Iterator[bytes | OSError]:
        queue = self.core.msg_queue.root
        while not queue.empty():
            yield queue.get_nowait()
        # The transport reads one datagram a turn of the loop, and so falls behind in a burst.
        for _ in range(LONGEST_BURST):
            try:
                yield self.socket.recv(LONGEST_DATAGRAM, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            except OSError as error:
                yield error

    async def each(self, requests: Iterable[Callable[[int], bytes]]) -> list[Message | int]:
        """The one answer to each of several requests that ask for no dump, or an errno: the kernel answers at once."""
        await self.core.setup_endpoint()
        asked = [request(next(self.sequence)) for request in requests]
        if asked:
            self.core.send(b"".join(asked))
        answers = (next(self.split(self.socket.recv(LONGEST_DATAGRAM, socket.MSG_DONTWAIT))) for _ in asked)
        return [error_code(message) or message for message in answers]

    async def ask(self, request: Callable[[int], bytes], absent: tuple[int, ...] = ()) -> list[Message]:
        """The whole answer to a request; none for an errno that means that there is nothing."""
        await self.core.setup_endpoint()
        sequence = next(self.sequence)
        self.core.msg_queue.ensure_tag(sequence)
        try:
            self.core.send(request(sequence))
            async with asyncio.timeout(DUMP_TIMEOUT):
                return [message async for message in self._answer(sequence)]
        except OSError as error:
            if error.errno in absent:
                return []
            raise
        finally:
            self.core.msg_queue.free_tag(sequence)

    async def _answer(self, sequence: int) -> AsyncIterator[Message]:
        interrupted = False
        while True:
            for message in self._checked(await self.core.msg_queue.get(sequence)):
                interrupted |= bool(message.flags & Flag.DUMP_INTR)
                if message.type != DONE:
                    yield message
                elif interrupted:
                    raise SourceError(Reason.INTERRUPTED, "the kernel's tables changed during a dump")
                if message.type == DONE or not message.flags & Flag.MULTI:
                    return

    def _read_out(self, arrived: Iterable[bytes | OSError]) -> Iterator[Message]:
        """The messages, and only then that there was no room for more, which the kernel says before them."""
        overflow: OSError | None = None
        for data in arrived:
            try:
                if isinstance(data, OSError):
                    raise data
                yield from self._checked(data)
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                overflow = error
        if overflow is not None:
            raise overflow

    def _checked(self, data: bytes) -> Iterator[Message]:
        for message in self.split(data):
            if code := error_code(message):
                raise OSError(code, f"netlink: {errno.errorcode.get(code, code)}")
            yield message

    def join(self, group: int) -> None:
        """Listen to a group that has no bit of its own."""
        self.socket.setsockopt(_SOL_NETLINK, _NETLINK_ADD_MEMBERSHIP, group)


@contextmanager
def opened(protocol: int, *, groups: int = 0, program: bytes = b"", split: Split = messages) -> Iterator[Wire]:
    """A socket that listens to these groups through a filter (a classic BPF program); without any it is for asking."""
    # pyroute2 binds by process id, of which two containers on the host network may have the same; 0 lets the
    # kernel choose. It also asks for a larger buffer than the default, which the filter makes needless.
    sock = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC, protocol)
    try:
        _configure(sock, groups, program)
        core = AsyncNetlinkSocket(use_socket=sock)
        try:
            yield Wire(core, sock, split)
        finally:
            core.close()
    finally:
        sock.close()


def _configure(sock: socket.socket, groups: int, program: bytes) -> None:
    sock.setblocking(False)
    with suppress(OSError):  # before 4.20 the kernel does not filter; the parsers do
        sock.setsockopt(_SOL_NETLINK, _NETLINK_GET_STRICT_CHK, 1)
    if program:
        buffer = create_string_buffer(program, len(program))
        sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, pack("@HP", len(program) // 8, addressof(buffer)))
    sock.bind((0, groups))


@contextmanager
def judged() -> Iterator[None]:
    """Every failure of the socket and of what arrives on it, as a SourceError."""
    try:
        yield
    except TimeoutError as error:
        raise SourceError(Reason.TIMEOUT, f"the kernel did not answer within {DUMP_TIMEOUT:g} s") from error
    except (ValueError, StructError) as error:
        raise SourceError(Reason.PARSE, f"netlink: {error}") from error
    except OSError as error:
        raise SourceError(_REASONS.get(error.errno or 0, Reason.IO), str(error)) from error


_REASONS = {
    errno.ENOBUFS: Reason.OVERFLOW,
    errno.ECONNRESET: Reason.CLOSED,
    errno.EBADF: Reason.CLOSED,
    errno.EPERM: Reason.PERMISSION,
    errno.EACCES: Reason.PERMISSION,
}
