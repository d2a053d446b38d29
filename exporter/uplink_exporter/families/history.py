"""The families of what this boot went through, and of the recorder that remembers it."""

from __future__ import annotations

from collections.abc import Iterator

from uplink_exporter.families.family import MetricFamily, Sample, Scene
from uplink_exporter.history.memory import Recorded
from uplink_exporter.history.milestones import Milestones, reached


def _milestones(scene: Scene) -> Iterator[Sample]:
    milestones = scene.state.last(Milestones)
    return (((name,), at) for name, at in (reached(scene.state, milestones) if milestones else {}).items())


def _watched_since(scene: Scene) -> Iterator[Sample]:
    milestones = scene.state.last(Milestones)
    since = milestones.watched_since if milestones else None
    return iter([((), since)]) if since is not None else iter(())


def _set_aside(scene: Scene) -> Iterator[Sample]:
    recorded = scene.state.last(Recorded)
    return iter([((), recorded.set_aside)]) if recorded else iter(())


HISTORY = (
    MetricFamily(
        name="uplink_boot_milestone_seconds",
        help="From boot to when the uplink's link, its address, the default route and flannel were first there.",
        labels=("milestone",),
        samples=_milestones,
    ),
    MetricFamily(
        name="uplink_boot_watched_since_seconds",
        help="From boot to the exporter's first look: a milestone that is not later was reached by then, not at it.",
        samples=_watched_since,
    ),
    MetricFamily(
        name="uplink_recorder_files_set_aside",
        help="Files in --state.directory that could not be read, so that another was begun; no sample without one.",
        samples=_set_aside,
    ),
)
