"""The form of a case, and how it is played."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count, takewhile

from prometheus_client.parser import text_string_to_metric_families

from tests.feeding import Clock, Happening, feed
from uplink_exporter.commands.doctor import as_text
from uplink_exporter.commands.looking import Looked
from uplink_exporter.diagnosis import Diagnosis, Verdict
from uplink_exporter.facts import Fact, Host, Instant, Load, Network, NodeState, Policy, Reason
from uplink_exporter.families import BuildInfo, Scene, Showing
from uplink_exporter.flannel.observed import FlannelLogs, NodePods
from uplink_exporter.store import Store
from uplink_exporter.web.page import Page

BOOT = 0.0
"""These nodes boot at the Unix epoch, because that is when promtool's clock starts."""

PERIOD = 30.0
"""No source is silent for longer while it is well."""

SHOWING = Showing(
    sources=(Load, Host, Network, FlannelLogs, NodePods),
    build=BuildInfo(version="1.2.3", revision="abcdef0", python_version="3.11.2"),
)


class Alert(StrEnum):
    """The alerts that there are."""

    UPLINK_DOWN_SINCE_BOOT = "UplinkDownSinceBoot"
    UPLINK_LOST = "UplinkLost"
    UPLINK_DEAD = "UplinkDead"
    UPLINK_FLAPPING = "UplinkFlapping"
    UPLINK_OUTAGE_SEEN_LATE = "UplinkOutageSeenLate"
    FLANNEL_CRASH_LOOPING = "FlannelCrashLooping"
    FLANNEL_WOULD_NOT_START = "FlannelWouldNotStart"
    FLANNEL_DEVICE_GONE = "FlannelDeviceGone"
    FLANNEL_NOT_STARTED_SINCE_BOOT = "FlannelNotStartedSinceBoot"
    CONTROL_PLANE_POD_STUCK = "ControlPlanePodStuck"
    NODE_OVERLOADED_WITHOUT_UPLINK = "NodeOverloadedWithoutUplink"
    UPLINK_EXPORTER_DOWN = "UplinkExporterDown"
    UPLINK_EXPORTER_BLIND = "UplinkExporterBlind"


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What changes at an uptime: what sources tell from then on, and which of them fail from then on."""

    uptime: float
    tells: tuple[Fact, ...] = ()
    fails: tuple[type[Fact], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A node in the course of time, and how it stands at the end of it."""

    name: str
    moments: tuple[Moment, ...]
    until: float
    verdict: Verdict
    says: tuple[str, ...]
    """What `doctor` says among other things, in this order."""
    samples: Mapping[str, float | None] = field(default_factory=dict)
    """Samples of the page, as they are written there; None for one that must not be there."""
    alerts: frozenset[Alert] = frozenset()
    """Those that fire at the end, whether inhibited or not. No other does."""
    policy: Policy = field(default_factory=Policy)
    unscraped: tuple[float, float] | None = None
    """From when to when Prometheus cannot reach the node."""


def at(uptime: float) -> Instant:
    """A moment of the boot that all cases have in common."""
    return Instant(uptime=uptime, boot_time=BOOT)


def scenes(
    moments: Sequence[Moment],
    until: float,
    policy: Policy | None = None,
    on_diagnosis: Callable[[Diagnosis, Diagnosis | None], None] = lambda now, before: None,
) -> Iterator[Scene]:
    """The node at each step of its time."""
    clock = Clock(at(0.0))
    store = Store(state=NodeState(policy=policy or Policy()), clock=clock, on_diagnosis=on_diagnosis)
    for now in feed(store, clock, ((at(uptime), happenings) for uptime, happenings in steps(moments, until))):
        yield Scene(state=store.state, now=now, showing=SHOWING)


def steps(moments: Sequence[Moment], until: float) -> Iterator[tuple[float, Sequence[Happening]]]:
    """What is told at each of the moments, at each PERIOD between them, and last at `until`.

    As the real sources do, one that is well tells what it last told again and again.
    """
    telling: dict[type[Fact], Fact] = {}
    due = {moment.uptime: moment for moment in moments if moment.uptime <= until}
    beats = takewhile(lambda uptime: uptime < until, count(moments[0].uptime, PERIOD))
    for uptime in sorted({*due, *beats, until}):
        moment = due.get(uptime, Moment(uptime=uptime))
        telling.update({type(fact): fact for fact in moment.tells})
        for kind in moment.fails:
            telling.pop(kind, None)
        yield uptime, [*((kind.source, Reason.IO) for kind in moment.fails), *telling.values()]


def page(scene: Scene) -> Mapping[str, float]:
    """The samples of the metrics page, by name and labels as they are written there."""
    text, _ = Page().render(scene, "text/plain")
    families = text_string_to_metric_families(text.decode())
    return {_key(sample.name, sample.labels): sample.value for family in families for sample in family.samples}


def _key(name: str, labels: Mapping[str, str]) -> str:
    inner = ",".join(f'{label}="{value}"' for label, value in labels.items())
    return f"{name}{{{inner}}}" if inner else name


def doctor(scene: Scene) -> str:
    """What `doctor` says, with single blanks between its words."""
    return " ".join(as_text(scene.diagnosis, scene.state, scene.now, Looked()).split())
