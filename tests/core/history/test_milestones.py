"""How a boot came along: what was seen under our eyes has a time, what came before or between has none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.builders import ETH0, HOST, LOGS, NETWORK, PODS, WLAN0, at, booted, never_up, observed, with_links
from uplink_exporter.facts import Fact, Family, NodeState, Policy
from uplink_exporter.history.chronicle import Chronicle
from uplink_exporter.history.memory import remember
from uplink_exporter.history.milestones import Milestone, Milestones, reached
from uplink_exporter.history.telling import begun

DOWN = booted(NETWORK)
UP = replace(with_links(DOWN, WLAN0))
ADDRESSED = replace(UP, addresses=NETWORK.addresses)
NO_FLANNEL = replace(LOGS, subnet_file=None)
WLAN = Policy(devices=("wlan0",))

LINK, ADDRESS, ROUTE, FLANNEL = Milestone


def milestones(*looks: tuple[float, Fact], policy: Policy = WLAN) -> tuple[dict[Milestone, float], float | None]:
    state = observed(NodeState(policy=policy), looks)
    found = state.last(Milestones) or Milestones()
    return dict(reached(state, found)), found.watched_since


@pytest.mark.parametrize(
    ("looks", "told"),
    [
        pytest.param([(4, DOWN)], {}, id="nothing yet"),
        pytest.param([(4, DOWN), (7, UP)], {LINK: 7}, id="a link"),
        pytest.param([(4, DOWN), (7, UP), (8, ADDRESSED)], {LINK: 7, ADDRESS: 8}, id="an address"),
        pytest.param(
            [(4, DOWN), (4, NO_FLANNEL), (7, UP), (8, ADDRESSED), (9, NETWORK), (30, LOGS)],
            {LINK: 7, ADDRESS: 8, ROUTE: 9, FLANNEL: 30},
            id="all, in order",
        ),
        pytest.param([(4, DOWN), (9, NETWORK), (20, DOWN), (30, NETWORK)], {LINK: 9, ADDRESS: 9, ROUTE: 9}, id="once"),
        pytest.param([(4, DOWN), (5, with_links(DOWN, replace(ETH0, carrier=True)))], {}, id="another link"),
        pytest.param([(4, HOST), (9, NO_FLANNEL)], {}, id="sources that tell of other things"),
    ],
)
def test_a_milestone_is_when_it_was_first_there(looks: list[tuple[float, Fact]], told: dict[Milestone, float]) -> None:
    assert milestones(*looks)[0] == told


def test_what_is_there_at_the_first_look_is_not_later_than_when_watching_began() -> None:
    told, watched_since = milestones((45, NETWORK), (45.01, LOGS))
    assert told == {LINK: 45, ADDRESS: 45, ROUTE: 45, FLANNEL: 45.01}
    assert watched_since == 45.01


def test_what_comes_later_is_later_than_when_watching_began() -> None:
    told, watched_since = milestones((45, DOWN), (45.01, NO_FLANNEL), (46, NETWORK), (47, NO_FLANNEL), (48, LOGS))
    assert watched_since == 45.01
    assert all(at > watched_since for at in told.values())


def test_an_api_server_that_answers_late_does_not_make_what_was_seen_a_bound() -> None:
    told, watched_since = milestones((45, DOWN), (46, NETWORK), (900, PODS))
    assert (told, watched_since) == ({LINK: 46, ADDRESS: 46, ROUTE: 46}, 45)


def test_without_logs_flannel_counts_from_when_the_api_server_says_that_it_became_ready() -> None:
    unready = replace(PODS, flannel=(replace(PODS.flannel[0], ready=False),))
    assert milestones((45, NETWORK), (46, unready), (60, PODS))[0][FLANNEL] == 60


def test_the_link_is_that_of_the_uplink_though_it_becomes_known_later() -> None:
    lan = with_links(DOWN, replace(ETH0, operstate=WLAN0.operstate, carrier=True))
    told, _ = milestones((4, DOWN), (5, lan), (9, NETWORK), policy=Policy())
    assert told[LINK] == 9


def test_both_families_are_waited_for_if_both_are_required() -> None:
    policy = Policy(devices=("wlan0",), required=(Family.IPV4, Family.IPV6))
    assert ROUTE not in milestones((4, DOWN), (9, NETWORK), policy=policy)[0]


def resumed(
    before: list[tuple[float, Fact]], after: list[tuple[float, Fact]]
) -> tuple[dict[Milestone, float], float | None]:
    """Another run of ours in the same boot."""
    left = remember(observed(NodeState(policy=WLAN), before), "this boot", at(before[-1][0]))
    state = observed(begun(WLAN, left, Chronicle(), "this boot", at(after[0][0])), after)
    found = state.last(Milestones)
    assert found is not None
    return dict(reached(state, found)), found.watched_since


def test_a_restart_of_ours_keeps_them() -> None:
    before: list[tuple[float, Fact]] = [(4, DOWN), (4, NO_FLANNEL), (7, UP)]
    assert resumed(before, [(20, UP), (21, NO_FLANNEL), (30, NETWORK), (40, LOGS)]) == (
        {LINK: 7, ADDRESS: 30, ROUTE: 30, FLANNEL: 40},
        4,
    )


def test_what_was_reached_while_nobody_watched_has_no_time() -> None:
    before: list[tuple[float, Fact]] = [(4, DOWN), (4, NO_FLANNEL), (7, UP)]
    assert resumed(before, [(90, NETWORK), (90, LOGS)]) == ({LINK: 7}, 4)


def test_a_boot_begins_anew() -> None:
    state = observed(
        begun(WLAN, remember(observed(NodeState(), [(4, NETWORK)]), "one", at(5)), Chronicle(), "other", at(6)),
        [(6, with_links(DOWN, never_up(WLAN0)))],
    )
    found = state.last(Milestones)
    assert found is not None
    assert (dict(reached(state, found)), found.watched_since) == ({}, 6)
