"""By which way traffic leaves for the outside, and what keeps it from leaving.

The kernel is asked, and where its answer is not at hand, or events have overtaken it, the main table is read as the
kernel reads it: the longest prefix, then the lowest metric, dead next hops passed over. That reading also explains the
answer, and never replaces it: rules, other tables and the state of neighbours have a say in it, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

from uplink_exporter.facts.links import Address, Family, Link, goes_far
from uplink_exporter.facts.routes import MAIN_TABLE, NextHop, Reached, Route, RouteType

if TYPE_CHECKING:
    from uplink_exporter.facts.network import Network

# One in each half of the space, since a VPN may route both halves, and one of them may be dead. For IPv6 those of
# 2000::/3, beyond which nothing is global. Neither DNS servers nor documentation prefixes, for which hosts have routes
# of their own, and in blocks that also those leave whole who route all but the private networks.
OUTSIDE = {Family.IPV4: ("64.64.64.64", "144.144.144.144"), Family.IPV6: ("2600::1", "3d00::1")}


_LOOPBACK = 1


class Obstacle(StrEnum):
    """Why traffic does not leave by a way."""

    NO_ROUTE = "no_route"
    REFUSED = "refused"
    LOCAL = "local"
    DEAD = "dead"
    NO_PORT = "no_port"
    PODS = "pods"
    IMAGINARY = "imaginary"
    SOURCE = "source"
    GATEWAY = "gateway"


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """The way to one address outside. `route` is that of the main table, if it is one of those.

    `hop` is one that is alive, where the kernel spreads its flows over several.
    """

    address: str
    hop: NextHop | None = None
    source: str = ""
    table: int = MAIN_TABLE
    route: Route | None = None
    obstacle: Obstacle | None = None
    sure: bool = True
    """False if only the kernel can tell."""


def ways(network: Network, family: Family) -> tuple[Way, ...]:
    """The ways to the outside, by the kernel's answers where they are at hand."""
    answers = ((address, network.reached.get(address)) for address in OUTSIDE[family])
    return tuple(
        read(network, family, address) if answer is None else _answered(network, family, address, answer)
        for address, answer in answers
    )


def _answered(network: Network, family: Family, address: str, answer: Reached) -> Way:
    if answer.errno:
        return _refused(address, next(iter(best(network, family, address)), None))
    hop = NextHop(index=answer.index, gateway=answer.gateway)
    route = next((route for route in covering(network, family, address) if _leads_by(route, hop)), None)
    if answer.table != MAIN_TABLE:
        route = None
    obstacle = hop_obstacle(network, family, hop)
    if obstacle is not None and route is not None and (alive := _alive(network, route)) is not None:
        hop, obstacle = alive, None
    if answer.type is not RouteType.UNICAST:
        obstacle = Obstacle.LOCAL
    elif obstacle is None and not goes_far(answer.preferred_source):
        obstacle = Obstacle.SOURCE
    return Way(
        address=address, hop=hop, source=answer.preferred_source, table=answer.table, route=route, obstacle=obstacle
    )


def _refused(address: str, route: Route | None) -> Way:
    refused = route is not None and route.type not in (RouteType.UNICAST, RouteType.THROW)
    return Way(address=address, route=route, obstacle=Obstacle.REFUSED if refused else Obstacle.NO_ROUTE)


def read(network: Network, family: Family, address: str) -> Way:
    """The way that the main table gives."""
    first, *more = best(network, family, address) or (None,)
    if first is None or first.type is not RouteType.UNICAST:
        return _refused(address, first)
    hops = [(route, hop) for route in (first, *more) for hop in route.next_hops if not hop.dead]
    obstacles = [hop_obstacle(network, family, hop) or _source_obstacle(network, route, hop) for route, hop in hops]
    alive = next((place for place, obstacle in enumerate(obstacles) if obstacle is None), 0)
    route, hop = hops[alive]
    # Which of several routes, and whether a line without carrier is passed over, is for the kernel to say.
    sure = obstacles[alive] is None if not more else len(set(obstacles)) == 1
    return Way(
        address=address,
        hop=hop,
        route=route,
        obstacle=obstacles[alive],
        sure=bool(hop.index) and (sure or _alone(network, family, address, (first, *more))),
    )


def _source_obstacle(network: Network, route: Route, hop: NextHop) -> Obstacle | None:
    """That the kernel would take a source from which nothing is forwarded: IPv6 looks at all links for another."""
    held = [a for a in network.addresses if a.family is route.family and a.index != _LOOPBACK]
    if route.family is Family.IPV4:
        own = [address for address in held if address.index == hop.index] or held
        subnet = [address for address in own if hop.gateway and _within(address, hop.gateway)]
        held = (subnet or own)[:1]
    sources = [route.preferred_source] if route.preferred_source else [a.address for a in held if not a.unready]
    return None if not sources or any(map(goes_far, sources)) else Obstacle.SOURCE


@lru_cache(maxsize=256)
def _within(address: Address, gateway: str) -> bool:
    return ip_address(gateway) in ip_network(f"{address.address}/{address.prefix_length}", strict=False)


def _alone(network: Network, family: Family, address: str, chosen: tuple[Route, ...]) -> bool:
    """Whether there is no other route that the kernel could take instead."""
    others = (route for route in covering(network, family, address) if route not in chosen)
    return not any(hop_obstacle(network, family, hop) is None for route in others for hop in route.next_hops)


def best(network: Network, family: Family, address: str) -> tuple[Route, ...]:
    """The routes of the main table that come first for an address: several if they have the same metric."""
    usable = [route for route in covering(network, family, address) if _counts(route)]
    if not usable:
        return ()
    return tuple(r for r in usable if (r.prefix_length, r.metric) == (usable[0].prefix_length, usable[0].metric))


def _counts(route: Route) -> bool:
    alive = route.type is not RouteType.UNICAST or any(not hop.dead for hop in route.next_hops)
    return alive and not route.tos and not route.expired


def covering(network: Network, family: Family, address: str) -> list[Route]:
    """The routes of the main table that cover an address, as the kernel goes through them."""
    found = [
        route
        for route in network.routes
        if route.family is family
        and route.table == MAIN_TABLE
        and _covers(route.destination, route.prefix_length, address)
    ]
    return sorted(found, key=lambda route: (-route.prefix_length, route.metric))


@lru_cache(maxsize=256)
def _covers(destination: str, prefix_length: int, address: str) -> bool:
    zero = "::" if ":" in address else "0.0.0.0"
    return ip_address(address) in ip_network(f"{destination or zero}/{prefix_length}", strict=False)


def _leads_by(route: Route, hop: NextHop) -> bool:
    return any((other.index, other.gateway) == (hop.index, hop.gateway) for other in route.next_hops)


def _alive(network: Network, route: Route) -> NextHop | None:
    return next((hop for hop, alive in hops_of(network, route) if alive), None)


def hops_of(network: Network, route: Route) -> Iterator[tuple[NextHop, bool]]:
    """The route's next hops, and whether traffic leaves by each."""
    return ((hop, hop_obstacle(network, route.family, hop) is None) for hop in route.next_hops)


def hop_obstacle(network: Network, family: Family, hop: NextHop) -> Obstacle | None:
    """What keeps traffic from leaving by this next hop."""
    link = network.link_at(hop.index)
    if hop.dead or hop.linkdown:
        return Obstacle.DEAD
    if link is None:
        return Obstacle.DEAD if hop.index else None
    if (obstacle := _link_obstacle(network, family, link)) is not None:
        return obstacle
    neighbour = network.neighbour(hop)
    return Obstacle.GATEWAY if neighbour is not None and neighbour.failed else None


def _link_obstacle(network: Network, family: Family, link: Link) -> Obstacle | None:
    if not link.carries:
        return Obstacle.DEAD
    if link.loopback:
        return Obstacle.LOCAL
    # Without a port, ever or now, a bridge is up all the same until it has had one.
    if link.kind == "bridge" and not any(port.master == link.index for port in network.links):
        return Obstacle.NO_PORT
    if link.serves_pods:
        return Obstacle.PODS
    return Obstacle.IMAGINARY if network.outranked(family, link) else None
