"""What is written down of what happens, and what is not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from tests.builders import (
    BOOT,
    DUAL,
    ETH0,
    HOST,
    LOAD,
    LOGS,
    NETWORK,
    RESTARTS,
    WLAN0,
    at,
    booted,
    unplugged,
    with_links,
    with_routes,
)
from tests.feeding import Clock, feed
from uplink_exporter.facts import Fact, Instant, Link, NodeState, Operstate, Policy, Reason
from uplink_exporter.flannel.observed import Cause, LastWords
from uplink_exporter.history.boots import boots
from uplink_exporter.history.chronicle import MOST_TRANSITIONS, Chronicle, Kind, Transition
from uplink_exporter.history.memory import remember
from uplink_exporter.history.telling import begun, ended
from uplink_exporter.store import Store

WLAN = Policy(devices=("wlan0",))
DOWN = booted(NETWORK)
CRASHED = LastWords(
    uid=RESTARTS.uid, container=RESTARTS.container, attempt=3, cause=Cause.NO_DEFAULT_ROUTE, line="no route"
)


def told(
    looks: Iterable[tuple[float, Fact]], state: NodeState | None = None, sources: frozenset[str] = frozenset()
) -> NodeState:
    state = state or begun(WLAN, None, Chronicle(), "boot", at(0))
    clock = Clock(at(0))
    store = Store(state=state, clock=clock, sources=sources)
    for _ in feed(store, clock, ((at(uptime), [fact]) for uptime, fact in looks)):
        pass
    return store.state


def lines(state: NodeState, *kinds: Kind) -> list[str]:
    chronicle = state.last(Chronicle) or Chronicle()
    return [line(t) for t in chronicle.transitions if not kinds or t.kind in kinds]


def line(transition: Transition) -> str:
    words = transition.kind, transition.subject, transition.was, "->", transition.now, transition.text
    return f"{transition.uptime:g} " + " ".join(word for word in words if word)


def test_the_incident_is_written_down() -> None:
    logs = replace(LOGS, subnet_file=None)
    died = replace(CRASHED, attempt=5)
    crashed = replace(logs, restarts=(replace(RESTARTS, count=5),), last_words=(died,), ended=died)
    looks: list[tuple[float, Fact]] = [(4, HOST), (4, DOWN), (4, logs), (60, crashed), (80, NETWORK), (81, LOGS)]
    assert lines(told(looks)) == [
        "4 verdict -> unknown the kernel cannot be asked for its routes",
        "4 watch -> began",
        "4 default_route ipv4 -> none",
        "4 operstate eth0 -> down",
        "4 operstate wlan0 -> down",
        "4 verdict wlan0 unknown -> uplink_down the uplink wlan0 is down, so there is no IPv4 default route",
        "60 flannel_restarts flannel 0 -> 2 no_default_route",
        "80 default_route ipv4 none -> usable wlan0",
        "80 operstate wlan0 down -> up",
        "80 verdict uplink_down -> recovering the uplink came back 0s ago; flannel is not back yet",
        "81 verdict recovering -> healthy healthy: the default route leaves by wlan0",
    ]


def test_what_stays_as_it_is_is_written_once() -> None:
    looks: list[tuple[float, Fact]] = [(4, DOWN), (5, DOWN), (35, DOWN), (65, DOWN), (66, LOAD)]
    assert [text for text in lines(told(looks)) if not text.startswith("4 ")] == []


def test_a_loss_that_is_over_is_written_with_its_end() -> None:
    looks: list[tuple[float, Fact]] = [(4, NETWORK), (5, with_routes(NETWORK)), (5.05, NETWORK)]
    assert lines(told(looks), Kind.ROUTE) == [
        "4 default_route ipv4 -> usable wlan0",
        "5 default_route ipv4 usable -> none wlan0",
        "5.05 default_route ipv4 none -> usable wlan0",
    ]


def test_a_family_that_the_node_has_never_had_and_need_not_have_is_not_spoken_of() -> None:
    assert lines(told([(4, NETWORK), (5, DUAL), (6, NETWORK)]), Kind.ROUTE) == [
        "4 default_route ipv4 -> usable wlan0",
        "5 default_route ipv6 -> usable wlan0",
        "6 default_route ipv6 usable -> none wlan0",
    ]


@pytest.mark.parametrize(
    ("links", "written"),
    [
        pytest.param((replace(ETH0, index=9, name="veth12ab", kind="veth"),), [], id="a pod's veth"),
        pytest.param((replace(ETH0, index=9, name="cni0", kind="bridge"),), [], id="the overlay's bridge"),
        pytest.param(
            (replace(ETH0, index=9, name="usb0", operstate=Operstate.UP),),
            ["5 operstate usb0 -> up"],
            id="a new device",
        ),
    ],
)
def test_of_the_devices_those_are_written_that_could_be_the_uplink(links: tuple[Link, ...], written: list[str]) -> None:
    seen = lines(told([(4, NETWORK), (5, with_links(NETWORK, *links))]), Kind.OPERSTATE)
    assert [text for text in seen if not text.startswith("4 ")] == written


def test_a_device_that_goes_is_absent() -> None:
    gone = replace(NETWORK, links=tuple(link for link in NETWORK.links if link.name != "eth0"))
    assert lines(told([(4, NETWORK), (5, gone)]), Kind.OPERSTATE)[-1] == "5 operstate eth0 down -> absent"


def test_no_verdict_is_written_until_each_source_has_spoken() -> None:
    sources = frozenset({"netlink", "host", "pod-logs"})
    state = told([(4, NETWORK), (5, HOST)], sources=sources)
    assert lines(state, Kind.VERDICT) == []
    assert lines(told([(6, LOGS)], state, sources=sources), Kind.VERDICT) == [
        "6 verdict -> healthy healthy: the default route leaves by wlan0"
    ]


def test_a_source_that_fails_has_spoken() -> None:
    state = told([(4, NETWORK)], sources=frozenset({"netlink", "kubernetes"}))
    store = Store(state=state, clock=lambda: at(9), sources=frozenset({"netlink", "kubernetes"}))
    store.fail("kubernetes", Reason.TIMEOUT)
    assert lines(store.state, Kind.VERDICT) == ["9 verdict -> healthy healthy: the default route leaves by wlan0"]


def again(state: NodeState, uptime: float, boot: str = "boot") -> NodeState:
    """What the next run begins with."""
    chronicle = state.last(Chronicle)
    assert chronicle is not None
    left = remember(state, chronicle.boot, at(uptime - 5))
    return begun(WLAN, left, chronicle, boot, at(uptime))


def test_a_restart_of_ours_repeats_nothing() -> None:
    before = told([(4, DOWN), (4, LOAD)])
    after = told([(60, DOWN)], again(before, 60))
    assert lines(after)[len(lines(before)) :] == ["60 watch 55.000 -> began"]


def test_what_changed_while_nobody_watched_is_written_when_it_is_seen() -> None:
    before = told([(4, NETWORK), (9, unplugged(NETWORK)), (10, NETWORK)])
    later = with_links(NETWORK, replace(WLAN0, carrier_changes=WLAN0.carrier_changes + 6))
    after = told([(60, with_routes(later))], again(before, 60))
    assert lines(after)[len(lines(before)) :] == [
        "60 watch 55.000 -> began",
        "60 default_route ipv4 usable -> none wlan0",
        "60 carrier_changes wlan0 2 -> 8",
        "60 verdict wlan0 healthy -> route_missing wlan0 is up, yet there is no IPv4 default route",
    ]


def test_a_boot_begins_anew() -> None:
    before = told([(4, NETWORK), (9, LOAD)])
    after = told([(4, DOWN)], again(before, 4, "next"))
    new = lines(after)[len(lines(before)) :]
    assert "4 default_route ipv4 -> none wlan0" in new
    assert "4 operstate wlan0 -> down" in new
    chronicle = after.last(Chronicle)
    assert chronicle is not None
    assert {t.boot for t in chronicle.transitions} == {"boot", "next"}


def test_only_so_many_are_at_hand_and_all_are_counted() -> None:
    looks = [(float(n), NETWORK if n % 2 else with_routes(NETWORK)) for n in range(1, 1 + MOST_TRANSITIONS)]
    chronicle = told(looks).last(Chronicle)
    assert chronicle is not None
    assert len(chronicle.transitions) == MOST_TRANSITIONS
    assert chronicle.count > MOST_TRANSITIONS
    assert chronicle.transitions[-1].uptime == MOST_TRANSITIONS


def test_an_end_that_was_announced_is_written() -> None:
    assert lines(ended(told([(4, NETWORK)]), at(9)))[-1] == "9 watch -> ended"


def test_the_wall_clock_is_written_as_it_was_believed() -> None:
    store = Store(state=begun(WLAN, None, Chronicle(), "boot", at(0)), clock=lambda: Instant(uptime=4, boot_time=100))
    store.observe(NETWORK)
    chronicle = store.state.last(Chronicle)
    assert chronicle is not None
    assert {t.wall for t in chronicle.transitions} == {104}
    assert boots(chronicle, watching=at(5))[-1].unix(4) == BOOT + 4
