"""Uplinks that are not there, go, and come back, as the page tells of them."""

from __future__ import annotations

import socket
import struct
import time

import pytest

from tests.kernel.namespace import (
    ADDRESS,
    CONNECTED,
    CONNECTED_IPV6,
    ROUTE,
    UP,
    WLAN0,
    Namespace,
    Watched,
    eventually,
    exporting,
    fresh_namespace,
    listening,
    watching,
)
from uplink_exporter.facts import Family
from uplink_exporter.sources.netlink.layout import Type

pytestmark = pytest.mark.kernel

LINKS, IPV4_ROUTES = 0x1, 0x40  # RTMGRP_*
DOWN = 'uplink_diagnosis{verdict="uplink_down"}'
MISSING = 'uplink_diagnosis{verdict="uplink_missing"}'
DEAD = 'uplink_diagnosis{verdict="route_dead"}'
HEALTHY = 'uplink_diagnosis{verdict="healthy"}'
PRESENT = 'uplink_default_route_present{family="ipv4"}'
USABLE = 'uplink_default_route_usable{family="ipv4"}'
SEEN = 'uplink_default_route_seen_since_boot{family="ipv4"}'
LOSSES = 'uplink_default_route_losses_total{family="ipv4"}'
ABSENT = 'uplink_default_route_absent_seconds_total{family="ipv4"}'
BOOT_TO_ROUTE = 'uplink_boot_to_default_route_seconds{family="ipv4"}'
REMEMBERED = 'uplink_interface_expected{device="wlan0",reason="remembered"}'
EXISTS = 'uplink_interface_present{device="wlan0"}'


def uptime() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def test_an_uplink_that_is_down_since_boot_is_told_of_and_so_is_its_coming_up(node: Namespace) -> None:
    with exporting(node, "--uplink.device=wlan0") as exporter:
        operstate = 'uplink_interface_operstate{device="wlan0",operstate="down"}'
        page = exporter.shows({DOWN: 1, PRESENT: 0, operstate: 1, SEEN: 0, LOSSES: 0, BOOT_TO_ROUTE: None})
        assert page[ABSENT] == pytest.approx(uptime(), abs=0.5)

        node.ip(*CONNECTED)
        came = uptime()
        page = exporter.shows({HEALTHY: 1, DOWN: 0, PRESENT: 1, USABLE: 1, SEEN: 1, LOSSES: 0})
        assert page[BOOT_TO_ROUTE] == pytest.approx(came, abs=0.2)
        assert page[ABSENT] == page[BOOT_TO_ROUTE]
        assert exporter.page()[ABSENT] == page[ABSENT], "it stands still while the route is there"


def test_where_nothing_is_configured_the_only_candidate_is_to_blame(node: Namespace) -> None:
    with exporting(node) as exporter:
        exporter.shows({DOWN: 1, PRESENT: 0})


def test_a_configured_uplink_may_not_exist_yet(namespaces: None) -> None:
    with fresh_namespace() as node, exporting(node, "--uplink.device=wlan0") as exporter:
        exporter.shows({MISSING: 1, EXISTS: 0, 'uplink_interface_expected{device="wlan0",reason="configured"}': 1})
        node.ip(*WLAN0)
        exporter.shows({DOWN: 1, EXISTS: 1})
        node.ip(*CONNECTED)
        exporter.shows({HEALTHY: 1})


def test_a_route_that_goes_with_its_link_is_lost_though_the_kernel_does_not_say_so(node: Namespace) -> None:
    node.ip(*CONNECTED)
    with exporting(node) as exporter, listening(node, IPV4_ROUTES) as routes:
        exporter.shows({HEALTHY: 1, PRESENT: 1, LOSSES: 0})
        node.ip("link set wlan0 down")
        exporter.shows({DOWN: 1, PRESENT: 0, USABLE: 0, SEEN: 1, LOSSES: 1, REMEMBERED: 1, EXISTS: 1})
        assert Type.DELROUTE not in routes.heard()


def test_a_link_that_lost_its_carrier_keeps_a_route_that_is_dead(node: Namespace) -> None:
    node.ip(*CONNECTED)
    with exporting(node) as exporter:
        exporter.shows({HEALTHY: 1})
        node.ip("link set veth0 down")
        exporter.shows({DEAD: 1, PRESENT: 1, USABLE: 0, LOSSES: 1, 'uplink_interface_carrier{device="wlan0"}': 0})
        node.ip("link set veth0 up")
        exporter.shows({HEALTHY: 1, PRESENT: 1, USABLE: 1, LOSSES: 1})


def test_a_device_that_is_renamed_while_it_carries_is_no_loss(node: Namespace) -> None:
    node.ip(*CONNECTED)
    with exporting(node) as exporter:
        exporter.shows({HEALTHY: 1})
        try:
            node.ip("link set wlan0 name wlp3s0")
        except RuntimeError as error:
            pytest.skip(f"this kernel does not rename a link that is up: {error}")
        expected = 'uplink_interface_expected{device="wlp3s0",reason="route"}'
        exporter.shows({HEALTHY: 1, expected: 1, EXISTS: None, LOSSES: 0})


def test_a_device_that_is_unplugged_is_missed_until_it_is_back(node: Namespace) -> None:
    node.ip(*CONNECTED)
    with exporting(node) as exporter:
        exporter.shows({HEALTHY: 1})
        node.ip("link delete wlan0")
        exporter.shows({MISSING: 1, PRESENT: 0, LOSSES: 1, REMEMBERED: 1, EXISTS: 0})
        node.ip(*WLAN0)
        exporter.shows({DOWN: 1, PRESENT: 0, LOSSES: 1, REMEMBERED: 1, EXISTS: 1})
        node.ip(*CONNECTED)
        exporter.shows({HEALTHY: 1, PRESENT: 1, LOSSES: 1, EXISTS: 1})


def test_a_gateway_that_does_not_answer_makes_the_route_dead_until_it_does(node: Namespace) -> None:
    failed = 'uplink_gateway_neighbour_failed{device="wlan0",family="ipv4",gateway="192.0.2.1"}'
    node.sysctl("ipv4/neigh/wlan0/retrans_time_ms", 20)
    with fresh_namespace() as router, exporting(node) as exporter:
        node.ip(f"link set veth0 netns {router.name}")
        router.ip("link set veth0 up")
        node.ip(*CONNECTED)
        exporter.shows({HEALTHY: 1, failed: 0})
        send(node)
        exporter.shows({DEAD: 1, failed: 1, PRESENT: 1, USABLE: 0, LOSSES: 1})
        router.ip("address add 192.0.2.1/24 dev veth0")
        send(node)
        exporter.shows({HEALTHY: 1, failed: 0})


def send(node: Namespace) -> None:
    """Send a packet out into the world: what makes the kernel ask for its gateway."""
    with node.call(socket.socket, socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"", ("198.51.100.1", 9))


def test_a_link_that_is_set_down_and_up_at_once_loses_its_route_once(node: Namespace) -> None:
    node.ip(*CONNECTED)
    with watching(node) as watched:
        node.ip("link set wlan0 down", UP)
        watched.catch_up()
        assert (watched.usable(), watched.history().losses) == (False, 1)


def test_a_device_that_is_replaced_at_once_under_the_same_index_loses_its_route_once(node: Namespace) -> None:
    node.ip(*CONNECTED)
    with watching(node) as watched:
        wlan0 = watched.network.link("wlan0")
        assert wlan0 is not None
        node.ip("link delete wlan0", f"link add wlan0 index {wlan0.index} type veth peer name veth0")
        node.ip("link set veth0 up", UP, ADDRESS)
        watched.catch_up()
        assert (watched.usable(), watched.history().losses) == (False, 1)


def test_the_last_address_takes_the_routes_along_without_a_word(node: Namespace) -> None:
    """As a DHCP client does that starts anew: 20 times gone and back, between two dumps or not."""
    node.ip(*CONNECTED)
    with watching(node) as watched, listening(node, IPV4_ROUTES) as routes:
        for _ in range(20):
            node.ip("address delete 192.0.2.2/24 dev wlan0", ADDRESS, ROUTE)
        watched.catch_up()
        assert (watched.usable(), watched.history().losses) == (True, 20)
        # The kernel says that the addresses' own routes go, of which there are three; not that the default route goes.
        assert routes.heard().count(Type.DELROUTE) == 3 * 20


def test_each_loss_of_the_carrier_is_counted_however_short(node: Namespace) -> None:
    node.ip(*CONNECTED, *CONNECTED_IPV6)
    with watching(node) as watched:
        before = carrier_changes(watched)
        for _ in range(20):
            node.ip("link set veth0 down")
            time.sleep(0.01)
            node.ip("link set veth0 up")
            time.sleep(0.01)
        watched.catch_up()
        losses = (carrier_changes(watched) - before) // 2
        assert losses == pytest.approx(20, abs=2), "the kernel may take two changes for one"
        assert {family: watched.history(family).losses for family in Family} == dict.fromkeys(Family, losses)


def carrier_changes(watched: Watched) -> int:
    wlan0 = watched.network.link("wlan0")
    assert wlan0 is not None
    return wlan0.carrier_changes


def test_the_end_of_a_wireless_scan_is_no_loss(node: Namespace) -> None:
    """It is an RTM_NEWLINK with the device's name and little else (kernel net/wireless/wext-core.c)."""
    node.ip(*CONNECTED)
    with watching(node) as watched, node.call(socket.socket, socket.AF_NETLINK, socket.SOCK_RAW) as kernel:
        wlan0 = watched.network.link("wlan0")
        assert wlan0 is not None
        up, name, scanned = 0x1, struct.pack("=HH8s", 4 + 6, 3, b"wlan0"), struct.pack("=HH16s", 4 + 16, 11, b"")
        body = struct.pack("=BxHiII", 0, 1, wlan0.index, up, 0) + name + scanned
        message = struct.pack("=IHHII", 16 + len(body), Type.NEWLINK, 0, 0, 0) + body
        before = len(watched.facts)
        kernel.sendto(message, (0, LINKS))
        eventually(lambda: len(watched.facts) > before)
        assert (watched.usable(), watched.history().losses) == (True, 0)


def test_a_link_that_joins_and_leaves_a_bridge_is_no_loss(node: Namespace) -> None:
    node.ip(*CONNECTED, "link add br0 type bridge")
    with watching(node) as watched:
        node.ip("link set wlan0 master br0", "link set wlan0 nomaster")
        watched.catch_up()
        assert (watched.usable(), watched.history().losses) == (True, 0)
