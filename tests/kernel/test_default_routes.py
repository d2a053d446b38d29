"""What counts as a default route, as usable, and as a loss: the kernel's own routes, dumped and as events."""

from __future__ import annotations

import time
from dataclasses import dataclass

import pytest

from tests.kernel.namespace import (
    ADDRESS,
    CONNECTED,
    CONNECTED_IPV6,
    ROUTE,
    UP,
    Namespace,
    eventually,
    exporting,
    watching,
)
from uplink_exporter.facts import Family

pytestmark = pytest.mark.kernel

LOSSES = 'uplink_default_route_losses_total{family="ipv4"}'
ABSENT = 'uplink_default_route_absent_seconds_total{family="ipv4"}'
USABLE = 'uplink_default_route_usable{family="ipv4"}'

ETH0 = (
    "link add eth0 type veth peer name veth1",
    "link set veth1 up",
    "link set eth0 up",
    "address add 198.51.100.2/24 dev eth0",
)
LEGS = "nexthop via 192.0.2.1 nexthop via 198.51.100.1"
TWO_LEGS = f"route add default {LEGS}"
NEXTHOP_OBJECT = ("nexthop add id 1 via 192.0.2.1 dev wlan0", "route add default nhid 1")
LOST = "route delete default"


@dataclass(frozen=True, slots=True)
class Case:
    """What is done to a node whose wlan0 is up and has an address, and what is to be seen then."""

    name: str
    commands: tuple[str, ...]
    present: bool = False
    usable: bool = False


CASES = (
    Case("no route at all", ()),
    Case("a gateway on wlan0", (ROUTE,), present=True, usable=True),
    Case("on-link, without a gateway", ("route add default dev wlan0",), present=True, usable=True),
    Case("through an IPv6 gateway", ("route add 0.0.0.0/0 via inet6 fe80::1 dev wlan0",), present=True, usable=True),
    Case("two, of which the better is blackhole", (ROUTE + " metric 5", "route add blackhole default"), present=True),
    Case("blackhole", ("route add blackhole default",)),
    Case("unreachable", ("route add unreachable default",)),
    Case("prohibit", ("route add prohibit default",)),
    Case("in another table only", (ROUTE + " table 100",)),
    Case("one half of the world", ("route add 128.0.0.0/1 via 192.0.2.1",)),
    Case("both halves", ("route add 0.0.0.0/1 via 192.0.2.1", "route add 128.0.0.0/1 via 192.0.2.1"), usable=True),
    Case("without a carrier", (ROUTE, "link set veth0 down"), present=True),
    Case("multipath", (*ETH0, TWO_LEGS), present=True, usable=True),
    Case("multipath, one leg without a carrier", (*ETH0, TWO_LEGS, "link set veth0 down"), True, True),
    Case("multipath, one leg set down", (*ETH0, TWO_LEGS, "link set wlan0 down"), True, True),
    Case("multipath, no carrier", (*ETH0, TWO_LEGS, "link set veth0 down", "link set veth1 down"), present=True),
    Case("multipath, both legs set down", (*ETH0, TWO_LEGS, "link set wlan0 down", "link set eth0 down")),
    Case("a nexthop object", NEXTHOP_OBJECT, present=True, usable=True),
    Case("a nexthop object that was deleted", (*NEXTHOP_OBJECT, "nexthop delete id 1")),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_default_route_is_seen_for_what_it_is(node: Namespace, case: Case) -> None:
    node.ip(UP, ADDRESS)
    with watching(node) as watched:
        if case.commands:
            node.ip(*case.commands)
        watched.catch_up()
        assert bool(watched.network.default_routes(Family.IPV4)) == case.present
        assert watched.usable() == case.usable
        with watching(node) as anew:
            assert anew.network.routes == watched.network.routes, "a first look sees the same"


@pytest.mark.parametrize("compatible", [1, 0])
def test_a_nexthop_object_that_the_kernel_only_numbers_is_usable(node: Namespace, compatible: int) -> None:
    node.sysctl("ipv4/nexthop_compat_mode", compatible)
    node.ip(UP, ADDRESS, *NEXTHOP_OBJECT)
    with watching(node) as watched:
        assert watched.usable()
        node.ip("link set wlan0 down")
        watched.catch_up()
        assert (watched.usable(), watched.history().losses) == (False, 1)


def test_a_nexthop_object_that_is_deleted_takes_its_route_along_without_a_word_of_the_route(node: Namespace) -> None:
    node.ip(UP, ADDRESS, *NEXTHOP_OBJECT)
    with watching(node) as watched:
        assert watched.usable()
        node.ip("nexthop delete id 1")
        eventually(lambda: not watched.usable())


NO_LOSSES = (
    Case("replaced", ("route replace default via 192.0.2.3",)),
    Case("replaced by one of another protocol", ("route replace default via 192.0.2.1 protocol dhcp",)),
    Case("another metric: added, then the old one deleted", (ROUTE + " metric 9", LOST + " metric 0")),
    Case("the same appended and deleted", ("route append default via 192.0.2.3", LOST + " via 192.0.2.3")),
    Case("the same by another protocol", ("route append default via 192.0.2.1 protocol static", LOST + " proto boot")),
    Case("of two, one is lost", (*ETH0, "route add default via 198.51.100.1 metric 9", LOST + " metric 0")),
    Case("of two, one link is set down", (*ETH0, "route add default via 198.51.100.1 metric 9", "link set wlan0 down")),
    Case("a leg of its own more, then less", (*ETH0, f"route replace default {LEGS}", "link set eth0 down")),
    Case("one of two addresses goes", ("address add 192.0.2.9/24 dev wlan0", "address delete 192.0.2.9/24 dev wlan0")),
    Case("a blackhole comes and goes", ("route add blackhole default metric 9", "route delete blackhole default")),
    Case("in another table it goes", (ROUTE + " table 100", LOST + " table 100")),
    Case("halves of the world go", ("route add 0.0.0.0/1 via 192.0.2.1", "route delete 0.0.0.0/1")),
    Case("IPv6 loses its own", (*CONNECTED_IPV6, "route delete ::/0")),
)


@pytest.mark.parametrize("case", NO_LOSSES, ids=lambda case: case.name)
def test_what_leaves_a_default_route_is_no_loss(node: Namespace, case: Case) -> None:
    node.ip(*CONNECTED)
    with watching(node) as watched:
        node.ip(*case.commands)
        watched.catch_up()
        assert (watched.usable(), watched.history().losses) == (True, 0)


def test_each_family_is_counted_apart(node: Namespace) -> None:
    node.ip(*CONNECTED, *CONNECTED_IPV6)
    with watching(node) as watched:
        node.ip("route delete ::/0", CONNECTED_IPV6[1], "route delete ::/0", LOST)
        watched.catch_up()
        assert {family: watched.history(family).losses for family in Family} == {Family.IPV4: 1, Family.IPV6: 2}
        assert not watched.usable(Family.IPV4)
        assert not watched.usable(Family.IPV6)


def test_legs_of_ipv6_that_go_one_by_one_are_one_loss(node: Namespace) -> None:
    legs = "nexthop via 2001:db8::1 nexthop via 2001:db8::3"
    node.ip(UP, CONNECTED_IPV6[0], f"route add ::/0 {legs}")
    with watching(node) as watched:
        node.ip("route delete ::/0 via 2001:db8::1", "route delete ::/0 via 2001:db8::3", f"route add ::/0 {legs}")
        node.ip("route append ::/0 via 2001:db8::4", "route delete ::/0 via 2001:db8::4")
        watched.catch_up()
        assert watched.usable(Family.IPV6)
        assert watched.history(Family.IPV6).losses == 1


def test_a_flap_between_two_scrapes_is_counted(node: Namespace) -> None:
    node.ip(*CONNECTED)
    with exporting(node) as exporter:
        exporter.shows({USABLE: 1, LOSSES: 0, ABSENT: 0})
        node.ip(LOST)
        time.sleep(0.05)
        node.ip(ROUTE)
        page = exporter.shows({USABLE: 1, LOSSES: 1})
        assert 0.03 < page[ABSENT] < 0.2


@pytest.mark.parametrize("batches", [1, 20], ids=["within a millisecond", "some milliseconds apart"])
def test_every_flap_is_counted(node: Namespace, batches: int) -> None:
    node.ip(*CONNECTED)
    with watching(node) as watched:
        for _ in range(batches):
            node.ip(*(LOST, ROUTE) * (20 // batches))
        watched.catch_up()
        assert (watched.usable(), watched.history().losses) == (True, 20)
