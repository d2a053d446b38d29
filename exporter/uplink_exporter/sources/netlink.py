"""The kernel's links, addresses, default routes and gateway neighbours, over rtnetlink.

Events are hints, dumps are truth. IPv4 drops the routes of a link that is set down without a word (kernel commit
7c6bb7d2faaf), so folding route events into a table would go on claiming a route that is gone. Each event that matters
leads to a fresh dump; in between the event itself is folded in, with what the kernel does by it in silence, so that a
loss that is over before the dump runs is yielded, and counted, all the same.
"""

from __future__ import annotations

import asyncio
import errno
import itertools
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from ctypes import addressof, create_string_buffer
from dataclasses import dataclass, field, replace
from functools import reduce
from pathlib import Path
from struct import error as StructError  # noqa: N812
from struct import pack
from types import MappingProxyType
from typing import Any

from uplink_exporter.facts import (
    Address,
    Family,
    Link,
    Neighbour,
    Network,
    NextHop,
    Reached,
    Reason,
    Route,
    SourceError,
)
from uplink_exporter.lean import bare_package
from uplink_exporter.sources import rtnetlink
from uplink_exporter.sources.rtnetlink import Flag, Message, Type

with bare_package("pyroute2"):
    from pyroute2.netlink.nlsocket import AsyncNetlinkSocket

Targets = Callable[[], Iterable[str]]

RESYNC = 30.0
DUMP_TIMEOUT = 10.0
# Bursts are coalesced: at most ten dumps a second, and at most a twentieth of all time spent on them.
SHORTEST_PAUSE = 0.1
PAUSE_PER_COST = 20.0
# After so many events in a row it is time for a dump, even in a storm without end.
LONGEST_BURST = 1000
LONGEST_DATAGRAM = 65536

_SOL_NETLINK = 270
_NETLINK_GET_STRICT_CHK = 12
_SO_ATTACH_FILTER = 26


async def watch(sysfs: Path, targets: Targets = tuple, resync: float = RESYNC) -> AsyncGenerator[Network, None]:
    """Yield the network now, at each change, and every `resync` seconds. Raises SourceError; needs no privilege.

    `targets` gives the addresses to which the way is to be looked up with each dump.
    """
    with _judged(), _wire(rtnetlink.EVENT_GROUPS) as events, _wire() as requests:
        kernel = Kernel(requests, sysfs, targets)
        tracker, pace = Tracker(await kernel.dump()), Pace(resync)
        yield tracker.network
        while True:
            for network in tracker.follow(await events.received(within=pace.wait)):
                yield network
            pace.dirty |= tracker.takes_dump()
            if pace.wait > 0:
                continue
            with pace.dumping():
                truth = await kernel.dump()
            meanwhile = events.pending()
            for network in tracker.follow(meanwhile):
                yield network
            pace.dirty = tracker.takes_dump()
            # The dump may have seen what happened meanwhile, or not: folded in, it has.
            tracker.network = reduce(hinted, meanwhile, truth)
            yield tracker.network


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


def matters(network: Network, message: Message) -> bool:
    """Whether an event asks for a dump: all but the neighbours that are no default gateway."""
    if message.type != Type.NEWNEIGH:
        return True
    neighbour = rtnetlink.parse_neighbour(message.body)
    return neighbour is not None and (neighbour.index, neighbour.address) in _gateways(network)


def _gateways(network: Network) -> dict[tuple[int, str], NextHop]:
    hops = (hop for family in Family for route in network.default_routes(family) for hop in route.next_hops)
    return {(hop.index, hop.gateway): hop for hop in hops if hop.gateway and hop.index}


def hinted(network: Network, message: Message) -> Network:
    """The network after one event, as far as default routes go. Pure."""
    match message.type:
        case Type.NEWLINK | Type.DELLINK:
            link = rtnetlink.parse_link(message.body)
            return network if link is None else _with_link(network, link, message)
        case Type.NEWADDR | Type.DELADDR:
            address = rtnetlink.parse_address(message.body)
            return network if address is None else _with_address(network, address, message)
        case Type.NEWROUTE | Type.DELROUTE:
            route = rtnetlink.parse_route(message.body)
            return network if route is None else replace(network, routes=_with_route(network.routes, route, message))
        case _:
            return network


def _with_link(network: Network, link: Link, message: Message) -> Network:
    links, gone = {other.index: other for other in network.links}, message.type == Type.DELLINK
    if old := links.get(link.index):
        link = replace(link, wireless=old.wireless, driver=old.driver)
    links[link.index] = link
    if gone:
        del links[link.index]
    # fib_sync_down_dev(), fib6_ifdown(): set down, it takes its routes along; without a carrier it only marks them.
    dead, linkdown = gone or not link.admin_up, not link.carrier
    marked = (_marked(route, link.index, dead=dead, linkdown=linkdown) for route in network.routes)
    return replace(network, links=tuple(links.values()), routes=tuple(route for route in marked if route is not None))


def _with_address(network: Network, address: Address, message: Message) -> Network:
    others = tuple(other for other in network.addresses if _place(other) != _place(address))
    if message.type == Type.NEWADDR:
        return replace(network, addresses=(*others, address))
    if address.family is Family.IPV6 or any(_place(other)[:2] == _place(address)[:2] for other in others):
        return replace(network, addresses=others)
    # fib_disable_ip(): with its last IPv4 address a link loses its IPv4 routes.
    marked = (r if r.family is Family.IPV6 else _marked(r, address.index, dead=True) for r in network.routes)
    return replace(network, addresses=others, routes=tuple(route for route in marked if route is not None))


def _place(address: Address) -> tuple[object, ...]:
    return (address.index, address.family, address.address, address.prefix_length)


def _marked(route: Route, index: int, *, dead: bool, linkdown: bool = False) -> Route | None:
    """The route after all that is said of its next hops by one link; None if that leaves none alive."""
    hops = tuple(replace(hop, dead=dead, linkdown=linkdown) if hop.index == index else hop for hop in route.next_hops)
    if hops == route.next_hops:
        return route
    return None if all(hop.dead for hop in hops) else replace(route, next_hops=hops)


def _with_route(routes: tuple[Route, ...], route: Route, message: Message) -> tuple[Route, ...]:
    if message.type == Type.DELROUTE:
        return tuple(left for other in routes if (left := _less(other, route)) is not None)
    if message.flags & Flag.REPLACE:
        return (*(other for other in routes if _key(other) != _key(route)), route)
    # A route that the dump has already, or to which IPv6 appended a next hop, is told of whole.
    return (*(other for other in routes if _less(other, route) is not None), route)


def _less(other: Route, route: Route) -> Route | None:
    """What is left of a route when another one is taken from it; None if nothing is.

    IPv6 deletes a multipath route next hop by next hop, or whole, in an order of its own.
    """
    if (*_key(other), other.type, other.protocol) != (*_key(route), route.type, route.protocol):
        return other
    gone = {(hop.index, hop.gateway) for hop in route.next_hops}
    left = tuple(hop for hop in other.next_hops if (hop.index, hop.gateway) not in gone)
    return replace(other, next_hops=left) if left else None


def _key(route: Route) -> tuple[object, ...]:
    # What makes two routes the same to the kernel, which then replaces one by the other.
    return (route.family, route.prefix_length, route.metric, route.tos)


@dataclass(slots=True)
class Kernel:
    """Asks the kernel for the whole of what we need."""

    wire: Wire
    sysfs: Path
    targets: Targets = tuple
    hardware: dict[tuple[int, str], tuple[bool, str]] = field(default_factory=dict)

    async def dump(self) -> Network:
        """One consistent look at links, addresses, routes towards zero and the gateways' neighbour entries."""
        links = await self._all(Type.NEWLINK, rtnetlink.links_request)
        addresses = await self._all(Type.NEWADDR, rtnetlink.addresses_request)
        network = Network(
            links=self._described([link for m in links if (link := rtnetlink.parse_link(m.body)) is not None]),
            addresses=tuple(a for m in addresses if (a := rtnetlink.parse_address(m.body)) is not None),
            routes=tuple([route for family in Family for route in await self._routes(family)]),
        )
        neighbours = [await self._neighbour(hop) for hop in _gateways(network).values()]
        return replace(
            network,
            neighbours=tuple(n for n in neighbours if n is not None),
            reached=MappingProxyType({address: await self._reached(address) for address in self.targets()}),
        )

    async def _all(self, kind: Type, request: Callable[[int], bytes]) -> list[Message]:
        return [message for message in await self.wire.ask(request) if message.type == kind]

    async def _routes(self, family: Family) -> list[Route]:
        answer = await self.wire.ask(lambda s: rtnetlink.routes_request(s, family), absent=(errno.ENOENT,))
        routes = (rtnetlink.parse_route(message.body) for message in answer if message.type == Type.NEWROUTE)
        # A kernel without IPv6 answers for all the families that it has.
        return [route for route in routes if route is not None and route.family is family]

    async def _neighbour(self, hop: NextHop) -> Neighbour | None:
        try:
            # ENODEV: the link went since the routes were dumped.
            absent = (errno.ENOENT, errno.ENODEV)
            answer = await self.wire.ask(lambda s: rtnetlink.neighbour_request(s, hop), absent=absent)
        except OSError as error:
            if error.errno != errno.EOPNOTSUPP:
                raise
            answer = await self._all(Type.NEWNEIGH, rtnetlink.neighbours_request)
        found = (rtnetlink.parse_neighbour(message.body) for message in answer)
        return next((n for n in found if n is not None and (n.index, n.address) == (hop.index, hop.gateway)), None)

    async def _reached(self, address: str) -> Reached:
        try:
            answer = await self.wire.ask(lambda sequence: rtnetlink.reached_request(sequence, address))
        except TimeoutError:
            raise
        except OSError as error:
            return Reached(errno=error.errno or errno.EIO)
        return next((rtnetlink.parse_reached(m.body) for m in answer if m.type == Type.NEWROUTE), Reached())

    def _described(self, links: list[Link]) -> tuple[Link, ...]:
        keys = [(link.index, link.name) for link in links]
        self.hardware = {key: self.hardware.get(key) or read_hardware(self.sysfs, *key) for key in keys}
        described = zip(links, self.hardware.values(), strict=True)
        return tuple(replace(link, wireless=wireless, driver=driver) for link, (wireless, driver) in described)


def read_hardware(sysfs: Path, index: int, name: str) -> tuple[bool, str]:
    """Whether the device is wireless, and its driver's name; (False, "") if sysfs shows another network's devices."""
    device = sysfs / "class" / "net" / name
    try:
        if int((device / "ifindex").read_text()) != index:
            return False, ""
        driver = device / "device" / "driver"
        return (device / "phy80211").exists(), driver.resolve().name if driver.exists() else ""
    except (OSError, ValueError):
        return False, ""


@dataclass(slots=True)
class Wire:
    """A netlink socket: the typed face of pyroute2's asyncio core, which has no types of its own."""

    core: Any
    sequence: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    async def received(self, within: float) -> Iterable[Message]:
        """The events of one burst, up to an error; none if none came within so many seconds."""
        await self.core.setup_endpoint()
        try:
            async with asyncio.timeout(max(0.0, within)):
                first = await self.core.msg_queue.get(0)
        except TimeoutError:
            return ()
        return (message for data in itertools.chain([first], self._arrived()) for message in _checked(data))

    def pending(self) -> list[Message]:
        """The events that the kernel had sent by now."""
        return [message for data in self._arrived() for message in _checked(data)]

    def _arrived(self) -> Iterator[bytes]:
        queue = self.core.msg_queue.root
        while not queue.empty():
            yield queue.get_nowait()
        # The transport reads one datagram a turn of the loop, and so falls behind in a burst.
        with suppress(BlockingIOError):
            for _ in range(LONGEST_BURST):
                yield self.core.recv(LONGEST_DATAGRAM, socket.MSG_DONTWAIT)

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
        while True:
            for message in _checked(await self.core.msg_queue.get(sequence)):
                if message.type != Type.DONE:
                    yield message
                if message.type == Type.DONE or not message.flags & Flag.MULTI:
                    return


def _checked(data: bytes) -> Iterator[Message]:
    for message in rtnetlink.messages(data):
        if message.flags & Flag.DUMP_INTR:
            raise SourceError(Reason.INTERRUPTED, "the kernel's tables changed during a dump")
        if code := rtnetlink.error_code(message):
            raise OSError(code, f"netlink: {errno.errorcode.get(code, code)}")
        yield message


@contextmanager
def _wire(groups: int = 0) -> Iterator[Wire]:
    # pyroute2 binds by process id, of which two containers on the host network may have the same; 0 lets the
    # kernel choose. It also asks for a larger buffer than the default, which the filter makes needless.
    sock = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
    try:
        _configure(sock, groups)
        core = AsyncNetlinkSocket(use_socket=sock)
        try:
            yield Wire(core)
        finally:
            core.close()
    finally:
        sock.close()


def _configure(sock: socket.socket, groups: int) -> None:
    sock.setblocking(False)
    with suppress(OSError):  # before 4.20 the kernel does not filter; the parsers do
        sock.setsockopt(_SOL_NETLINK, _NETLINK_GET_STRICT_CHK, 1)
    if groups:
        program = rtnetlink.event_filter()
        buffer = create_string_buffer(program, len(program))
        sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, pack("@HP", len(program) // 8, addressof(buffer)))
    sock.bind((0, groups))


@contextmanager
def _judged() -> Iterator[None]:
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
