"""Runs of the exporter, one after the other, over boots: what each leaves, the next begins with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf, nan

from hypothesis import strategies as st

from tests.builders import HOST, LOAD
from tests.feeding import Clock, feed
from tests.scenarios import Moment
from tests.scenarios.case import steps
from tests.scenarios.told import CONNECTED, JQGSM, logs
from tests.story.test_incident import MOMENTS
from uplink_exporter.diagnosis import Verdict
from uplink_exporter.facts import Fact, Instant, Policy
from uplink_exporter.history.chronicle import Boot, Chronicle, Kind, Transition
from uplink_exporter.history.memory import Memory, remember
from uplink_exporter.history.telling import begun
from uplink_exporter.store import Store

AUGUST = 1_630_000_000.0
"""2021-08-26 17:46:40 UTC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run: in which boot, what happened under its eyes, and until when. It is killed unless it is told to end."""

    boot: str = "b1"
    moments: Sequence[Moment]
    until: float
    ends: bool = False
    boot_times: Mapping[float, float] = field(default_factory=lambda: {0.0: AUGUST})
    """What the wall clock has for the time of the boot, from which uptime on."""

    def at(self, uptime: float) -> Instant:
        """A moment of this run."""
        since = max(since for since in self.boot_times if since <= uptime)
        return Instant(uptime=uptime, boot_time=self.boot_times[since])


def recorded(*runs: Run, policy: Policy | None = None) -> Chronicle:
    """What the record holds after these runs."""
    memory, chronicle = None, Chronicle()
    for run in runs:
        memory, chronicle = _played(run, policy or Policy(), memory, chronicle)
    return chronicle


def _played(run: Run, policy: Policy, memory: Memory | None, before: Chronicle) -> tuple[Memory, Chronicle]:
    now = run.at(run.moments[0].uptime)
    clock = Clock(now)
    store = Store(state=begun(policy, memory, before, run.boot, now), clock=clock, sources=_sources(run))
    told = ((run.at(uptime), happenings) for uptime, happenings in steps(run.moments, run.until))
    *_, now = feed(store, clock, told)
    if run.ends:
        store.end()
    chronicle = store.state.last(Chronicle) or Chronicle()
    return remember(store.state, run.boot, now), replace(chronicle, boots=_boots(before, run, now))


def _boots(before: Chronicle, run: Run, now: Instant) -> tuple[Boot, ...]:
    """As the recorder keeps them."""
    since = next((boot.watched_since for boot in before.boots if boot.id == run.boot), run.moments[0].uptime)
    this = Boot(id=run.boot, time=now.boot_time, watched_since=since, watched_until=now.uptime)
    return (*(boot for boot in before.boots if boot.id != run.boot), this)


def _sources(run: Run) -> frozenset[str]:
    told = {fact.source for moment in run.moments for fact in moment.tells}
    return frozenset(told | {kind.source for moment in run.moments for kind in moment.fails})


def begins(uptime: float, *facts: Fact) -> Moment:
    """The first look of a run."""
    return Moment(uptime=uptime, tells=(HOST, LOAD, *facts))


def until(uptime: float) -> tuple[Moment, ...]:
    """The incident of the story, up to that uptime."""
    return tuple(moment for moment in MOMENTS if moment.uptime <= uptime)


WELL = begins(20.0, CONNECTED, logs(JQGSM, 3, subnet_file=AUGUST + 41))
"""A node on which all is well."""

texts = st.text(max_size=5)
times = st.sampled_from([0.0, 1.0, 20.0, 60.0, 700.0, 1e9, 1e300, -1.0, nan, inf]) | st.floats()
garbage = st.builds(
    Transition,
    boot=st.sampled_from(["", "b1", "b2", "b3"]),
    uptime=times,
    wall=times,
    kind=st.sampled_from(Kind),
    subject=st.sampled_from(["", "ipv4", "ipv6", "wlan0"]) | texts,
    was=st.sampled_from(["", "none", "usable", "healthy", "uplink_down", "7", "up"]) | texts,
    now=st.sampled_from(["none", "usable", *Verdict, "9", "up", "began", "ended"]) | texts,
    text=st.sampled_from(["", "wlan0", "wlan0, eth0"]) | texts,
)
chronicles = st.builds(
    Chronicle,
    boot=st.sampled_from(["", "b1", "b2", "b3", "b4"]),
    boots=st.lists(
        st.builds(Boot, id=st.sampled_from(["b1", "b2"]), time=times, watched_since=times, watched_until=times),
        max_size=3,
    ).map(tuple),
    transitions=st.lists(garbage, max_size=30).map(tuple),
)
"""Whatever a file may hold."""
