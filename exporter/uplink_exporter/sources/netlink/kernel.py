"""One whole look at the kernel's network."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from uplink_exporter.facts import (
    MAIN_TABLE,
    OUTSIDE,
    Family,
    Link,
    Neighbour,
    Network,
    NextHop,
    Reached,
    Rfkill,
    Route,
    RouteType,
    Rule,
    ways,
)
from uplink_exporter.sources.netlink.codec import parse_address, parse_link, parse_neighbour
from uplink_exporter.sources.netlink.hints import gateways
from uplink_exporter.sources.netlink.layout import Type
from uplink_exporter.sources.netlink.requests import (
    addresses_request,
    links_request,
    neighbour_request,
    neighbours_request,
    nexthops_request,
    reached_request,
    routes_request,
    rules_request,
)
from uplink_exporter.sources.netlink.route_codec import (
    NexthopObject,
    parse_nexthop,
    parse_reached,
    parse_route,
    parse_rule,
)
from uplink_exporter.sources.wire import Message, Wire

Targets = Callable[[], Iterable[str]]

# ENOENT, ENODEV: there is none, or its link went since the routes were dumped.
_NO_ENTRY = (errno.ENOENT, errno.ENODEV)
_OUTSIDE = tuple(address for family in Family for address in OUTSIDE[family])


@dataclass(slots=True)
class Kernel:
    """Asks the kernel for the whole of what we need. `named` are the devices that the operator names as uplinks."""

    wire: Wire
    sysfs: Path
    targets: Targets = tuple
    named: tuple[str, ...] = ()
    hardware: dict[tuple[int, str], tuple[bool, str]] = field(default_factory=dict)

    async def dump(self) -> Network:
        """One consistent look at links, addresses, routes to the outside and the gateways' neighbour entries."""
        links = await self._all(Type.NEWLINK, links_request)
        addresses = await self._all(Type.NEWADDR, addresses_request)
        network = Network(
            links=self._described([link for m in links if (link := parse_link(m.body)) is not None]),
            addresses=tuple(a for m in addresses if (a := parse_address(m.body)) is not None),
            routes=await self._routes(),
            reached=MappingProxyType(await self._reached((*_OUTSIDE, *self.targets()))),
            named=self.named,
        )
        return replace(
            network,
            neighbours=tuple(await self._neighbours(gateways(network).values())),
            rules=await self._rules(network),
        )

    def described(self, network: Network) -> Network:
        """The network with what sysfs knows of links that only an event has told of, or told that they are down."""
        if all((link.index, link.name) in self.hardware and not _may_be_blocked(link) for link in network.links):
            return network
        return replace(network, links=self._described(list(network.links)))

    async def _all(self, kind: Type, request: Callable[[int], bytes]) -> list[Message]:
        return [message for message in await self.wire.ask(request) if message.type == kind]

    async def _routes(self) -> tuple[Route, ...]:
        routes = [route for family in Family for route in await self._table(family, MAIN_TABLE)]
        if not routes:
            # Kubernetes looks for default routes in procfs, which shows all tables of IPv6.
            routes = await self._table(Family.IPV6, 0)
        if any(route.nexthop_object and _nameless(route) for route in routes):
            answer = await self.wire.ask(nexthops_request, absent=(errno.EOPNOTSUPP,))
            objects = {
                found.number: found for m in answer if m.type == Type.NEWNEXTHOP and (found := parse_nexthop(m.body))
            }
            routes = [resolved(route, objects) for route in routes]
        return tuple(routes)

    async def _table(self, family: Family, table: int) -> list[Route]:
        answer = await self.wire.ask(lambda s: routes_request(s, family, table), absent=(errno.ENOENT,))
        routes = (parse_route(message.body) for message in answer if message.type == Type.NEWROUTE)
        # A kernel without IPv6 answers for all the families that it has, one before 4.20 for all tables.
        return [r for r in routes if r is not None and r.family is family and table in (r.table, 0)]

    async def _neighbours(self, hops: Iterable[NextHop]) -> list[Neighbour]:
        asked = list(hops)
        answers = await self.wire.each([_about(hop) for hop in asked])
        if errno.EOPNOTSUPP in answers:
            answers = [*await self._all(Type.NEWNEIGH, neighbours_request)]
        failed = [answer for answer in answers if isinstance(answer, int) and answer not in _NO_ENTRY]
        if failed:
            raise OSError(failed[0], f"netlink: {errno.errorcode.get(failed[0], failed[0])}")
        found = (parse_neighbour(answer.body) for answer in answers if isinstance(answer, Message))
        wanted = {(hop.index, hop.gateway) for hop in asked}
        return [n for n in found if n is not None and (n.index, n.address) in wanted]

    async def _reached(self, addresses: Iterable[str]) -> dict[str, Reached]:
        asked = list(dict.fromkeys(addresses))
        answers = await self.wire.each([_towards(address) for address in asked])
        return {
            address: Reached(errno=answer) if isinstance(answer, int) else parse_reached(answer.body)
            for address, answer in zip(asked, answers, strict=True)
        }

    async def _rules(self, network: Network) -> tuple[Rule, ...]:
        """The policy rules of the families of which the main table does not explain the ways."""
        asked = [family for family in Family if any(_unexplained(network, family))]
        return tuple([rule for family in asked for rule in await self._rules_of(family)])

    async def _rules_of(self, family: Family) -> list[Rule]:
        absent = (errno.EOPNOTSUPP, errno.EAFNOSUPPORT)
        answer = await self.wire.ask(lambda sequence: rules_request(sequence, family), absent=absent)
        rules = (parse_rule(message.body) for message in answer if message.type == Type.NEWRULE)
        return [rule for rule in rules if rule is not None and rule.family is family]

    def _described(self, links: list[Link]) -> tuple[Link, ...]:
        keys = [(link.index, link.name) for link in links]
        self.hardware = {key: self.hardware.get(key) or read_hardware(self.sysfs, *key) for key in keys}
        described = zip(links, self.hardware.values(), strict=True)
        return tuple(
            self._switched(replace(link, wireless=wireless, driver=driver)) for link, (wireless, driver) in described
        )

    def _switched(self, link: Link) -> Link:
        """With what holds its radio off. A switch takes the link down, so that one that is up is not looked at."""
        return replace(link, rfkill=read_rfkill(self.sysfs, link.name)) if _may_be_blocked(link) else link


def _may_be_blocked(link: Link) -> bool:
    return link.wireless and not link.admin_up


def read_rfkill(sysfs: Path, name: str) -> Rfkill:
    """What holds this device's own radio off, and not another's (Documentation/driver-api/rfkill.rst)."""
    switches = list((sysfs / "class/net" / name / "phy80211").glob("rfkill*"))
    if any(_is_set(switch / "hard") for switch in switches):
        return Rfkill.HARDWARE
    return Rfkill.SOFTWARE if any(_is_set(switch / "soft") for switch in switches) else Rfkill.NONE


def _is_set(switch: Path) -> bool:
    try:
        return switch.read_text().strip() == "1"
    except OSError:
        return False


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


def _about(hop: NextHop) -> Callable[[int], bytes]:
    return lambda sequence: neighbour_request(sequence, hop)


def _towards(address: str) -> Callable[[int], bytes]:
    return lambda sequence: reached_request(sequence, address)


def _unexplained(network: Network, family: Family) -> Iterator[bool]:
    for way in ways(network, family):
        answer = network.reached[way.address]
        yield answer.errno != 0 or answer.table != MAIN_TABLE


def _nameless(route: Route) -> bool:
    return not any(hop.index for hop in route.next_hops)


def resolved(route: Route, objects: Mapping[int, NexthopObject]) -> Route:
    """The route with the next hops of its nexthop object, which the kernel only numbers by nexthop_compat_mode=0."""
    if not route.nexthop_object or not _nameless(route):
        return route
    known = objects.get(route.nexthop_object)
    if known is None:
        return route
    members = [objects.get(number) for number in known.members] if known.members else [known]
    hops = tuple(member.hop for member in members if member is not None and member.hop is not None)
    # flannel reads RTA_OIF, and there is none; nor does a blackhole have one.
    return replace(route, next_hops=hops) if hops else replace(route, type=RouteType.BLACKHOLE)
