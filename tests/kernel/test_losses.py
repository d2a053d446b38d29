"""One loss is one loss, whatever the kernel says of it and when; and what ends or begins without an event is seen."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from tests.kernel.namespace import ALONE, PORT, SOURCES, Namespace, Watched, exporting, fresh_namespace, watching
from tests.kernel.test_lost_uplinks import send
from tests.kernel.test_ways_out import NODE, ROUTE, SILENT, Node, nic, run
from uplink_exporter.facts import Family, Policy

pytestmark = pytest.mark.kernel

IPV6 = Policy(required=(Family.IPV6,))
FAILED = 'uplink_gateway_neighbour_failed{device="eth0",family="ipv4",gateway="10.9.0.1"}'
USABLE = 'uplink_default_route_usable{family="ipv4"}'
HEALTHY = 'uplink_diagnosis{verdict="healthy"}'
DEAD = 'uplink_diagnosis{verdict="route_dead"}'
# Longer than the kernel lets a carrier's coming and going wait (net/core/link_watch.c).
LINKWATCH = 1.3
BRIDGE = (
    *nic("port0"),
    "link add br0 type bridge",
    "link set port0 master br0",
    "link set br0 up",
    "addr add 10.7.0.5/24 dev br0",
    "route add default via 10.7.0.1 dev br0",
    *nic("port9"),
    "link add br9 type bridge",
    "link set port9 master br9",
    "link set br9 up",
)


@pytest.fixture
def node(namespaces: None) -> Iterator[Node]:
    """Two lines with addresses, and no route."""
    with fresh_namespace() as beyond, fresh_namespace() as here:
        here.sysctl("ipv6/conf/default/accept_dad", 0)
        beyond.ip("link add spare type ifb")
        run(Node(here, beyond), NODE)
        yield Node(here, beyond)


@pytest.mark.parametrize(
    "done",
    [
        ("far link set pport9 down", "link del port0"),
        ("far link set pport9 down", "link set port0 nomaster", "link set port0 master br0"),
    ],
    ids=["its port is deleted", "its port is taken out and put back"],
)
def test_a_bridge_whose_carrier_is_told_of_late_is_lost_once(node: Node, done: tuple[str, ...]) -> None:
    run(node, BRIDGE)
    time.sleep(LINKWATCH)
    with watching(node.here) as watched:
        assert watched.usable()
        run(node, done)
        time.sleep(LINKWATCH)
        watched.catch_up()
        assert watched.history().losses == 1


def test_a_route_that_expires_is_lost_then_and_not_when_the_kernel_removes_it(node: Node) -> None:
    run(node, ("route add ::/0 via fe80::1 dev eth0 proto ra expires 1",))
    with watching(node.here, policy=IPV6) as watched:
        assert watched.usable(Family.IPV6)
        gone = watched.shows({'uplink_default_route_usable{family="ipv6"}': 0, DEAD: 1}, within=2)
        assert gone['uplink_default_route_present{family="ipv6"}'] == 1
        assert gone['uplink_default_route_losses_total{family="ipv6"}'] == 1
        told = watched.told()
        assert "the IPv6 default route by eth0 has expired" in told
        assert "ip -6 route get" in told
        assert "DEVICE" not in told


def test_a_route_that_is_advertised_again_after_it_expired_is_usable_again(node: Node) -> None:
    """The kernel says nothing of it: as with a router's advertisement, only the time is another."""
    run(node, ("route add ::/0 via fe80::1 dev eth0 proto ra expires 1",))
    with watching(node.here, policy=IPV6) as watched:
        watched.shows({'uplink_default_route_usable{family="ipv6"}': 0}, within=2)
        run(node, ("route replace ::/0 via fe80::1 dev eth0 proto ra expires 60",))
        watched.shows({'uplink_default_route_usable{family="ipv6"}': 1, HEALTHY: 1}, within=2)
        assert watched.history(Family.IPV6).losses == 1


@pytest.mark.parametrize(
    "done",
    ["neigh del 10.9.0.1 dev eth0", "neigh replace 10.9.0.1 dev eth0 lladdr 02:00:00:00:00:01 nud stale"],
    ids=["the entry is dropped", "the gateway is heard of"],
)
def test_a_gateway_is_silent_no_longer_than_the_kernel_says_so(node: Node, done: str) -> None:
    run(node, (ROUTE,))
    with watching(node.here) as watched:
        run(node, (SILENT,))
        watched.catch_up()  # of what a person sets the kernel does not tell
        watched.shows({FAILED: 1, DEAD: 1}, within=2)
        run(node, (done,))
        watched.shows({FAILED: 0, HEALTHY: 1}, within=2)


def test_a_number_that_another_device_has_now_is_no_rename(node: Node) -> None:
    run(node, (ROUTE, "link del eth1"))
    with watching(node.here) as watched:
        index = number(watched, "eth0")
        run(node, ("link set eth0 down",))
        watched.catch_up()
        run(node, ("link del eth0", f"link add usb0 index {index} type veth peer name pusb0 netns FAR"))
        watched.catch_up()
        watched.shows({'uplink_interface_expected{device="eth0",reason="remembered"}': 1}, within=2)


def test_a_route_that_comes_where_a_rule_refuses_is_not_lost_at_once(node: Node) -> None:
    run(node, ("rule add unreachable",))
    with watching(node.here) as watched:
        run(node, ("route add default dev eth0",))
        watched.catch_up()
        assert (watched.usable(), watched.history().losses) == (False, 0)


def number(watched: Watched, name: str) -> int:
    link = watched.network.link(name)
    assert link is not None
    return link.index


def test_what_was_queued_before_an_overflow_is_read(node: Node) -> None:
    run(node, (ROUTE,))
    with watching(node.here) as watched:
        watched.stall(1)
        storm(node.here)
        watched.catch_up()
        assert watched.errors()
        assert watched.history().losses >= 100, "the kernel says that it had no room before it gives what it had"
        assert watched.usable()


def storm(namespace: Namespace) -> None:
    """More than a socket's buffer holds, of which each pair is a loss."""
    namespace.ip(*(ROUTE.replace("add", "del"), ROUTE) * 2000)


def doctor(node: Node, *flags: str) -> str:
    """What it says, with single blanks between its words."""
    command = (sys.executable, "-m", "uplink_exporter", "doctor", *ALONE, *flags)
    environment = {"PYTHONPATH": str(SOURCES)}
    done = node.here.call(
        subprocess.run, command, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    return " ".join(done.stdout.split())


def test_doctor_waits_for_what_the_kernel_is_finding_out(node: Node) -> None:
    """An entry is INCOMPLETE for three seconds of each try, and FAILED for a moment: a look would mostly miss it."""
    run(node, (ROUTE,))
    send(node.here)
    assert "gateway 10.9.0.1 on eth0 does not answer" in doctor(node)


def test_doctor_does_not_say_since_when_what_it_looked_at_once(node: Node) -> None:
    told = doctor(node)
    assert "looked at once, so it is not known since when" in told
    assert "since boot" not in told


def test_doctor_asks_the_exporter_that_has_watched(node: Node) -> None:
    run(node, (ROUTE,))
    with exporting(node.here) as exporter:
        exporter.shows({USABLE: 1})
        node.here.ip("route del default")
        exporter.shows({USABLE: 0})
        told = doctor(node, f"--web.listen-address=127.0.0.1:{PORT}")
    assert "lost 1x in this boot" in told
    assert "looked at once" not in told
