"""The verdict: its precedence, what the answer says, and what holds for any node at all."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import (
    ADDRESS,
    ETH0,
    HOST,
    LOAD,
    NETWORK,
    ROUTE,
    at,
    booted,
    node,
    observed,
    with_links,
    with_routes,
)
from tests.core.diagnosis_cases import CASES, WLAN, Case
from tests.feeding import Happening
from tests.strategies import after, facts, gaps, policies, timelines
from uplink_exporter.diagnosis import Verdict, diagnose, duration, expected_uplinks
from uplink_exporter.diagnosis.judge import RULES
from uplink_exporter.facts import Fact, Family, Network, NextHop, NodeState, Operstate, Policy

NOW = at(60)
HEAVY = replace(LOAD, load1=23.0, blocked=7)


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in CASES])
def test_the_verdict_and_its_first_evidence_which_is_the_cause(case: Case) -> None:
    diagnosis = diagnose(case.state, NOW)
    assert diagnosis.verdict is case.verdict
    assert diagnosis.evidence[0].subject == case.cause
    assert case.observed in diagnosis.evidence[0].observed
    assert case.summary in diagnosis.summary


def test_every_verdict_about_the_uplink_has_a_case() -> None:
    about_flannel = {Verdict.FLANNEL_REFUSES, Verdict.FLANNEL_FAILING, Verdict.RECOVERING}
    assert {case.verdict for case in CASES} == set(Verdict) - about_flannel


def test_every_verdict_but_two_is_a_rule_and_none_is_two() -> None:
    ruled = [verdict for verdict, _ in RULES]
    assert sorted(ruled) == sorted(set(Verdict) - {Verdict.UNKNOWN, Verdict.HEALTHY})


def test_a_node_that_needs_no_default_route_is_healthy_without_one() -> None:
    diagnosis = diagnose(node(booted(NETWORK), policy=Policy(required=())), NOW)
    assert diagnosis.verdict is Verdict.HEALTHY
    assert diagnosis.summary == "healthy: no default route is required"


def test_a_pod_stays_a_pod_when_the_host_source_is_stale() -> None:
    state = observed(NodeState(), [(-1000, replace(HOST, host_network=False)), (60, NETWORK)])
    assert diagnose(state, NOW).verdict is Verdict.UNKNOWN


def test_the_load_comes_last_for_it_is_a_consequence() -> None:
    state = node(booted(NETWORK), replace(LOAD, load1=23.0, blocked=7), policy=WLAN)
    assert diagnose(state, NOW).evidence[-1].observed == (
        "23.0 on 4 CPUs, 7 processes blocked: a consequence, not the cause"
    )
    alone = node(booted(NETWORK), replace(LOAD, load1=23.0, blocked=1), policy=WLAN)
    assert "CPUs, 1 process blocked:" in diagnose(alone, NOW).evidence[-1].observed
    assert diagnose(node(NETWORK, replace(LOAD, load1=7.9)), NOW).evidence[-1].subject != "load"


def test_the_answer_stays_short_on_a_node_of_many_links() -> None:
    idle = [replace(ETH0, index=100 + n, name=f"vlan{n}", kind="vlan") for n in range(200)]
    busy = [replace(link, index=link.index + 500, name=f"b{link.name}", operstate=Operstate.UP) for link in idle]
    addresses = tuple(replace(ADDRESS, index=link.index) for link in busy)
    hops = tuple(NextHop(index=link.index, linkdown=True) for link in idle)
    for links in (idle, busy, [*idle, *busy]):
        lan = replace(with_links(booted(NETWORK), *links), addresses=addresses)
        for network in (with_links(booted(NETWORK), *links), lan, with_routes(lan, replace(ROUTE, next_hops=hops))):
            diagnosis = diagnose(node(network, LOAD), NOW)
            assert len(diagnosis.evidence) + len(diagnosis.remedy) <= 20


def test_the_expected_uplink_is_what_carries_else_what_carried_and_what_is_configured() -> None:
    policy = Policy(devices=("wlan0", "eth0"))
    first = node(NETWORK, policy=policy)
    gone = observed(first, [(70, booted(NETWORK))])
    assert [(e.device, e.reason) for e in expected_uplinks(first)] == [("wlan0", "route"), ("eth0", "configured")]
    assert [(e.device, e.reason) for e in expected_uplinks(gone)] == [("wlan0", "remembered"), ("eth0", "configured")]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-3, "0s"), (0.9, "0s"), (59, "59s"), (60, "1m 0s"), (3599, "59m 59s"), (7201, "2h 0m"), (266400, "3d 2h")],
)
def test_a_time_span_reads_as_a_person_says_it(seconds: float, said: str) -> None:
    assert duration(seconds) == said


@given(timelines(), policies, gaps)
def test_any_node_gets_exactly_one_verdict_with_a_reason(
    timeline: list[tuple[float, Happening]], policy: Policy, gap: float
) -> None:
    state = NodeState(policy=policy)
    for uptime, happening in timeline:
        state = after(state, at(uptime), happening)
        diagnosis = diagnose(state, at(uptime + gap))
        assert diagnosis.verdict in Verdict
        assert diagnosis.summary
        assert diagnosis.evidence or not policy.required
        assert diagnosis.remedy or diagnosis.verdict is Verdict.HEALTHY


@given(timelines(), facts, st.floats(0, 30))
def test_seeing_the_same_again_changes_nothing_but_its_time(
    timeline: list[tuple[float, Happening]], fact: Fact, gap: float
) -> None:
    state, uptime = NodeState(), 0.0
    for uptime, happening in timeline:
        state = after(state, at(uptime), happening)
    once = state.observe(fact, at(uptime))
    again = once.observe(fact, at(uptime + gap))
    assert dict(again.facts) == dict(once.facts)
    assert diagnose(again, at(uptime + gap)).verdict is diagnose(once, at(uptime + gap)).verdict


@given(timelines())
def test_losses_and_absent_seconds_never_fall(timeline: list[tuple[float, Happening]]) -> None:
    state, before = NodeState(), dict.fromkeys(Family, (0, 0.0))
    for uptime, happening in timeline:
        state = after(state, at(uptime), happening)
        network = state.last(Network)
        for family, history in network.history.items() if network else ():
            counted = (history.losses, history.absent_seconds(uptime))
            assert counted[0] >= before[family][0]
            assert counted[1] >= before[family][1]
            before[family] = counted


@pytest.mark.parametrize(
    ("looks", "told"),
    [
        pytest.param([(30, NETWORK), (60, booted(NETWORK)), (61, LOAD), (90, HEAVY)], True, id="it rose after it"),
        pytest.param([(30, NETWORK), (31, HEAVY), (60, booted(NETWORK)), (90, HEAVY)], False, id="it was there before"),
        pytest.param([(30, NETWORK), (31, HEAVY)], False, id="there is a way out"),
        pytest.param([(30, booted(NETWORK)), (31, HEAVY)], True, id="there has been no way out since boot"),
    ],
)
def test_a_load_is_a_consequence_if_it_rose_after_the_loss(looks: list[tuple[float, Fact]], told: bool) -> None:
    diagnosis = diagnose(observed(NodeState(policy=Policy(devices=("wlan0",))), looks), at(looks[-1][0]))
    (load,) = (evidence.observed for evidence in diagnosis.evidence if evidence.subject == "load")
    assert ("a consequence" in load) is told
