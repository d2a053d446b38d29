"""The network, as one dump of the kernel's has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import ClassVar

from uplink_exporter.facts.fact import Instant, Reason
from uplink_exporter.facts.links import Address, Family, Link
from uplink_exporter.facts.outside import Way, hops_of, ways
from uplink_exporter.facts.overlays import overlays
from uplink_exporter.facts.route_history import Device, RouteHistory
from uplink_exporter.facts.routes import Neighbour, NeighbourState, NextHop, Reached, Route, Rule


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
    rules: tuple[Rule, ...] = ()
    """Asked for only where the main table does not explain the kernel's answers."""
    reached: Mapping[str, Reached] = field(default_factory=lambda: MappingProxyType({}))
    """By which way the kernel would send to the addresses that were asked about."""
    named: tuple[str, ...] = ()
    """The devices that the operator names as uplinks."""
    unsettled: frozenset[Family] = frozenset()
    """Families of which events have overtaken the answers: what was usable counts until the kernel is asked again."""
    ways: Mapping[Family, tuple[Way, ...]] = field(default_factory=lambda: MappingProxyType({}))
    """By which way traffic leaves, and what keeps it from leaving."""
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

    def device(self, name: str) -> Link | None:
        """The link of that name, or with that alternative name."""
        return self.link(name) or next((link for link in self.links if name in link.altnames), None)

    def ways_out(self, family: Family) -> tuple[Way, ...]:
        """The ways to the outside."""
        return self.ways.get(family) or ways(self, family)

    def usable(self, family: Family) -> bool:
        """Whether traffic leaves."""
        return all(way.obstacle is None for way in self.ways_out(family))

    def next_hops(self, family: Family) -> Mapping[NextHop, bool]:
        """The next hops of the ways to the outside, and whether traffic leaves by each."""
        found: dict[NextHop, bool] = {}
        for way in self.ways_out(family):
            if way.route is not None and way.hop is not None:
                found.update(hops_of(self, way.route))
            elif way.hop is not None:
                found[way.hop] = way.obstacle is None
        return found

    @property
    def resolving(self) -> bool:
        """Whether the kernel is just asking for a gateway, which takes it some seconds."""
        return any(n.state is NeighbourState.INCOMPLETE and not n.failed for n in self.neighbours)

    def devices(self, family: Family) -> tuple[str, ...]:
        """The devices that carry traffic to the outside, or would by a default route, each once, the best first.

        Not those of containers and overlays, nor one that only stands in for another.
        """
        taken = (way.hop for way in self.ways_out(family) if way.hop is not None)
        given = (hop for route in self.default_routes(family) for hop in route.next_hops)
        links = (self.link_at(hop.index) for hop in (*taken, *given))
        uplinks = (link for link in links if link is not None and not link.loopback and not link.serves_pods)
        return tuple(dict.fromkeys(link.name for link in uplinks if not self.outranked(family, link)))

    def outranked(self, family: Family, link: Link) -> bool:
        """Whether it only stands in for another device that the operator names, or that carried the route before."""
        if not link.imaginary or link.name in self.named:
            return False
        known = ((name, self.device(name)) for name in (*self.named, *self.uplinks.get(family, ())))
        return any(other is None or not other.imaginary for _, other in known)

    def neighbour(self, hop: NextHop) -> Neighbour | None:
        """The neighbour entry of the next hop's gateway."""
        return next((n for n in self.neighbours if (n.index, n.address) == (hop.index, hop.gateway)), None)

    def following(self, previous: Network | None, now: Instant) -> Network:
        """This dump with the route histories carried on, and equal parts shared with the last one."""
        previous = previous or Network()
        known = {(n.index, n.address): n for n in previous.neighbours}
        merged = replace(
            self,
            neighbours=tuple(n.following(known.get((n.index, n.address))) for n in self.neighbours),
            overlays=overlays(previous.overlays, self.links, now.uptime),
            uplinks=self._renamed(previous),
        )
        carrying = {family: devices for family in Family if (devices := merged.devices(family))}
        merged = replace(merged, uplinks=MappingProxyType({**merged.uplinks, **carrying}))
        found = {family: merged._ways(family, previous) for family in Family}
        merged = replace(merged, ways=MappingProxyType(found))
        history = {family: merged._history(family, previous, now) for family in Family}
        return replace(merged, history=MappingProxyType(history))._sharing(previous)

    def _renamed(self, previous: Network) -> Mapping[Family, tuple[str, ...]]:
        """What last carried the routes, by the names that those devices have now."""
        names = {
            old.name: new.name
            for old in previous.links
            if (new := self.link_at(old.index)) is not None and new.name != old.name and self.link(old.name) is None
        }
        return MappingProxyType(
            {family: tuple(names.get(name, name) for name in uplinks) for family, uplinks in previous.uplinks.items()}
        )

    def _ways(self, family: Family, previous: Network) -> tuple[Way, ...]:
        settled = family not in self.unsettled or family not in previous.ways
        return ways(self, family) if settled else previous.ways[family]

    def _history(self, family: Family, previous: Network, now: Instant) -> RouteHistory:
        usable, before = self.usable(family), previous.history.get(family)
        device = self._best(family) if usable else None
        if before is None:
            return RouteHistory.first(usable=usable, uptime=now.uptime, device=device)
        return before.following(usable=usable, uptime=now.uptime, device=device)

    def _best(self, family: Family) -> Device | None:
        links = (self.link_at(way.hop.index) for way in self.ways_out(family) if way.hop is not None)
        link = next((link for link in links if link is not None), None)
        return Device(name=link.name, index=link.index) if link else None

    def _sharing(self, previous: Network) -> Network:
        # An unchanged part stays the same object, so that what is rendered from it can be kept by identity.
        return replace(
            self,
            links=previous.links if self.links == previous.links else self.links,
            addresses=previous.addresses if self.addresses == previous.addresses else self.addresses,
            routes=previous.routes if self.routes == previous.routes else self.routes,
            neighbours=previous.neighbours if self.neighbours == previous.neighbours else self.neighbours,
            ways=previous.ways if self.ways == previous.ways else self.ways,
            history=previous.history if self.history == previous.history else self.history,
            uplinks=previous.uplinks if self.uplinks == previous.uplinks else self.uplinks,
        )
