"""The verdict: its precedence, what the answer says, and what holds for any node at all."""

from __future__ import annotations

import shlex
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
    WLAN0,
    at,
    booted,
    never_up,
    node,
    observed,
    with_links,
    with_routes,
)
from tests.core.diagnosis_cases import CASES, WLAN, Case
from tests.strategies import Happening, after, facts, gaps, policies, timelines
from uplink_exporter.diagnosis import Verdict, diagnose, duration, expected_uplinks
from uplink_exporter.diagnosis.judge import RULES
from uplink_exporter.facts import Fact, Family, Link, Manager, Network, NextHop, NodeState, Operstate, Policy

NOW = at(60)


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
    assert diagnose(node(NETWORK, replace(LOAD, load1=7.9)), NOW).evidence[-1].subject != "load"


@pytest.mark.parametrize(
    ("manager", "command"),
    [
        (Manager.NETPLAN, "sudo netplan apply"),
        (Manager.NETWORK_MANAGER, "sudo nmcli device connect wlan0"),
        (Manager.NETWORKD, "sudo networkctl up wlan0 && sudo networkctl reconfigure wlan0"),
        (Manager.IFUPDOWN, "sudo ifdown --force wlan0; sudo ifup wlan0"),
        (Manager.UNKNOWN, "apply the node's network configuration again: netplan apply, nmcli device connect wlan0, "),
    ],
)
def test_the_remedy_is_the_command_of_who_configures_this_node(manager: Manager, command: str) -> None:
    state = node(booted(NETWORK), replace(HOST, manager=manager), policy=WLAN)
    assert diagnose(state, NOW).remedy[0].startswith(command)


def test_a_remedy_names_no_device_where_nobody_knows_which_it_is() -> None:
    diagnosis = diagnose(node(booted(NETWORK), replace(HOST, manager=Manager.NETWORK_MANAGER)), NOW)
    assert diagnosis.remedy[0] == "sudo nmcli device connect DEVICE"
    assert {e.subject for e in diagnosis.evidence} == {"eth0", "wlan0", "IPv4 default route"}


def test_rfkill_is_lifted_before_the_network_is_brought_up() -> None:
    soft, hard = replace(HOST, rfkill_soft=True), replace(HOST, rfkill_hard=True)
    remedies = [diagnose(node(booted(NETWORK), host, policy=WLAN), NOW).remedy for host in (soft, hard)]
    assert [remedy[1] for remedy in remedies] == ["sudo netplan apply"] * 2
    assert [remedy[0].split("  ")[0] for remedy in remedies] == ["sudo rfkill unblock wifi", "rfkill list"]


@pytest.mark.parametrize("name", ["$(reboot)", "a;b", "a'b", "`id`", "a&&b", "*"])
@pytest.mark.parametrize("manager", Manager)
@pytest.mark.parametrize(
    "shape", [never_up(WLAN0), replace(ETH0, index=3), None], ids=["never up", "no carrier", "gone"]
)
def test_a_device_name_is_one_word_to_the_shell(name: str, manager: Manager, shape: Link | None) -> None:
    links = (replace(shape, name=name),) if shape else ()
    state = node(Network(links=links), replace(HOST, manager=manager), policy=Policy(devices=(name,)))
    remedy = "\n".join(diagnose(state, NOW).remedy)
    assert shlex.quote(name) in remedy
    assert name not in remedy.replace(shlex.quote(name), "")


@pytest.mark.parametrize(
    "shape", [never_up(WLAN0), replace(ETH0, index=3), None], ids=["never up", "no carrier", "gone"]
)
def test_a_device_name_that_begins_with_a_dash_is_no_option(shape: Link | None) -> None:
    links = (replace(shape, name="-f"),) if shape else ()
    state = node(Network(links=links), HOST, policy=Policy(devices=("-f",)))
    for line in diagnose(state, NOW).remedy:
        words = line.split("#")[0].split()
        before = words[words.index("-f") - 1] if "-f" in words else "dev"
        assert before in ("-e", "dev")


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
