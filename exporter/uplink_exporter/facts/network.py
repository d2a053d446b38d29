"""The network, as one dump of the kernel's has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import ClassVar

from uplink_exporter.facts.fact import Instant, Reason
from uplink_exporter.facts.links import Address, Family, Link
from uplink_exporter.facts.overlays import overlays
from uplink_exporter.facts.route_history import Device, RouteHistory
from uplink_exporter.facts.routes import Neighbour, NextHop, Reached, Route


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """Links, addresses, routes towards zero and gateway neighbours, as one dump of the kernel's has them."""

    source: ClassVar[str] = "netlink"
    max_age: ClassVar[float] = 90.0  # three resyncs
    reasons: ClassVar[tuple[Reason, ...]] = (
        Reason.OVERFLOW,
        Reason.INTERRUPTED,
        Reason.PERMISSION,
        Reason.TIMEOUT,
        Reason.IO,
        Reason.PARSE,
    )

    links: tuple[Link, ...] = ()
    addresses: tuple[Address, ...] = ()
    routes: tuple[Route, ...] = ()
    neighbours: tuple[Neighbour, ...] = ()
    reached: Mapping[str, Reached] = field(default_factory=lambda: MappingProxyType({}))
    """By which way the kernel would send to the addresses that were asked about."""
    history: Mapping[Family, RouteHistory] = field(default_factory=lambda: MappingProxyType({}))
    uplinks: Mapping[Family, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    """What carries each family's default route, else what last carried it, be it in an earlier boot."""
    overlays: Mapping[str, float | None] = field(default_factory=lambda: MappingProxyType({}))
    """Flannel's own devices that were there in this boot, and since when each is gone; None if it is there."""

    def link(self, name: str) -> Link | None:
        """The link of that name."""
        return next((link for link in self.links if link.name == name), None)

    def link_at(self, index: int) -> Link | None:
        """The link of that index."""
        return next((link for link in self.links if link.index == index), None)

    def default_routes(self, family: Family) -> tuple[Route, ...]:
        """The family's default routes, in dump order (the kernel dumps the lowest metric first)."""
        return tuple(route for route in self.routes if route.default and route.family is family)

    def carries(self, hop: NextHop) -> bool:
        """Whether traffic can leave by this next hop."""
        link = self.link_at(hop.index)
        alive = not hop.dead and not hop.linkdown
        return alive and (link.carries if link is not None else hop.index == 0)

    def usable_next_hops(self, family: Family) -> tuple[NextHop, ...]:
        """The next hops of the family's default routes by which traffic can leave."""
        routes = self.default_routes(family)
        return tuple(hop for route in routes for hop in route.next_hops if self.carries(hop))

    def devices(self, family: Family) -> tuple[str, ...]:
        """The devices that the family's default routes name, each once, in dump order."""
        hops = (hop for route in self.default_routes(family) for hop in route.next_hops)
        links = (self.link_at(hop.index) for hop in hops)
        return tuple(dict.fromkeys(link.name for link in links if link is not None))

    def neighbour(self, hop: NextHop) -> Neighbour | None:
        """The neighbour entry of the next hop's gateway."""
        return next((n for n in self.neighbours if (n.index, n.address) == (hop.index, hop.gateway)), None)

    def following(self, previous: Network | None, now: Instant) -> Network:
        """This dump with the route histories carried on, and equal parts shared with the last one."""
        previous = previous or Network()
        history = {family: self._history(family, previous, now) for family in Family}
        carrying = {family: devices for family in Family if (devices := self.devices(family))}
        known = {(n.index, n.address): n for n in previous.neighbours}
        following = replace(
            self,
            neighbours=tuple(n.following(known.get((n.index, n.address))) for n in self.neighbours),
            history=MappingProxyType(history),
            uplinks=MappingProxyType({**previous.uplinks, **carrying}),
            overlays=overlays(previous.overlays, self.links, now.uptime),
        )
        return following._sharing(previous)

    def _history(self, family: Family, previous: Network, now: Instant) -> RouteHistory:
        usable, before = bool(self.usable_next_hops(family)), previous.history.get(family)
        device = self._best(family) if usable else None
        if before is None:
            return RouteHistory.first(usable=usable, uptime=now.uptime, device=device)
        return before.following(usable=usable, uptime=now.uptime, device=device)

    def _best(self, family: Family) -> Device | None:
        link = next(map(self.link, self.devices(family)), None)
        return Device(name=link.name, index=link.index) if link else None

    def _sharing(self, previous: Network) -> Network:
        # An unchanged part stays the same object, so that what is rendered from it can be kept by identity.
        return replace(
            self,
            links=previous.links if self.links == previous.links else self.links,
            addresses=previous.addresses if self.addresses == previous.addresses else self.addresses,
            routes=previous.routes if self.routes == previous.routes else self.routes,
            neighbours=previous.neighbours if self.neighbours == previous.neighbours else self.neighbours,
            history=previous.history if self.history == previous.history else self.history,
            uplinks=previous.uplinks if self.uplinks == previous.uplinks else self.uplinks,
        )
