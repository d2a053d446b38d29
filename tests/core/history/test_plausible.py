"""What can have been: all that a run of ours ever leaves, and nothing that would show a counter below zero."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given

from tests.builders import WLAN0, at
from tests.feeding import Happening
from tests.strategies import after, gaps, timelines
from uplink_exporter.facts import Family, NodeState, RouteHistory
from uplink_exporter.flannel.ledger import Ledger
from uplink_exporter.flannel.observed import Cause
from uplink_exporter.flannel.tally import Tally
from uplink_exporter.history.chronicle import Boot
from uplink_exporter.history.memory import Memory, recall, remember
from uplink_exporter.history.milestones import UNWATCHED, Milestones
from uplink_exporter.history.plausible import plausible

UNTIL = 100.0
ROUTE = RouteHistory(usable=False, seen=True, watched_since=1.0, losses=2, absent_before=9.0, absent_since=50.0)
MEMORY = Memory(boot="b1", known_until=UNTIL, links=(WLAN0,))


def routes(**changes: Any) -> Memory:
    return replace(MEMORY, routes=MappingProxyType({Family.IPV4: replace(ROUTE, **changes)}))


def ledger(**changes: Any) -> Memory:
    return replace(MEMORY, ledger=Ledger(**changes))


def milestones(**changes: Any) -> Memory:
    return replace(MEMORY, milestones=Milestones(**changes))


@given(timelines(), gaps)
def test_all_that_a_run_leaves_can_have_been_and_so_can_what_the_next_one_leaves(
    timeline: list[tuple[float, Happening]], gap: float
) -> None:
    state, uptime = NodeState(), 0.0
    for uptime, happening in timeline:
        state = after(state, at(uptime), happening)
    left = remember(state, "b1", at(uptime + gap))
    assert plausible(left)
    again = NodeState(facts=MappingProxyType({type(fact): fact for fact in recall(left, "b1", at(uptime + gap))}))
    assert plausible(remember(again, "b1", at(uptime + 2 * gap)))


@pytest.mark.parametrize(
    "memory",
    [
        MEMORY,
        routes(),
        ledger(last_crash=-500.0, tallies=MappingProxyType({("uid", "kube-flannel"): Tally(count=3)})),
        milestones(flannel=UNWATCHED, links=MappingProxyType({"wlan0": UNWATCHED})),
    ],
)
def test_what_is_negative_for_a_reason_can_have_been(memory: Memory) -> None:
    assert plausible(memory)


@pytest.mark.parametrize(
    "memory",
    [
        replace(MEMORY, known_until=-1.0),
        replace(MEMORY, known_until=1e300),
        replace(MEMORY, links=(replace(WLAN0, carrier_changes=-1),)),
        replace(MEMORY, links=(replace(WLAN0, carrier_changes=2**40),)),
        routes(losses=-5),
        routes(losses=2**60),
        routes(absent_before=-9.0),
        routes(absent_before=UNTIL + 9),
        routes(absent_since=-50.0),
        routes(changed=UNTIL + 9),
        routes(first_usable=1e300),
        routes(watched_since=-1e300),
        ledger(restarts=-1),
        ledger(steps=((5.0, -1),)),
        ledger(steps=((UNTIL + 9, 1),)),
        ledger(crashes=MappingProxyType({Cause.UNKNOWN: -3})),
        ledger(tallies=MappingProxyType({("uid", "kube-flannel"): Tally(count=-3)})),
        ledger(tallies=MappingProxyType({("uid", "kube-flannel"): Tally(count=3, heard=-7)})),
        ledger(looked=MappingProxyType({"pod-logs": -9.0})),
        ledger(last_crash=UNTIL + 9),
        ledger(last_crash=-1e300),
        milestones(default_route=-9.0),
        milestones(addresses=MappingProxyType({"wlan0": UNTIL + 9})),
    ],
)
def test_what_cannot_have_been_is_refused(memory: Memory) -> None:
    assert not plausible(memory)


@pytest.mark.parametrize(("time", "until"), [(1e300, 5.0), (-1e300, 5.0), (0.0, -5.0), (0.0, 1e300)])
def test_a_boot_is_at_a_date_and_lasts_a_time(time: float, until: float) -> None:
    assert not plausible(Boot(id="b1", time=time, watched_since=0.0, watched_until=until))
    assert plausible(Boot(id="b1", time=-3.0, watched_since=0.0, watched_until=5.0))
