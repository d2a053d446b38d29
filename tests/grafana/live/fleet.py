"""A fleet of simulated nodes: each lives one of the cases, and what it tells are pages of the exporter's own code."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import accumulate, chain, islice

from tests.scenarios import CASES, SHOWING, Case, scenes
from uplink_exporter.families import Scene, Showing
from uplink_exporter.web.page import Page

SCRAPE = 60
REBOOT = 120.0
"""How long a node is off between two lives."""

Samples = Mapping[str, float]
(ALL_WELL,) = (case for case in CASES if case.name == "all is well")
(INCIDENT,) = (case for case in CASES if case.name == "the incident: wlan0 is down since boot")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """As whom Prometheus knows a node's exporter, and between which ages of the samples, in seconds."""

    labels: Mapping[str, str]
    since: float = float("inf")
    until: float = float("-inf")

    def knows(self, age: float) -> bool:
        """Whether it was a target then."""
        return self.until <= age < self.since


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A node and what became of it: one case after the other, each from a boot on. No life: it never answered."""

    name: str
    cluster: str
    lives: tuple[Case, ...]
    targets: tuple[Target, ...]

    @property
    def case(self) -> Case | None:
        """How it is now; None if nobody can tell, because it cannot be scraped."""
        last = self.lives[-1] if self.lives else None
        return None if last is None or silent(last, last.until) else last


def target(cluster: str, node: str, pod: str = "x7k2p", **labels: str) -> Mapping[str, str]:
    """The labels of a target that the chart's PodMonitor makes, in a Prometheus that knows several clusters."""
    common = {"job": "monitoring/uplink-exporter", "instance": f"{node}:10077", "endpoint": "metrics"}
    own = {"namespace": "monitoring", "pod": f"uplink-exporter-{pod}", "container": "uplink-exporter"}
    return {"cluster": cluster, "node": node, **common, **own, **labels}


def usual(name: str, *lives: Case, cluster: str = "lab") -> Node:
    """A node about which only its lives are of interest."""
    return Node(name=name, cluster=cluster, lives=lives, targets=(Target(labels=target(cluster, name)),))


def unusual() -> Iterator[Node]:
    """What a query over many nodes may stumble over."""
    yield usual("never-scraped")
    yield usual("rebooted", ALL_WELL, INCIDENT)
    yield usual("namesake", ALL_WELL)
    yield usual("namesake", INCIDENT, cluster="attic")
    yield seen_by("two-jobs", INCIDENT, {}, {"job": "kubernetes-pods"})
    yield seen_by("two-replicas", INCIDENT, {"prometheus_replica": "a"}, {"prometheus_replica": "b"})
    # No stale markers are left behind here, as after a Prometheus that was killed: both are there for five minutes.
    yield replaced("new-pod", INCIDENT, 1800.0)
    yield replaced("new-pod-just-now", INCIDENT, 120.0)
    yield replaced("new-address", INCIDENT, 1800.0, instance="192.0.2.99:10077")


def seen_by(name: str, case: Case, *extra: Mapping[str, str]) -> Node:
    """A node that is scraped more than once at the same time."""
    targets = tuple(Target(labels={**target("lab", name), **labels}) for labels in extra)
    return Node(name=name, cluster="lab", lives=(case,), targets=targets)


def replaced(name: str, case: Case, age: float, **labels: str) -> Node:
    """A node whose exporter was replaced so many seconds ago."""
    old = Target(labels=target("lab", name, pod="old5q"), until=age)
    return Node(
        name=name, cluster="lab", lives=(case,), targets=(old, Target(labels=target("lab", name, **labels), since=age))
    )


def fleet(size: int) -> tuple[Node, ...]:
    """So many nodes: the unusual ones, each case twice or as often as there is room, and all others well."""
    sick = (usual(f"case-{number:02}-{copy}", case) for copy in "ab" for number, case in enumerate(CASES))
    special = tuple(islice((*unusual(), *sick), size))
    return (*special, *(usual(f"well-{number:03}", ALL_WELL) for number in range(size - len(special))))


def older(node: Node, seconds: float) -> Node:
    """The same node with a life before, in which all was well for so long."""
    return replace(node, lives=(replace(ALL_WELL, until=seconds), *node.lives)) if node.lives else node


def silent(case: Case, uptime: float) -> bool:
    """Whether it could not be scraped then."""
    return case.unscraped is not None and case.unscraped[0] <= uptime <= case.unscraped[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scrape:
    """What a scrape brought, nothing if it failed; times are counted back from the end."""

    age: float
    booted: float
    page: Samples


def scrapes(node: Node, longer: float = 0.0) -> Iterator[Scrape]:
    """All of a node's scrapes, in the course of time, and for so many seconds longer what the last one brought."""
    last = Scrape(age=0.0, booted=0.0, page={})
    for last in chain.from_iterable(lives(node)) if node.lives else never():
        yield last
    yield from (replace(last, age=float(age)) for age in range(-SCRAPE, -int(longer) - 1, -SCRAPE))


def never() -> Iterator[Scrape]:
    """The scrapes of who does not answer."""
    return (Scrape(age=float(age), booted=0.0, page={}) for age in range(3600, -1, -SCRAPE))


def lives(node: Node) -> Iterator[Iterable[Scrape]]:
    """One life after the other, and that it is not there while it boots."""
    ends = list(accumulate((life.until + REBOOT for life in node.lives[:0:-1]), initial=0.0))
    for life, end in zip(node.lives, reversed(ends), strict=True):
        yield (
            replace(scrape, age=end + scrape.age, booted=end + scrape.booted)
            for scrape in of_life(life.name, life.until)
        )
        if end:
            yield [Scrape(age=end - SCRAPE, booted=0.0, page={})]


@cache
def of_life(name: str, until: float) -> Sequence[Scrape]:
    """The case as it was scraped. A page is rendered once for all nodes that live it."""
    (case,) = (replace(case, until=until) for case in CASES if case.name == name)
    played = list(scenes(case.moments, case.until, case.policy))
    uptimes = [scene.now.uptime for scene in played]
    page, showing = Page(), shown(case)
    ages = range(int(case.until - uptimes[0]) // SCRAPE * SCRAPE, -1, -SCRAPE)
    looks = ((age, played[bisect_right(uptimes, case.until - age) - 1]) for age in ages)
    return [
        Scrape(
            age=age,
            booted=until,
            page={} if silent(case, until - age) else samples(page, scene, showing),
        )
        for age, scene in looks
    ]


def shown(case: Case) -> Showing:
    """The page of an exporter that runs just the sources that the case mentions."""
    mentioned = {kind for moment in case.moments for kind in (*map(type, moment.tells), *moment.fails)}
    return replace(SHOWING, sources=tuple(kind for kind in SHOWING.sources if kind in mentioned))


def samples(page: Page, scene: Scene, showing: Showing) -> Samples:
    """The page, by names and labels as they are written there."""
    text, _ = page.render(replace(scene, showing=showing), "text/plain")
    pairs = (line.rsplit(" ", 1) for line in text.decode().splitlines() if not line.startswith("#"))
    return {key: float(value) for key, value in pairs}
