"""The incident's uplink as the exporter sees it: what it says at each moment, and what it must not claim.

A Pi boots and its Wi-Fi is never brought up; five minutes later somebody runs `netplan apply`; hours later the access
point goes away for a while, and comes back.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.builders import BOOT, HOST, LOAD, NETWORK, SHOWING, at, booted, unplugged, with_neighbour
from uplink_exporter.diagnosis import Diagnosis, Verdict, diagnose
from uplink_exporter.facts import Fact, Instant, NeighbourState, NodeState, Policy, Reason
from uplink_exporter.families import Scene
from uplink_exporter.store import Store
from uplink_exporter.web.page import Page


@dataclass
class Node:
    """A node under the exporter's eyes, with a clock that the story sets."""

    policy: Policy = field(default_factory=Policy)
    uptime: float = 0.0
    told: list[str] = field(default_factory=list)
    page: Page = field(default_factory=Page)

    def __post_init__(self) -> None:
        self.store = Store(state=NodeState(policy=self.policy), clock=self.now, on_diagnosis=self._tell)

    def now(self) -> Instant:
        return at(self.uptime)

    def _tell(self, diagnosis: Diagnosis, before: Diagnosis | None) -> None:
        self.told.append(diagnosis.verdict)

    def sees(self, uptime: float, *facts: Fact) -> None:
        self.uptime = uptime
        for fact in facts:
            self.store.observe(fact)

    @property
    def diagnosis(self) -> Diagnosis:
        return diagnose(self.store.state, self.now())

    def samples(self) -> dict[str, float]:
        """The page's samples about IPv4 and about wlan0, without those labels."""
        return dict(self._samples())

    def _samples(self) -> Iterator[tuple[str, float]]:
        scene = Scene(state=self.store.state, now=self.now(), showing=SHOWING)
        for family in text_string_to_metric_families(self.page.render(scene, "")[0].decode()):
            for sample in family.samples:
                rest = [label for label in sample.labels.values() if label not in ("ipv4", "wlan0")]
                yield "/".join([sample.name.removeprefix("uplink_"), *rest]), sample.value


@pytest.fixture
def node() -> Node:
    """A node of which nothing was said beforehand, as most are."""
    return Node()


HIGH_LOAD = replace(LOAD, load1=23.0, blocked=9)


def test_the_whole_story(node: Node) -> None:
    before_the_first_look(node)
    boot_without_wlan0(node)
    the_load_climbs(node)
    netplan_apply(node)
    carrier_loss(node)
    the_access_point_is_back(node)
    assert node.told == [Verdict.UPLINK_DOWN, Verdict.HEALTHY, Verdict.ROUTE_DEAD, Verdict.HEALTHY]


def before_the_first_look(node: Node) -> None:
    node.uptime = 34.0
    seen = node.samples()
    assert node.diagnosis.verdict is Verdict.UNKNOWN
    assert seen["diagnosis/unknown"] == 1
    assert "default_route_present" not in seen
    assert "default_route_absent_seconds_total" not in seen


def boot_without_wlan0(node: Node) -> None:
    """Nothing changed and nothing will: the first look has to speak."""
    node.sees(35.0, booted(NETWORK), HOST, LOAD)
    seen = node.samples()
    assert node.diagnosis.verdict is Verdict.UPLINK_DOWN
    assert "wlan0 or eth0" in node.diagnosis.summary
    assert node.diagnosis.remedy[0] == "sudo netplan apply"
    assert seen["interface_operstate/down"] == 1
    assert seen["default_route_present"] == seen["default_route_seen_since_boot"] == 0
    assert seen["default_route_absent_seconds_total"] == 35
    assert seen["default_route_losses_total"] == 0
    assert "boot_to_default_route_seconds" not in seen
    assert "default_route_last_change_timestamp_seconds" not in seen
    assert seen["interface_expected/suspected"] == seen["interface_expected/eth0/suspected"] == 1
    assert "interface_expected/route" not in seen


def the_load_climbs(node: Node) -> None:
    """A symptom changes neither the verdict nor what comes first."""
    node.sees(300.0, booted(NETWORK), HIGH_LOAD)
    assert node.diagnosis.verdict is Verdict.UPLINK_DOWN
    assert node.diagnosis.evidence[-1].subject == "load"
    assert node.diagnosis.evidence[0].subject != "load"
    assert node.samples()["default_route_absent_seconds_total"] == 300


def netplan_apply(node: Node) -> None:
    node.sees(312.5, NETWORK)
    node.sees(330.0, NETWORK, LOAD)
    seen = node.samples()
    assert node.diagnosis.verdict is Verdict.HEALTHY
    assert seen["interface_expected/route"] == 1
    assert seen["boot_to_default_route_seconds"] == 312.5
    assert seen["default_route_absent_seconds_total"] == 312.5
    assert seen["default_route_last_change_timestamp_seconds"] == BOOT + 312.5
    assert seen["default_route_losses_total"] == 0


def carrier_loss(node: Node) -> None:
    """The kernel keeps the route: it is there, and of no use."""
    node.sees(9_000.0, unplugged(NETWORK), HOST, LOAD)
    seen = node.samples()
    assert node.diagnosis.verdict is Verdict.ROUTE_DEAD
    assert "not associated with an access point" in node.diagnosis.evidence[0].observed
    assert seen["default_route_present"] == 1
    assert seen["default_route_usable"] == 0
    assert seen["default_route_losses_total"] == 1
    assert seen["interface_expected/route"] == 1


def the_access_point_is_back(node: Node) -> None:
    node.sees(9_040.0, NETWORK)
    seen = node.samples()
    assert node.diagnosis.verdict is Verdict.HEALTHY
    assert "lost 1x and absent for 5m 52s in this boot" in node.diagnosis.evidence[-1].observed
    assert seen["default_route_absent_seconds_total"] == 352.5
    assert seen["boot_to_default_route_seconds"] == 312.5
    assert seen["default_route_last_change_timestamp_seconds"] == BOOT + 9_040


def test_a_configured_uplink_is_blamed_by_its_name() -> None:
    node = Node(policy=Policy(devices=("wlan0",)))
    node.sees(35.0, booted(NETWORK))
    assert node.diagnosis.summary == "the uplink wlan0 is down, so there is no IPv4 default route"
    assert node.samples()["interface_expected/configured"] == 1


def test_a_short_loss_between_two_scrapes_is_counted(node: Node) -> None:
    node.sees(100.0, NETWORK)
    node.sees(115.00, unplugged(NETWORK))
    node.sees(115.05, NETWORK)
    node.sees(120.0, NETWORK)
    seen = node.samples()
    assert seen["default_route_losses_total"] == 1
    assert seen["default_route_absent_seconds_total"] == pytest.approx(0.05)
    assert node.diagnosis.verdict is Verdict.HEALTHY


def test_a_kernel_that_falls_silent_in_the_outage_is_neither_an_outage_nor_its_end(node: Node) -> None:
    node.sees(35.0, HOST, booted(NETWORK))
    node.store.fail("netlink", Reason.OVERFLOW)
    node.sees(500.0, LOAD)
    seen = node.samples()
    assert node.diagnosis.verdict is Verdict.UNKNOWN
    assert not {"default_route_present", "default_route_usable", "interface_carrier"} & seen.keys()
    assert seen["diagnosis/healthy"] == seen["diagnosis/uplink_down"] == 0
    assert seen["source_up/netlink"] == 0
    node.sees(530.0, booted(NETWORK))
    assert node.samples()["default_route_absent_seconds_total"] == 530


def test_a_gateway_that_stops_to_answer_is_a_loss_that_lasts_through_the_kernel_s_next_try(node: Node) -> None:
    node.sees(100.0, with_neighbour(NETWORK, NeighbourState.REACHABLE))
    node.sees(200.0, with_neighbour(NETWORK, NeighbourState.FAILED))
    node.sees(201.0, with_neighbour(NETWORK, NeighbourState.INCOMPLETE))
    assert node.diagnosis.verdict is Verdict.ROUTE_DEAD
    assert node.samples()["default_route_usable"] == 0
    assert node.samples()["default_route_losses_total"] == 1
    node.sees(230.0, with_neighbour(NETWORK, NeighbourState.REACHABLE))
    assert node.told == [Verdict.HEALTHY, Verdict.ROUTE_DEAD, Verdict.HEALTHY]
