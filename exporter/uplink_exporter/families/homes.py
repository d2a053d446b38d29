"""The families of flannel's homes: where it lives, if not in a pod, and how that unit fares."""

from __future__ import annotations

from collections.abc import Iterator

from uplink_exporter.families.family import MetricFamily, Sample, Scene
from uplink_exporter.flannel.homes import in_pods, units
from uplink_exporter.flannel.units import Home, UnitState


def _homes(scene: Scene) -> Iterator[Sample]:
    """Only where it is not a pod alone, as which it has namespace, pod and container."""
    known = units(scene.state, scene.now)
    yield from (((unit.home, unit.name), 1) for unit in known)
    if known and in_pods(scene.state):
        yield (Home.POD, ""), 1


def _unit_states(scene: Scene) -> Iterator[Sample]:
    for unit in units(scene.state, scene.now):
        yield from (((unit.name, state), state is unit.state) for state in UnitState)


HOMES = (
    MetricFamily(
        name="uplink_flannel_home_info",
        help="1 for each home of flannel's on this node, where one is a unit; no sample where it is a pod alone.",
        labels=("home", "unit"),
        samples=_homes,
    ),
    MetricFamily(
        name="uplink_flannel_unit_state",
        help="1 for the state of each unit that is flannel's home or starts before it (k3s, RKE2), 0 for the others.",
        labels=("unit", "state"),
        samples=_unit_states,
    ),
)
