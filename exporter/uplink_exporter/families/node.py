"""The families of the load source, and those about the exporter itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from uplink_exporter.diagnosis import Verdict
from uplink_exporter.facts import Fact, Health, Host, Load
from uplink_exporter.families.family import MetricFamily, Sample, Scene


def _load(scene: Scene) -> object:
    return scene.view.load


def _of_load(value: Callable[[Load], float]) -> Callable[[Scene], Iterator[Sample]]:
    return lambda scene: iter([((), value(scene.view.load))]) if scene.view.load else iter(())


def _pressure(scene: Scene) -> Iterator[Sample]:
    return (((p.resource, p.share), p.seconds) for p in (scene.view.load.pressure if scene.view.load else ()))


def _source_health(scene: Scene) -> Iterator[tuple[type[Fact], Health]]:
    return ((kind, scene.state.health.get(kind.source, Health())) for kind in scene.showing.sources)


def _source_up(scene: Scene) -> Iterator[Sample]:
    return (((kind.source,), scene.up(kind)) for kind in scene.showing.sources)


def _source_last(scene: Scene) -> Iterator[Sample]:
    for kind, health in _source_health(scene):
        if health.last_fact is not None:
            yield (kind.source,), scene.now.unix(health.last_fact.uptime)


def _source_errors(scene: Scene) -> Iterator[Sample]:
    for kind, health in _source_health(scene):
        for reason in dict.fromkeys((*kind.reasons, *health.errors)):
            yield (kind.source, reason), health.errors.get(reason, 0)


def _host_network(scene: Scene) -> Iterator[Sample]:
    host = scene.state.fresh(Host, scene.now)
    return iter([((), host.host_network)]) if host else iter(())


def _build(scene: Scene) -> Iterator[Sample]:
    build = scene.showing.build
    return iter([((build.version, build.revision, build.python_version), 1)])


def _verdicts(scene: Scene) -> Iterator[Sample]:
    return (((verdict,), scene.diagnosis.verdict is verdict) for verdict in Verdict)


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
        help="1 if the source's last fact is fresh; what a stale source says is left out of the page. "
        "Of the recorder: 1 if it can write.",
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
        reads=lambda scene: scene.showing.build,
    ),
)
