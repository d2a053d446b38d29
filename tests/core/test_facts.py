"""The facts: what counts as usable, and how each follows the one before it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import (
    ADDRESS,
    BOOT,
    ETH0,
    HOP,
    LOAD,
    NETWORK,
    ROUTE,
    WLAN0,
    at,
    no_carrier,
    node,
    unplugged,
    with_links,
    with_neighbour,
    with_routes,
)
from uplink_exporter.facts import (
    OUTSIDE,
    Address,
    Family,
    Host,
    Link,
    NeighbourState,
    Network,
    NextHop,
    NodeState,
    Operstate,
    Reached,
    Reason,
    Route,
    RouteHistory,
    RouteType,
)

V4 = Family.IPV4


@pytest.mark.parametrize(
    ("link", "carries"),
    [
        pytest.param(WLAN0, True, id="up"),
        pytest.param(
            replace(WLAN0, operstate=Operstate.UNKNOWN), True, id="unknown, as tun and some Wi-Fi drivers are"
        ),
        pytest.param(no_carrier(WLAN0), False, id="down"),
        pytest.param(replace(WLAN0, operstate=Operstate.DORMANT), False, id="dormant, until the supplicant is done"),
        pytest.param(replace(WLAN0, operstate=Operstate.LOWERLAYERDOWN), False, id="what lies below is down"),
        pytest.param(replace(WLAN0, operstate=Operstate.TESTING), False, id="testing"),
        pytest.param(replace(WLAN0, operstate=Operstate.NOTPRESENT), False, id="notpresent"),
        pytest.param(replace(WLAN0, operstate=Operstate.UNKNOWN, admin_up=False), False, id="unknown and set down"),
    ],
)
def test_a_link_carries_traffic_if_it_is_set_up_and_up_or_unknown(link: Link, carries: bool) -> None:
    assert link.carries is carries


@pytest.mark.parametrize(
    ("address", "usable"),
    [
        pytest.param(ADDRESS, True, id="an ordinary address"),
        pytest.param(replace(ADDRESS, flags=Address.DEPRECATED), True, id="deprecated: still a source"),
        pytest.param(replace(ADDRESS, flags=Address.TENTATIVE), False, id="tentative"),
        pytest.param(replace(ADDRESS, flags=Address.DADFAILED | Address.PERMANENT), False, id="a duplicate"),
        pytest.param(replace(ADDRESS, address="169.254.3.4"), False, id="IPv4 link-local, where DHCP gave none"),
        pytest.param(replace(ADDRESS, address="127.0.0.1"), False, id="IPv4 loopback"),
        pytest.param(replace(ADDRESS, family=Family.IPV6, address="2001:db8::1"), True, id="IPv6"),
        pytest.param(replace(ADDRESS, family=Family.IPV6, address="fd00::1"), True, id="IPv6, unique local"),
        pytest.param(replace(ADDRESS, family=Family.IPV6, address="fe80::1"), False, id="IPv6 link-local"),
        pytest.param(replace(ADDRESS, family=Family.IPV6, address="::1"), False, id="IPv6 loopback"),
    ],
)
def test_an_address_is_usable_if_traffic_beyond_the_link_can_come_from_it(address: Address, usable: bool) -> None:
    assert address.usable is usable


BLACKHOLE = Route(family=V4, type=RouteType.BLACKHOLE, next_hops=())
HALF = replace(ROUTE, prefix_length=1)
UPPER_HALF = replace(HALF, destination="128.0.0.0")
WORSE_ALIVE = replace(ROUTE, metric=100, next_hops=(NextHop(index=2, gateway="10.0.0.1", linkdown=True),))
NEAR = replace(ADDRESS, address="169.254.7.7", prefix_length=16)
ELSEWHERE = dict.fromkeys(OUTSIDE[V4], Reached(errno=101))
LOST = replace(ROUTE, next_hops=(NextHop(index=99, gateway="192.168.6.1"),))
MULTIPATH = replace(ROUTE, nested=True, next_hops=(NextHop(index=2, gateway="10.0.0.1", linkdown=True), HOP))
OBJECT = replace(ROUTE, next_hops=(NextHop(index=0),))


@pytest.mark.parametrize(
    ("network", "present", "usable"),
    [
        pytest.param(NETWORK, True, True, id="a default route by a link that is up"),
        pytest.param(with_routes(NETWORK), False, False, id="no route"),
        pytest.param(unplugged(NETWORK), True, False, id="a route that the kernel marked linkdown"),
        pytest.param(
            with_links(unplugged(NETWORK), WLAN0), True, False, id="a route marked so, a link that is up again"
        ),
        pytest.param(with_links(NETWORK, no_carrier(WLAN0)), True, False, id="a link that is down, not marked yet"),
        pytest.param(
            with_routes(NETWORK, replace(ROUTE, next_hops=(replace(HOP, dead=True),))),
            True,
            False,
            id="a dead next hop",
        ),
        pytest.param(with_routes(NETWORK, MULTIPATH), True, True, id="multipath, one next hop of two alive"),
        pytest.param(with_routes(NETWORK, BLACKHOLE), False, False, id="a blackhole is no default route"),
        pytest.param(with_routes(NETWORK, HALF), False, False, id="0.0.0.0/1 is no default route"),
        pytest.param(with_routes(NETWORK, LOST), True, False, id="a link that is not there"),
        pytest.param(
            with_routes(NETWORK, OBJECT), True, True, id="a nexthop object: the kernel does not say which link"
        ),
        pytest.param(with_routes(NETWORK, replace(ROUTE, family=Family.IPV6)), False, False, id="the other family's"),
        pytest.param(with_routes(NETWORK, WORSE_ALIVE, ROUTE), True, False, id="a better one that is dead"),
        pytest.param(with_routes(NETWORK, replace(BLACKHOLE, metric=5), ROUTE), True, False, id="a blackhole first"),
        pytest.param(with_routes(NETWORK, ROUTE, replace(BLACKHOLE, metric=700)), True, True, id="a blackhole last"),
        pytest.param(with_routes(NETWORK, replace(ROUTE, tos=16)), True, False, id="for one type of service only"),
        pytest.param(with_routes(NETWORK, replace(ROUTE, expired=True)), True, False, id="one that expired"),
        pytest.param(with_routes(NETWORK, HALF, UPPER_HALF), False, True, id="two halves of the world"),
        pytest.param(with_routes(NETWORK, replace(ROUTE, table=100)), False, False, id="of another table"),
        pytest.param(with_links(NETWORK, replace(WLAN0, kind="bridge")), True, False, id="by a bridge without a port"),
        pytest.param(with_links(NETWORK, replace(WLAN0, name="cni0")), True, False, id="by a container's device"),
        pytest.param(replace(NETWORK, addresses=(NEAR,)), True, False, id="from a link-local address"),
        pytest.param(replace(NETWORK, reached=ELSEWHERE), True, False, id="the kernel says that there is no way"),
    ],
)
def test_a_default_route_is_present_and_usable(network: Network, present: bool, usable: bool) -> None:
    assert bool(network.default_routes(V4)) is present
    assert network.usable(V4) is usable


def test_a_gateway_that_failed_stays_failed_through_the_next_try_until_it_answers() -> None:
    seen, failed = None, []
    for state in (
        NeighbourState.REACHABLE,
        NeighbourState.FAILED,
        NeighbourState.INCOMPLETE,
        NeighbourState.FAILED,
        NeighbourState.INCOMPLETE,
        NeighbourState.REACHABLE,
        NeighbourState.INCOMPLETE,
    ):
        seen = with_neighbour(NETWORK, state).following(seen, at(60))
        failed.append(seen.neighbours[0].failed)
    assert failed == [False, True, True, True, True, False, False]


def test_a_dump_that_says_the_same_shares_its_parts_with_the_last_one() -> None:
    first = NETWORK.following(None, at(60))
    again = with_links(NETWORK).following(first, at(70))
    assert again.links is first.links
    assert again.history is first.history


def test_a_fact_is_fresh_until_its_age_and_no_longer() -> None:
    state = node(LOAD, uptime=100)
    assert state.fresh(type(LOAD), at(130)) == LOAD
    assert state.fresh(type(LOAD), at(130.001)) is None
    assert state.last(type(LOAD)) == LOAD
    assert state.fresh(Host, at(100)) is None


def test_failures_are_counted_by_reason_and_take_no_fact_away() -> None:
    state = node(LOAD).fail("load", Reason.IO).fail("load", Reason.IO).fail("load", Reason.PARSE)
    assert state.health["load"].errors == {Reason.IO: 2, Reason.PARSE: 1}
    assert state.fresh(type(LOAD), at(60)) == LOAD


def test_the_unix_time_of_a_moment_moves_with_the_wall_clock() -> None:
    assert at(0).unix(90) == BOOT + 90
    assert replace(at(0), boot_time=BOOT + 5).unix(90) == BOOT + 95


def history(*looks: tuple[float, bool]) -> RouteHistory:
    (uptime, usable), *rest = looks
    made = RouteHistory.first(usable=usable, uptime=uptime)
    for uptime, usable in rest:
        made = made.following(usable=usable, uptime=uptime)
    return made


@pytest.mark.parametrize(
    ("looks", "losses", "absent", "changed", "first_usable"),
    [
        pytest.param([(5, False)], 0, 100, None, None, id="none at the first look: none since boot"),
        pytest.param([(5, True)], 0, 0, None, None, id="there at the first look: nobody knows since when"),
        pytest.param([(5, False), (30, True)], 0, 30, 30, 30, id="it came up under our eyes"),
        pytest.param([(5, True), (40, False)], 1, 60, 40, None, id="lost, and still absent"),
        pytest.param([(5, True), (40, False), (50, True)], 1, 10, 50, None, id="lost and back: no first time to tell"),
        pytest.param([(5, False), (30, True), (40, False), (45, True)], 1, 35, 45, 30, id="the first time stays"),
        pytest.param([(5, False), (30, True), (40, False), (60, False)], 1, 90, 40, 30, id="absence runs on"),
        pytest.param([(5, True)] + [(t, t % 2 == 1) for t in range(10, 20)], 5, 5, 19, None, id="flapping"),
        pytest.param([(5, True), (10, True), (20, True)], 0, 0, None, None, id="quiet"),
    ],
)
def test_the_history_of_a_default_route_is_exact(
    looks: list[tuple[float, bool]], losses: int, absent: float, changed: float | None, first_usable: float | None
) -> None:
    made = history(*looks)
    assert (made.losses, made.absent_seconds(100), made.changed, made.first_usable) == (
        losses,
        absent,
        changed,
        first_usable,
    )
    assert made.seen is any(usable for _, usable in looks)


def test_what_last_carried_the_route_is_remembered() -> None:
    lost = replace(NETWORK, routes=())
    seen = NETWORK.following(None, at(5))
    seen = lost.following(seen, at(40))
    assert seen.uplinks == {Family.IPV4: ("wlan0",)}


@given(st.lists(st.tuples(st.sampled_from([0.0, 0.05, 7.0]), st.booleans()), min_size=1))
def test_losses_and_absent_seconds_never_fall_and_never_exceed_what_was(steps: list[tuple[float, bool]]) -> None:
    uptime, made = 10.0, RouteHistory.first(usable=False, uptime=10.0)
    for gap, usable in steps:
        before, uptime = (made.losses, made.absent_seconds(uptime)), uptime + gap
        made = made.following(usable=usable, uptime=uptime)
        assert before <= (made.losses, made.absent_seconds(uptime))
        assert before[1] <= made.absent_seconds(uptime) <= uptime
        assert made.usable is usable


def test_each_family_has_a_history_of_its_own() -> None:
    state = node(with_links(NETWORK, ETH0)).last(Network)
    assert state is not None
    assert {family: history.usable for family, history in state.history.items()} == {
        Family.IPV4: True,
        Family.IPV6: False,
    }


def test_an_empty_state_knows_nothing() -> None:
    assert NodeState().last(Network) is None
    assert not NodeState().up("netlink", 90, at(5))
