"""What one run leaves to the next: it goes on as if it had never stopped, and takes up no more than holds."""

from __future__ import annotations

import json
from dataclasses import replace
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import (
    BOOT,
    FLANNEL1,
    LOGS,
    NETWORK,
    PODS,
    RESTARTS,
    at,
    booted,
    node,
    observed,
    unplugged,
    with_links,
)
from tests.feeding import Happening
from tests.strategies import after, networks, timelines
from uplink_exporter.diagnosis import diagnose, expected_uplinks
from uplink_exporter.facts import Family, Instant, Network, NodeState, RouteHistory
from uplink_exporter.flannel.ledger import Ledger
from uplink_exporter.flannel.observed import ApiPath, FlannelLogs, NodePods
from uplink_exporter.history.chronicle import Chronicle
from uplink_exporter.history.codec import decode, encode
from uplink_exporter.history.memory import MOST_LINKS, Memory, Setup, changed, inheriting, recall, remember
from uplink_exporter.history.milestones import Milestones
from uplink_exporter.history.telling import begun

YEARS = 50 * 365.25 * 86400

Timeline = list[tuple[float, Happening]]


def lived(timeline: Timeline) -> NodeState:
    """A node after a timeline."""
    state = NodeState()
    for uptime, happening in timeline:
        state = after(state, at(uptime), happening)
    return state


def again(state: NodeState, now: Instant, boot: str = "b1", later_boot: str = "b1", since: float = 0.0) -> NodeState:
    """The state with which a run begins, `since` seconds after another left that one, by way of the file."""
    memory = remember(state, boot, now)
    written: Memory = decode(Memory, json.loads(json.dumps(encode(memory))))
    assert written == memory
    then = replace(now, uptime=now.uptime + since)
    return begun(state.policy, written, Chronicle(), later_boot, then)


def history(state: NodeState, family: Family = Family.IPV4) -> RouteHistory:
    network = state.last(Network)
    assert network is not None
    return network.history[family]


@given(timelines(), networks, st.sampled_from([0.0, 5.0, 1e5]), st.sampled_from([0.0, YEARS, -YEARS]))
def test_a_node_that_stays_as_it_is_counts_on_as_if_nobody_had_stopped(
    timeline: Timeline, network: Network, gap: float, set_by: float
) -> None:
    """However the wall clock is set meanwhile."""
    left = timeline[-1][0]
    state = lived([*timeline, (left, network)])
    then = Instant(uptime=left + gap, boot_time=BOOT + set_by)
    went_on = after(state, then, network)
    resumed = after(again(state, at(left), since=gap), then, network)
    for family in Family:
        assert history(resumed, family) == history(went_on, family)
        assert history(resumed, family).absent_seconds(then.uptime) == history(went_on, family).absent_seconds(
            then.uptime
        )
    assert resumed.last(Ledger) == (went_on.last(Ledger) or Ledger())
    assert uplinks(resumed) == uplinks(went_on)


def uplinks(state: NodeState) -> object:
    network = state.last(Network)
    return network and network.uplinks


@given(timelines(), timelines())
def test_no_counter_ever_falls_over_a_restart(before: Timeline, later: Timeline) -> None:
    left = before[-1][0]
    state = lived(before)
    resumed = again(state, at(left))
    for uptime, happening in later:
        resumed = after(resumed, at(left + uptime), happening)
    known, now = state.last(Network) or Network(), resumed.last(Network) or Network()
    for family, past in known.history.items():
        assert now.history[family].losses >= past.losses
        assert now.history[family].absent_before >= past.absent_before
        assert now.history[family].seen >= past.seen
    assert (resumed.last(Ledger) or Ledger()).restarts >= (state.last(Ledger) or Ledger()).restarts


LOST = observed(node(NETWORK, uptime=20), [(100.0, unplugged(NETWORK))])
"""It had its route from 20 s after boot to 100 s after it."""


def test_an_outage_that_goes_on_is_one_loss_and_its_seconds_go_on() -> None:
    resumed = observed(again(LOST, at(110), since=50), [(160.0, unplugged(NETWORK))])
    assert history(resumed).losses == 1
    assert history(resumed).absent_seconds(200.0) == 100.0
    assert history(resumed).changed == 100.0


def test_an_uplink_that_was_lost_while_nobody_watched_is_one_loss_of_which_we_saw_nothing() -> None:
    resumed = observed(again(node(NETWORK, uptime=20), at(30), since=1000), [(1030.0, unplugged(NETWORK))])
    assert history(resumed).losses == 1
    assert history(resumed).absent_seconds(1031.0) == 1.0, "since when it is gone nobody knows"


def test_an_uplink_that_came_back_while_nobody_watched_was_absent_for_as_long_as_it_was_seen_to_be() -> None:
    resumed = observed(again(LOST, at(110), since=1000), [(1110.0, NETWORK)])
    assert history(resumed).absent_seconds(2000.0) == 10.0
    assert history(resumed).losses == 1


def test_a_first_route_that_came_while_nobody_watched_came_at_no_known_time() -> None:
    never = node(booted(NETWORK), uptime=20)
    resumed = observed(again(never, at(30), since=1000), [(1030.0, NETWORK)])
    assert history(resumed).seen
    assert history(resumed).first_usable is None
    assert history(resumed).absent_seconds(2000.0) == 30.0


def test_a_run_that_saw_nothing_leaves_what_it_was_left() -> None:
    blind = again(LOST, at(110), since=50)
    resumed = observed(again(blind, at(170), since=50), [(220.0, NETWORK)])
    assert history(resumed).absent_seconds(300.0) == 10.0, "until 110 s after boot it was seen, and not since"


def test_an_uplink_that_is_down_is_remembered_and_named_from_the_first_look_on() -> None:
    resumed = observed(again(LOST, at(110), since=1), [(111.0, booted(NETWORK))])
    assert [(e.device, e.reason) for e in expected_uplinks(resumed)] == [("wlan0", "remembered")]
    diagnosis = diagnose(resumed, at(111))
    assert (diagnosis.verdict, diagnosis.device) == ("uplink_down", "wlan0")


SET_UP = replace(
    PODS,
    args=("--iface=wlan0",),
    env=MappingProxyType({"FLANNELD_IFACE": "wlan0"}),
    version="v0.28.9",
    stack="dual",
    endpoints=("https://192.168.6.11:6443",),
)
RICH = observed(LOST, [(105.0, replace(LOGS, flags_line="CLI flags config: {}")), (106.0, SET_UP)])


@pytest.mark.parametrize(
    ("boot", "later_boot", "since"),
    [
        pytest.param("b1", "b2", 50.0, id="of another boot"),
        pytest.param("", "", 50.0, id="of a boot that has no name"),
        pytest.param("b1", "", 50.0, id="of a boot whose name cannot be had now"),
        pytest.param("b1", "b1", -50.0, id="of the future of this very boot: the disk is a copy"),
    ],
)
def test_only_what_holds_over_boots_is_taken_from_a_memory(boot: str, later_boot: str, since: float) -> None:
    resumed = again(RICH, at(110), boot, later_boot, since)
    assert resumed.last(Network) == Network(uplinks=MappingProxyType({Family.IPV4: ("wlan0",)}))
    assert resumed.last(Ledger) is None
    assert resumed.last(Milestones) is None
    assert resumed.last(NodePods) == replace(SET_UP, path=ApiPath.NONE, flannel=())
    assert resumed.last(FlannelLogs) == FlannelLogs(found=False, listed=False, flags_line="CLI flags config: {}")

    new = observed(resumed, [(20.0, booted(NETWORK))])
    assert history(new) == RouteHistory(usable=False, seen=False, watched_since=20.0, absent_since=0.0)
    assert diagnose(new, at(20)).device == "wlan0"


def test_flannels_device_that_went_is_missed_by_the_next_run_of_the_same_boot() -> None:
    state = observed(node(with_links(NETWORK, FLANNEL1), uptime=20), [(100.0, NETWORK)])
    resumed = observed(again(state, at(110), since=50), [(160.0, NETWORK)])
    assert (resumed.last(Network) or Network()).overlays == {"flannel.1": 100.0}
    rebooted = observed(again(state, at(110), later_boot="b2"), [(10.0, NETWORK)])
    assert (rebooted.last(Network) or Network()).overlays == {}


def test_what_is_remembered_is_not_fresh() -> None:
    resumed = again(RICH, at(110), since=0.0)
    assert all(resumed.fresh(kind, at(110)) is None for kind in (Network, FlannelLogs, NodePods))
    assert diagnose(resumed, at(110)).verdict == "unknown"


def test_flannel_is_asked_with_the_flags_that_it_had_while_neither_path_to_it_is_there() -> None:
    resumed = observed(again(RICH, at(110), "b1", "b2"), [(20.0, NETWORK)])
    pods = resumed.last(NodePods)
    assert pods is not None
    assert (pods.args, pods.version, pods.endpoints) == (SET_UP.args, SET_UP.version, SET_UP.endpoints)


def test_not_more_links_are_left_than_a_node_has() -> None:
    wlan0 = NETWORK.links[2]
    links = tuple(replace(wlan0, index=index, name=f"eth{index}") for index in range(1, 1000))
    assert len(remember(node(Network(links=links)), "b1", at(60)).links) == MOST_LINKS


KNOWN = Setup(flags_line="flags", args=("--iface=eth0",), version="v0.27.0", stack="ipv4", endpoints=("https://one",))
EARLIER = Memory(
    boot="b1",
    known_until=9.0,
    uplinks=MappingProxyType({Family.IPV4: ("eth0",), Family.IPV6: ("eth1",)}),
    setup=KNOWN,
    ledger=Ledger(restarts=7),
)
WLAN0 = MappingProxyType({Family.IPV4: ("wlan0",)})


@pytest.mark.parametrize(
    ("memory", "setup", "devices"),
    [
        pytest.param(Memory(boot="b2", known_until=1.0), KNOWN, ("eth0", "eth1"), id="nothing is known yet"),
        pytest.param(
            Memory(boot="b2", known_until=1.0, uplinks=WLAN0, setup=Setup(flags_line="other")),
            replace(KNOWN, flags_line="other"),
            ("wlan0", "eth1"),
            id="one family's uplink and the flags of the log are",
        ),
        pytest.param(
            Memory(boot="b2", known_until=1.0, setup=Setup(args=(), endpoints=("https://two",))),
            Setup(flags_line="flags", args=(), endpoints=("https://two",)),
            ("eth0", "eth1"),
            id="the API server was heard, and flannel has no flags any more",
        ),
    ],
)
def test_what_holds_over_boots_is_inherited_where_nothing_newer_is_known(
    memory: Memory, setup: Setup, devices: tuple[str, ...]
) -> None:
    inherited = inheriting(memory, EARLIER)
    assert inherited.setup == setup
    assert tuple(device for family in Family for device in inherited.uplinks[family]) == devices
    assert replace(inherited, setup=memory.setup, uplinks=memory.uplinks) == memory, "and nothing else is"
    assert inheriting(memory, None) == memory


def test_time_alone_changes_nothing_that_is_to_be_left() -> None:
    same = observed(RICH, [(200.0, unplugged(NETWORK)), (200.0, LOGS)])
    more = observed(RICH, [(200.0, replace(LOGS, restarts=(replace(RESTARTS, count=4),)))])
    assert not changed(RICH, replace(RICH, facts=MappingProxyType({**RICH.facts, Network: same.facts[Network]})))
    assert changed(RICH, more)


def test_recalling_gives_no_fact_twice() -> None:
    kinds = [type(fact) for fact in recall(remember(RICH, "b1", at(110)), "b1", at(120))]
    assert sorted(map(str, kinds)) == sorted({str(kind) for kind in kinds})
