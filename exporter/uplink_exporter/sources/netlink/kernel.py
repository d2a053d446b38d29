"""One whole look at the kernel's network."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from uplink_exporter.facts import Family, Link, Neighbour, Network, NextHop, Reached, Route
from uplink_exporter.sources.netlink.codec import parse_address, parse_link, parse_neighbour, parse_reached, parse_route
from uplink_exporter.sources.netlink.hints import gateways
from uplink_exporter.sources.netlink.layout import Message, Type
from uplink_exporter.sources.netlink.requests import (
    addresses_request,
    links_request,
    neighbour_request,
    neighbours_request,
    reached_request,
    routes_request,
)
from uplink_exporter.sources.netlink.wire import Wire

Targets = Callable[[], Iterable[str]]


@dataclass(slots=True)
class Kernel:
    """Asks the kernel for the whole of what we need."""

    wire: Wire
    sysfs: Path
    targets: Targets = tuple
    hardware: dict[tuple[int, str], tuple[bool, str]] = field(default_factory=dict)

    async def dump(self) -> Network:
        """One consistent look at links, addresses, routes towards zero and the gateways' neighbour entries."""
        links = await self._all(Type.NEWLINK, links_request)
        addresses = await self._all(Type.NEWADDR, addresses_request)
        network = Network(
            links=self._described([link for m in links if (link := parse_link(m.body)) is not None]),
            addresses=tuple(a for m in addresses if (a := parse_address(m.body)) is not None),
            routes=tuple([route for family in Family for route in await self._routes(family)]),
        )
        neighbours = [await self._neighbour(hop) for hop in gateways(network).values()]
        return replace(
            network,
            neighbours=tuple(n for n in neighbours if n is not None),
            reached=MappingProxyType({address: await self._reached(address) for address in self.targets()}),
        )

    async def _all(self, kind: Type, request: Callable[[int], bytes]) -> list[Message]:
        return [message for message in await self.wire.ask(request) if message.type == kind]

    async def _routes(self, family: Family) -> list[Route]:
        answer = await self.wire.ask(lambda s: routes_request(s, family), absent=(errno.ENOENT,))
        routes = (parse_route(message.body) for message in answer if message.type == Type.NEWROUTE)
        # A kernel without IPv6 answers for all the families that it has.
        return [route for route in routes if route is not None and route.family is family]

    async def _neighbour(self, hop: NextHop) -> Neighbour | None:
        try:
            # ENODEV: the link went since the routes were dumped.
            absent = (errno.ENOENT, errno.ENODEV)
            answer = await self.wire.ask(lambda s: neighbour_request(s, hop), absent=absent)
        except OSError as error:
            if error.errno != errno.EOPNOTSUPP:
                raise
            answer = await self._all(Type.NEWNEIGH, neighbours_request)
        found = (parse_neighbour(message.body) for message in answer)
        return next((n for n in found if n is not None and (n.index, n.address) == (hop.index, hop.gateway)), None)

    async def _reached(self, address: str) -> Reached:
        try:
            answer = await self.wire.ask(lambda sequence: reached_request(sequence, address))
        except TimeoutError:
            raise
        except OSError as error:
            return Reached(errno=error.errno or errno.EIO)
        return next((parse_reached(m.body) for m in answer if m.type == Type.NEWROUTE), Reached())

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
