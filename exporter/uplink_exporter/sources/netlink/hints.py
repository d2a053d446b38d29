"""What one event tells of the network before the next dump does. Pure."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

from uplink_exporter.facts import (
    LOCAL_TABLE,
    MAIN_TABLE,
    Address,
    Family,
    Link,
    Network,
    NextHop,
    Route,
    Way,
    read,
    ways,
)
from uplink_exporter.sources.netlink.codec import parse_address, parse_link, parse_neighbour
from uplink_exporter.sources.netlink.layout import Type
from uplink_exporter.sources.netlink.route_codec import parse_route
from uplink_exporter.sources.wire import Flag, Message


def matters(network: Network, message: Message) -> bool:
    """Whether an event asks for a dump: all but the neighbours that are no gateway to the outside."""
    if message.type not in (Type.NEWNEIGH, Type.DELNEIGH):
        return True
    neighbour = parse_neighbour(message.body)
    return neighbour is not None and (neighbour.index, neighbour.address) in gateways(network)


def gateways(network: Network) -> dict[tuple[int, str], NextHop]:
    """The next hops that have a gateway, of the default routes and of what the kernel takes, by device and gateway."""
    given = (hop for family in Family for route in network.default_routes(family) for hop in route.next_hops)
    taken = (way.hop for family in Family for way in ways(network, family) if way.hop is not None)
    return {(hop.index, hop.gateway): hop for hop in (*given, *taken) if hop.gateway and hop.index}


def hinted(network: Network, message: Message) -> Network:
    """The network after one event, as far as the ways to the outside go. Pure."""
    after = _told(network, message)
    return after if after is network else _overtaken(network, after)


def _overtaken(before: Network, after: Network) -> Network:
    """The network without the answers that an event has overtaken.

    One that was what the main table says is read from there until the kernel is asked again. Any other, or what the
    table does not tell, only the kernel knows.
    """
    reached, unsettled = dict(after.reached), set(after.unsettled)
    for family in Family:
        for way, left in zip(ways(before, family), ways(after, family), strict=True):
            was, now = read(before, family, way.address), read(after, family, way.address)
            explained = _same(way, was) and _asks_main(after, family)
            if explained and was != now:
                reached.pop(way.address, None)
            if (was != now and not (explained and now.sure)) or (way.obstacle != left.obstacle and not explained):
                unsettled.add(family)
    return replace(after, reached=MappingProxyType(reached), unsettled=frozenset(unsettled))


def _asks_main(network: Network, family: Family) -> bool:
    """Whether no rule comes before the main table. They are known where nothing leaves by it."""
    rules = [rule for rule in network.rules if rule.family is family]
    first = next((rule for rule in rules if rule.table != LOCAL_TABLE), None)
    return first is None or first.table == MAIN_TABLE


def _same(way: Way, reading: Way) -> bool:
    return (way.hop is None) == (reading.hop is None) and way.route == reading.route


def _told(network: Network, message: Message) -> Network:
    match message.type:
        case Type.NEWLINK | Type.DELLINK:
            link = parse_link(message.body)
            return network if link is None else _with_link(network, link, message)
        case Type.NEWADDR | Type.DELADDR:
            address = parse_address(message.body)
            return network if address is None else _with_address(network, address, message)
        case Type.NEWROUTE | Type.DELROUTE:
            route = parse_route(message.body)
            if route is None or route.table != MAIN_TABLE:
                return network
            return replace(network, routes=_with_route(network.routes, route, message))
        case _:
            return network


def _with_link(network: Network, link: Link, message: Message) -> Network:
    links, gone = {other.index: other for other in network.links}, message.type == Type.DELLINK
    if old := links.get(link.index):
        link = replace(link, wireless=old.wireless, driver=old.driver, rfkill=old.rfkill)
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
    others = tuple(other for other in routes if _less(other, route) is not None)
    return (*others, route) if message.flags & Flag.APPEND else (route, *others)


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
    return (route.family, route.destination, route.prefix_length, route.metric, route.tos)
