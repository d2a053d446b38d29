"""Many events, links and routes: nothing that matters is missed, and what does not matter costs next to nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event

import pytest

from tests.kernel.namespace import (
    CONNECTED,
    ROUTE,
    Namespace,
    Watched,
    eventually,
    exporting,
    watching,
)
from uplink_exporter.facts import Family, Link, NeighbourState, Network, Operstate, Reason
from uplink_exporter.sources.netlink import looker
from uplink_exporter.sources.netlink.kernel import Kernel
from uplink_exporter.sources.netlink.tracker import SHORTEST_PAUSE

pytestmark = pytest.mark.kernel

FLAP = ("route delete default", ROUTE)
GATEWAY = "neighbour add 192.0.2.1 lladdr 02:00:00:00:00:01 dev wlan0 nud permanent"
HEALTHY = 'uplink_diagnosis{verdict="healthy"}'
LOSSES = 'uplink_default_route_losses_total{family="ipv4"}'
ERRORS = {f'uplink_source_errors_total{{reason="{reason}",source="netlink"}}': 0 for reason in Network.reasons}


def routes(verb: str, count: int) -> list[str]:
    return [f"route {verb} 10.{i >> 8}.{i & 255}.0/24 via 192.0.2.1" for i in range(count)]


def veths(pairs: int) -> list[str]:
    return [f"link add veth{i}a type veth peer name veth{i}b" for i in range(pairs)]


def test_two_changes_that_matter_are_found_in_a_storm_of_ten_thousand(node: Namespace) -> None:
    node.ip(*CONNECTED)
    with exporting(node) as exporter:
        exporter.shows({HEALTHY: 1, LOSSES: 0})
        node.ip(*routes("add", 2500), FLAP[0], *routes("delete", 2500), FLAP[1], *routes("add", 2500))
        exporter.shows({HEALTHY: 1, LOSSES: 1}, within=1)
        node.ip(*routes("delete", 2500), FLAP[0])
        exporter.shows({HEALTHY: 0, LOSSES: 2, **ERRORS}, within=1)


def test_what_an_event_tells_is_told_while_a_dump_goes_on(node: Namespace, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a node that starves, a dump of many routes takes seconds."""
    held, real = Event(), looker.look

    async def starved(kernel: Kernel) -> Network:
        while held.is_set():  # noqa: ASYNC110  # it is cleared in another thread
            await asyncio.sleep(0.01)
        return await real(kernel)

    monkeypatch.setattr(looker, "look", starved)
    node.ip(*CONNECTED)
    with watching(node) as watched:
        watched.catch_up()
        held.set()
        dumps = len(watched.dumps)
        node.ip("link set wlan0 down")
        eventually(lambda: wlan0(watched).operstate is Operstate.DOWN)
        node.ip("link set wlan0 up", "link set wlan0 mtu 1400")
        eventually(lambda: (wlan0(watched).operstate, wlan0(watched).mtu) == (Operstate.UP, 1400))
        assert len(watched.dumps) == dumps
        held.clear()
        node.ip("link set wlan0 mtu 1300")
        eventually(lambda: len(watched.dumps) > dumps)


def test_an_overflow_is_counted_and_takes_nothing_away(node: Namespace) -> None:
    node.ip(*CONNECTED)
    with watching(node) as watched:
        node.ip(*FLAP)
        watched.catch_up()
        assert (watched.history().losses, dict(watched.errors())) == (1, {})
        watched.stall(1)
        node.ip(*(f"link set lo mtu {mtu}" for mtu in range(10000, 13000)), FLAP[0])
        eventually(lambda: watched.errors().get(Reason.OVERFLOW))
        eventually(lambda: not watched.usable(), within=1)
        node.ip(FLAP[1])
        watched.catch_up()
        assert (watched.usable(), watched.history().losses) == (True, 2)


def test_a_dump_that_is_interrupted_is_counted_and_tells_of_no_loss(node: Namespace) -> None:
    node.ip(*CONNECTED, *veths(1000))
    with watching(node) as watched:
        with churn(node):
            # The links must change between two parts of a dump, which is a matter of chance.
            eventually(lambda: Reason.INTERRUPTED in watched.errors(), within=20)
        watched.catch_up()
        assert all(fact.usable(Family.IPV4) for fact in watched.facts)
        assert watched.history().losses == 0
        assert set(watched.errors()) <= {Reason.INTERRUPTED, Reason.OVERFLOW}


@contextmanager
def churn(node: Namespace) -> Iterator[None]:
    """Links come and go all the time."""
    ended = Event()

    def run() -> None:
        while not ended.is_set():
            node.ip(*("link add vethxa type veth peer name vethxb", "link delete vethxa") * 20)

    running = node.start(run)
    try:
        yield
    finally:
        ended.set()
        running.result()


def test_a_thousand_links_and_many_routes_change_neither_the_page_nor_its_size(node: Namespace) -> None:
    node.ip(*CONNECTED)
    with exporting(node) as exporter:
        few = exporter.shows({HEALTHY: 1})
    node.ip(*veths(500), *routes("add", 20_000))
    with exporting(node) as exporter:
        many = exporter.shows({HEALTHY: 1, **ERRORS}, within=3)
        assert many.keys() == few.keys()
        node.ip("link set wlan0 down")
        exporter.shows({HEALTHY: 0, LOSSES: 1}, within=1)


def test_a_burst_leads_to_few_dumps_and_always_to_one_after_its_end(node: Namespace) -> None:
    node.ip(*CONNECTED)
    with watching(node) as watched:
        dumps, facts, started = len(watched.dumps), len(watched.facts), time.monotonic()
        for mtu in range(10_000, 10_500, 10):
            node.ip(*(f"link set lo mtu {mtu + i}" for i in range(10)))
        node.ip(GATEWAY)
        burst = time.monotonic() - started
        # Of a neighbour only a dump tells.
        eventually(lambda: gateway(watched) is NeighbourState.PERMANENT)
        eventually(lambda: (lo := watched.network.link("lo")) and lo.mtu == 10_499)
        assert not watched.errors()
        # One at once, one after the end; and what events changed in between is told as often.
        few = 2 + burst / SHORTEST_PAUSE
        assert len(watched.dumps) - dumps <= few
        assert len(watched.facts) - facts <= 2 * few


def test_only_the_neighbours_that_are_gateways_lead_to_a_dump(node: Namespace) -> None:
    node.sysctl("ipv6/conf/all/disable_ipv6", 1)  # or duplicate address detection has a say
    node.ip(*CONNECTED)
    with watching(node) as watched:
        before = len(watched.facts)
        for host in range(9, 99):
            node.ip(f"neighbour add 192.0.2.{host} lladdr 02:00:00:00:00:01 dev wlan0 nud permanent")
        node.ip(GATEWAY)
        eventually(lambda: gateway(watched) is NeighbourState.PERMANENT)
        assert len(watched.facts) == before + 1


def test_what_no_event_tells_of_is_found_by_the_resync(node: Namespace) -> None:
    node.ip(*CONNECTED, GATEWAY)
    with watching(node, resync=0.2) as watched:
        assert gateway(watched) is NeighbourState.PERMANENT
        # There is an event, but the filter on the socket drops it: it settles nothing.
        node.ip("neighbour change 192.0.2.1 dev wlan0 nud stale")
        eventually(lambda: gateway(watched) is NeighbourState.STALE, within=2)


def wlan0(watched: Watched) -> Link:
    link = watched.network.link("wlan0")
    assert link is not None
    return link


def gateway(watched: Watched) -> NeighbourState | None:
    return next((neighbour.state for neighbour in watched.network.neighbours), None)
