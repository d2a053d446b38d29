"""The families of the netlink source: default routes and interfaces."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from uplink_exporter.facts import Family, Instant, Link, Network, NextHop, Operstate, Route, RouteHistory
from uplink_exporter.families.family import MetricFamily, Sample, Scene


def _links(scene: Scene) -> object:
    return scene.network and scene.network.links, scene.view.expected


def _network(scene: Scene) -> object:
    network = scene.network
    if network is None:
        return None
    return network.links, network.addresses, network.routes, network.neighbours, network.ways, scene.view.expected


def _per_family(value: Callable[[Network, Family], float]) -> Callable[[Scene], Iterator[Sample]]:
    def samples(scene: Scene) -> Iterator[Sample]:
        return (((family,), value(scene.network, family)) for family in Family) if scene.network else iter(())

    return samples


def _per_history(value: Callable[[RouteHistory, Instant], float | None]) -> Callable[[Scene], Iterator[Sample]]:
    def samples(scene: Scene) -> Iterator[Sample]:
        values = ((family, value(history, scene.now)) for family, history in scene.histories())
        return (((family,), number) for family, number in values if number is not None)

    return samples


def _per_link(value: Callable[[Link], float]) -> Callable[[Scene], Iterator[Sample]]:
    return lambda scene: (((link.name,), value(link)) for link in scene.links)


def _moves(scene: Scene) -> Iterator[Sample]:
    for family, history in scene.histories():
        if history.device and history.earlier and history.moved is not None:
            yield (family, history.earlier.name, history.device.name), scene.now.unix(history.moved)


def _next_hops(scene: Scene) -> Iterator[tuple[Network, Route, NextHop]]:
    network = scene.network
    if network is not None:
        routes = (route for family in Family for route in network.default_routes(family))
        yield from ((network, route, hop) for route in routes for hop in route.next_hops)


def _route_info(scene: Scene) -> Iterator[Sample]:
    for network, route, hop in _next_hops(scene):
        link = network.link_at(hop.index)
        yield (route.family, link.name if link else "", hop.gateway, route.protocol, str(route.metric)), 1


def _neighbours(scene: Scene) -> Iterator[Sample]:
    for network, route, hop in _next_hops(scene):
        link, neighbour = network.link_at(hop.index), network.neighbour(hop)
        if hop.gateway and link is not None:
            yield (route.family, link.name, hop.gateway), bool(neighbour and neighbour.failed)


def _alive(scene: Scene) -> Iterator[Sample]:
    for family in Family if scene.network else ():
        hops = scene.network.next_hops(family) if scene.network else {}
        if len(hops) > 1:
            counts = Counter(hops.values())
            yield from (((family, state), counts[alive]) for state, alive in (("alive", True), ("dead", False)))


def _operstates(scene: Scene) -> Iterator[Sample]:
    return (((link.name, state), link.operstate is state) for link in scene.links for state in Operstate)


def _addresses(scene: Scene) -> Iterator[Sample]:
    addresses = scene.network.addresses if scene.network else ()
    usable = Counter((address.index, address.family) for address in addresses if address.usable)
    return (((link.name, family), usable[link.index, family]) for link in scene.links for family in Family)


def _info(link: Link) -> tuple[str, ...]:
    return link.name, link.kind, "true" if link.wireless else "false", link.driver


def _expected(scene: Scene) -> Iterator[Sample]:
    return (((expected.device, expected.reason), 1) for expected in scene.view.expected)


def _present(scene: Scene) -> Iterator[Sample]:
    network = scene.network
    if network is not None:
        yield from (((device,), network.link(device) is not None) for device in (e.device for e in scene.view.expected))


ROUTES = (
    MetricFamily(
        name="uplink_default_route_present",
        help="1 if the main table holds a default route of type unicast.",
        labels=("family",),
        samples=_per_family(lambda network, family: bool(network.default_routes(family))),
        reads=_network,
    ),
    MetricFamily(
        name="uplink_default_route_usable",
        help="1 if traffic to the outside leaves, by whatever route: the kernel, asked for the way, names a device "
        "that carries, a gateway that has not failed, and a source address that is not link-local.",
        labels=("family",),
        samples=_per_family(lambda network, family: network.usable(family)),
        reads=_network,
    ),
    MetricFamily(
        name="uplink_default_route_required",
        help="1 if this node must have a default route of the family (--uplink.require-family).",
        labels=("family",),
        samples=lambda scene: (((family,), family in scene.state.policy.required) for family in Family),
        reads=lambda scene: scene.state.policy,
    ),
    MetricFamily(
        name="uplink_default_route_seen_since_boot",
        help="1 once a default route has been usable in this boot.",
        labels=("family",),
        samples=_per_history(lambda history, now: history.seen),
    ),
    MetricFamily(
        name="uplink_default_route_info",
        help="1 for each next hop of each default route of the main table.",
        labels=("family", "device", "gateway", "protocol", "metric"),
        samples=_route_info,
        reads=_network,
    ),
    MetricFamily(
        name="uplink_default_route_next_hops",
        help="Next hops of a way to the outside that has several: a dead one loses the flows that are hashed to it.",
        labels=("family", "state"),
        samples=_alive,
        reads=_network,
    ),
    MetricFamily(
        name="uplink_default_route_losses_total",
        help="Times that the usable default route was lost in this boot.",
        labels=("family",),
        samples=_per_history(lambda history, now: history.losses),
    ),
    MetricFamily(
        name="uplink_default_route_absent_seconds_total",
        help="Seconds of this boot without a usable default route, running on while there is none.",
        labels=("family",),
        samples=_per_history(lambda history, now: history.absent_seconds(now.uptime)),
    ),
    MetricFamily(
        name="uplink_default_route_last_change_timestamp_seconds",
        help="When the default route last became usable or unusable; no sample until it does.",
        labels=("family",),
        samples=_per_history(lambda h, now: None if h.changed is None else now.unix(h.changed)),
    ),
    MetricFamily(
        name="uplink_default_route_moved_timestamp_seconds",
        help="When traffic last moved to another device in this boot; no sample until it does.",
        labels=("family", "from", "to"),
        samples=_moves,
    ),
    MetricFamily(
        name="uplink_boot_time_seconds",
        help="When the kernel booted, in Unix time by the wall clock as it is now.",
        samples=lambda scene: iter([((), scene.now.boot_time)]),
    ),
    MetricFamily(
        name="uplink_boot_to_default_route_seconds",
        help="From boot to the first usable default route; no sample if it was there before the exporter looked.",
        labels=("family",),
        samples=_per_history(lambda history, now: history.first_usable),
    ),
    MetricFamily(
        name="uplink_gateway_neighbour_failed",
        help="1 if the kernel's neighbour entry of the default gateway is FAILED: it does not answer.",
        labels=("family", "device", "gateway"),
        samples=_neighbours,
        reads=_network,
    ),
)

INTERFACES = (
    MetricFamily(
        name="uplink_interface_operstate",
        help="1 for the operstate (RFC 2863) that the device is in, 0 for the others.",
        labels=("device", "operstate"),
        samples=_operstates,
        reads=_links,
    ),
    MetricFamily(
        name="uplink_interface_admin_up",
        help="1 if the device is administratively up (IFF_UP).",
        labels=("device",),
        samples=_per_link(lambda link: link.admin_up),
        reads=_links,
    ),
    MetricFamily(
        name="uplink_interface_carrier",
        help="1 if the device has carrier.",
        labels=("device",),
        samples=_per_link(lambda link: link.admin_up and link.carrier),
        reads=_links,
    ),
    MetricFamily(
        name="uplink_interface_carrier_changes_total",
        help="Times that the device's carrier came or went, as the kernel counts.",
        labels=("device",),
        samples=_per_link(lambda link: link.carrier_changes),
        reads=_links,
    ),
    MetricFamily(
        name="uplink_interface_addresses",
        help="Addresses of the device that can be the source of traffic beyond the link.",
        labels=("device", "family"),
        samples=_addresses,
        reads=_network,
    ),
    MetricFamily(
        name="uplink_interface_expected",
        help="1 for each device that should carry the default route, and why; also if it does not exist.",
        labels=("device", "reason"),
        samples=_expected,
    ),
    MetricFamily(
        name="uplink_interface_present",
        help="1 if the expected uplink exists.",
        labels=("device",),
        samples=_present,
        reads=_links,
    ),
    MetricFamily(
        name="uplink_interface_info",
        help="1 for each device: rtnetlink's link kind (empty if physical), wireless or not, and driver.",
        labels=("device", "kind", "wireless", "driver"),
        samples=lambda scene: ((_info(link), 1) for link in scene.links),
        reads=_links,
    ),
)
