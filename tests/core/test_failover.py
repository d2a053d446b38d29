"""Traffic that moves from one uplink to another: no loss, and worth telling."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.builders import ETH0, HOP, NETWORK, ROUTE, at, node, observed, scene, with_links, with_routes
from tests.shell.test_families import samples
from uplink_exporter.diagnosis import Verdict, diagnose
from uplink_exporter.facts import Device, Family, Network, NextHop, NodeState, Operstate, RouteHistory

WIRE = replace(ETH0, operstate=Operstate.UP, carrier=True)
BOTH = with_links(NETWORK, WIRE)
BY_WIRE = with_routes(BOTH, replace(ROUTE, next_hops=(NextHop(index=2),), metric=100), ROUTE)
BY_WIFI = with_routes(BOTH, ROUTE)
WLAN0, ETHERNET = Device(name="wlan0", index=3), Device(name="eth0", index=2)
MOVED = "uplink_default_route_moved_timestamp_seconds{family=ipv4,from=eth0,to=wlan0}"


def lived(*looks: tuple[float, Network]) -> NodeState:
    return observed(NodeState(), looks)


def history(state: NodeState) -> RouteHistory:
    return (state.last(Network) or Network()).history[Family.IPV4]


def test_the_worse_uplink_takes_over_without_a_loss() -> None:
    state = lived((20.0, BY_WIRE), (100.0, BY_WIFI))
    told = diagnose(state, at(160.0))

    assert history(state).losses == 0
    assert (history(state).earlier, history(state).device, history(state).moved) == (ETHERNET, WLAN0, 100.0)
    assert told.verdict is Verdict.HEALTHY
    assert ("IPv4 uplink", "moved from eth0 to wlan0 1m 0s ago") in {(e.subject, e.observed) for e in told.evidence}
    assert samples(scene(state))[MOVED] == scene(state).now.unix(100.0)


def test_one_that_takes_over_after_a_loss_is_told_with_it() -> None:
    state = lived((20.0, BY_WIRE), (100.0, with_routes(BOTH)), (130.0, BY_WIFI))
    assert (history(state).losses, history(state).moved) == (1, 130.0)


@pytest.mark.parametrize(
    "later",
    [
        pytest.param(BY_WIRE, id="nothing changes"),
        pytest.param(with_links(BY_WIRE, replace(WIRE, name="enp3s0")), id="it is renamed"),
        pytest.param(with_routes(BOTH), id="it is lost"),
        pytest.param(
            with_routes(
                with_links(BOTH, replace(WIRE, name="old"), replace(WIRE, index=9)),
                replace(ROUTE, next_hops=(NextHop(index=9),)),
            ),
            id="it is plugged in again",
        ),
    ],
)
def test_what_is_no_move(later: Network) -> None:
    state = lived((20.0, BY_WIRE), (100.0, later))
    assert history(state).moved is None
    assert not any("moved" in name for name in samples(scene(state)))


def test_that_it_came_back_to_where_it_was_is_a_move_too() -> None:
    state = lived((20.0, BY_WIRE), (100.0, BY_WIFI), (200.0, BY_WIRE))
    assert (history(state).earlier, history(state).device, history(state).moved) == (WLAN0, ETHERNET, 200.0)


def test_a_node_whose_uplink_never_changed_says_nothing_of_it() -> None:
    assert HOP.index == WLAN0.index
    assert not any("moved" in evidence.observed for evidence in diagnose(node(NETWORK), at(60.0)).evidence)
