"""The metrics: each a name, a help text, label names, and a pure function from what is known to samples.

Rules of this file: names are API; a closed set is given whole, zeros included; nothing is remembered here. `reads`
names the parts of the state that the samples are a function of, so that a page need not be made anew while those
stay the same; None says that they change with time itself.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from uplink_exporter.diagnosis import Diagnosis, Expected, Verdict, diagnose, expected_uplinks
from uplink_exporter.facts import (
    Fact,
    Family,
    Health,
    Host,
    Instant,
    Link,
    Load,
    Network,
    NodeState,
    Operstate,
    Reason,
    RouteHistory,
)

Sample = tuple[tuple[str, ...], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildInfo:
    """What this exporter is; the labels of `uplink_exporter_build_info`."""

    version: str
    revision: str
    python_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Showing:
    """What is shown, beside the state: which devices, which sources run, and who we are."""

    sources: tuple[type[Fact], ...]
    build: BuildInfo
    include: re.Pattern[str] | None = None
    exclude: re.Pattern[str] | None = None

    def shows(self, name: str) -> bool:
        """Whether a device of that name is shown even if it is no expected uplink."""
        wanted = self.include is None or self.include.fullmatch(name) is not None
        return wanted and (self.exclude is None or self.exclude.fullmatch(name) is None)


@dataclass(frozen=True, kw_only=True)
class Scene:
    """One look at the node: the state at a moment, with what several families need of it."""

    state: NodeState
    now: Instant
    showing: Showing

    @cached_property
    def network(self) -> Network | None:
        """The network, unless its source is stale."""
        return self.state.fresh(Network, self.now)

    @cached_property
    def load(self) -> Load | None:
        """The load, unless its source is stale."""
        return self.state.fresh(Load, self.now)

    @cached_property
    def expected(self) -> tuple[Expected, ...]:
        """The devices that should carry the default route."""
        return expected_uplinks(self.state)

    @cached_property
    def diagnosis(self) -> Diagnosis:
        """The verdict now."""
        return diagnose(self.state, self.now)

    @cached_property
    def links(self) -> tuple[Link, ...]:
        """The links that are shown."""
        names = {expected.device for expected in self.expected}
        links = self.network.links if self.network else ()
        return tuple(link for link in links if link.name in names or self.showing.shows(link.name))

    def histories(self) -> Iterator[tuple[Family, RouteHistory]]:
        """Both families' route histories, unless their source is stale."""
        return iter(self.network.history.items()) if self.network else iter(())


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricFamily:
    """One metric. `samples` gives label values, in the order of `labels`, with their number."""

    name: str
    help: str
    samples: Callable[[Scene], Iterable[Sample]]
    labels: tuple[str, ...] = ()
    reads: Callable[[Scene], object] | None = None

    @property
    def counter(self) -> bool:
        """Whether it is a counter; every other one is a gauge."""
        return self.name.endswith("_total")


def _links(scene: Scene) -> object:
    return scene.network and scene.network.links, scene.expected


def _network(scene: Scene) -> object:
    network = scene.network
    return network and (network.links, network.addresses, network.routes, network.neighbours), scene.expected


def _load(scene: Scene) -> object:
    return scene.load


def _settings(scene: Scene) -> object:
    return scene.showing.build, scene.state.policy


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


def _of_load(value: Callable[[Load], float]) -> Callable[[Scene], Iterator[Sample]]:
    return lambda scene: iter([((), value(scene.load))]) if scene.load else iter(())


def _route_info(scene: Scene) -> Iterator[Sample]:
    network = scene.network
    for family in Family if network else ():
        for route in network.default_routes(family) if network else ():
            for hop in route.next_hops:
                link = network.link_at(hop.index) if network else None
                yield (family, link.name if link else "", hop.gateway, route.protocol, str(route.metric)), 1


def _neighbours(scene: Scene) -> Iterator[Sample]:
    network = scene.network
    for family in Family if network else ():
        for route in network.default_routes(family) if network else ():
            for hop in route.next_hops:
                link, neighbour = (network.link_at(hop.index), network.neighbour(hop)) if network else (None, None)
                if hop.gateway and link is not None:
                    yield (family, link.name, hop.gateway), bool(neighbour and neighbour.failed)


def _operstates(scene: Scene) -> Iterator[Sample]:
    return (((link.name, state), link.operstate is state) for link in scene.links for state in Operstate)


def _addresses(scene: Scene) -> Iterator[Sample]:
    addresses = scene.network.addresses if scene.network else ()
    usable = Counter((address.index, address.family) for address in addresses if address.usable)
    return (((link.name, family), usable[link.index, family]) for link in scene.links for family in Family)


def _info(link: Link) -> tuple[str, ...]:
    return link.name, link.kind, "true" if link.wireless else "false", link.driver


def _expected(scene: Scene) -> Iterator[Sample]:
    return (((expected.device, expected.reason), 1) for expected in scene.expected)


def _present(scene: Scene) -> Iterator[Sample]:
    network = scene.network
    devices = scene.expected if network else ()
    return (
        ((expected.device,), network is not None and network.link(expected.device) is not None) for expected in devices
    )


def _pressure(scene: Scene) -> Iterator[Sample]:
    return (((p.resource, p.share), p.seconds) for p in (scene.load.pressure if scene.load else ()))


def _source_health(scene: Scene) -> Iterator[tuple[type[Fact], Health]]:
    return ((kind, scene.state.health.get(kind.source, Health())) for kind in scene.showing.sources)


def _source_up(scene: Scene) -> Iterator[Sample]:
    kinds = scene.showing.sources
    return (((kind.source,), scene.state.up(kind.source, kind.max_age, scene.now)) for kind in kinds)


def _source_last(scene: Scene) -> Iterator[Sample]:
    for kind, health in _source_health(scene):
        if health.last_fact is not None:
            yield (kind.source,), scene.now.unix(health.last_fact.uptime)


def _source_errors(scene: Scene) -> Iterator[Sample]:
    for kind, health in _source_health(scene):
        for reason in Reason:
            yield (kind.source, reason), health.errors.get(reason, 0)


def _host_network(scene: Scene) -> Iterator[Sample]:
    host = scene.state.fresh(Host, scene.now)
    return iter([((), host.host_network)]) if host else iter(())


def _build(scene: Scene) -> Iterator[Sample]:
    build = scene.showing.build
    return iter([((build.version, build.revision, build.python_version), 1)])


def _verdicts(scene: Scene) -> Iterator[Sample]:
    return (((verdict,), scene.diagnosis.verdict is verdict) for verdict in Verdict)


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
        help="1 if a default route leaves by a device whose operstate is up or unknown, neither dead nor linkdown.",
        labels=("family",),
        samples=_per_family(lambda network, family: bool(network.usable_next_hops(family))),
        reads=_network,
    ),
    MetricFamily(
        name="uplink_default_route_required",
        help="1 if this node must have a default route of the family (--uplink.require-family).",
        labels=("family",),
        samples=lambda scene: (((family,), family in scene.state.policy.required) for family in Family),
        reads=_settings,
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
        samples=_per_link(lambda link: link.carrier),
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

LOAD = (
    MetricFamily(
        name="uplink_load1", help="Load average, 1 minute.", samples=_of_load(lambda load: load.load1), reads=_load
    ),
    MetricFamily(
        name="uplink_load5", help="Load average, 5 minutes.", samples=_of_load(lambda load: load.load5), reads=_load
    ),
    MetricFamily(
        name="uplink_load15", help="Load average, 15 minutes.", samples=_of_load(lambda load: load.load15), reads=_load
    ),
    MetricFamily(
        name="uplink_cpus", help="CPUs that are online.", samples=_of_load(lambda load: load.cpus), reads=_load
    ),
    MetricFamily(
        name="uplink_processes_blocked",
        help="Processes that wait for I/O.",
        samples=_of_load(lambda load: load.blocked),
        reads=_load,
    ),
    MetricFamily(
        name="uplink_pressure_stalled_seconds_total",
        help="Seconds in which some or all (full) tasks stalled on the resource (PSI); none without PSI in the kernel.",
        labels=("resource", "share"),
        samples=_pressure,
        reads=_load,
    ),
)

OURSELVES = (
    MetricFamily(
        name="uplink_diagnosis",
        help="1 for the verdict on this node's uplink, 0 for the others.",
        labels=("verdict",),
        samples=_verdicts,
    ),
    MetricFamily(
        name="uplink_source_up",
        help="1 if the source's last fact is fresh; what a stale source says is left out of the page.",
        labels=("source",),
        samples=_source_up,
    ),
    MetricFamily(
        name="uplink_source_last_fact_timestamp_seconds",
        help="When the source last yielded a fact.",
        labels=("source",),
        samples=_source_last,
    ),
    MetricFamily(
        name="uplink_source_errors_total",
        help="Failures of the source, by reason.",
        labels=("source", "reason"),
        samples=_source_errors,
        reads=lambda scene: (scene.showing.sources, scene.state.health),
    ),
    MetricFamily(
        name="uplink_host_network",
        help="0 if the exporter runs in a pod's network namespace, and so measures that instead of the node's.",
        samples=_host_network,
    ),
    MetricFamily(
        name="uplink_exporter_build_info",
        help="1, with what this exporter is.",
        labels=("version", "revision", "python_version"),
        samples=_build,
        reads=_settings,
    ),
)

FAMILIES: tuple[MetricFamily, ...] = (*ROUTES, *INTERFACES, *LOAD, *OURSELVES)
