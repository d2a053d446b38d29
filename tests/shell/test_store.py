"""The store: it holds what was last said, and tells of each change of verdict once."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from tests.builders import HOST, LOAD, LOGS, NETWORK, RESTARTS, at, booted
from uplink_exporter.diagnosis import Diagnosis, Verdict
from uplink_exporter.facts import Host, Instant, Network, NodeState, Policy, Reason
from uplink_exporter.flannel.ledger import Ledger
from uplink_exporter.store import Store


@dataclass
class Told:
    """What the store told of, and the hands of its clock."""

    uptime: float = 60.0
    changes: list[tuple[Verdict | None, Verdict]] = field(default_factory=list)

    def clock(self) -> Instant:
        return at(self.uptime)

    def change(self, now: Diagnosis, before: Diagnosis | None) -> None:
        self.changes.append((before.verdict if before else None, now.verdict))


@pytest.fixture
def told() -> Told:
    """Nothing was told yet."""
    return Told()


@pytest.fixture
def store(told: Told) -> Store:
    """A store that knows nothing but its policy."""
    state = NodeState(policy=Policy(devices=("wlan0",)))
    return Store(state=state, clock=told.clock, on_diagnosis=told.change)


def test_the_last_fact_of_each_kind_is_kept_with_its_time(store: Store, told: Told) -> None:
    store.observe(HOST)
    told.uptime = 61
    store.observe(NETWORK)
    store.observe(replace(HOST, name="other"))
    assert store.state.last(Host) == replace(HOST, name="other")
    assert store.state.health["netlink"].last_fact == at(61)


def test_a_change_of_verdict_is_told_once(store: Store, told: Told) -> None:
    for network in (booted(NETWORK), booted(NETWORK), NETWORK, NETWORK, booted(NETWORK)):
        store.observe(network)
        store.observe(LOAD)
    assert told.changes == [
        (None, Verdict.UPLINK_DOWN),
        (Verdict.UPLINK_DOWN, Verdict.HEALTHY),
        (Verdict.HEALTHY, Verdict.UPLINK_DOWN),
    ]


def test_a_kernel_that_falls_silent_is_told_when_anything_else_is_heard(store: Store, told: Told) -> None:
    store.observe(NETWORK)
    told.uptime += Network.max_age + 1
    store.fail("netlink", Reason.OVERFLOW)
    assert told.changes[-1] == (Verdict.HEALTHY, Verdict.UNKNOWN)
    told.uptime += 1
    store.observe(NETWORK)
    assert told.changes[-1] == (Verdict.UNKNOWN, Verdict.HEALTHY)


def test_flannel_s_ledger_is_kept_beside_what_feeds_it(store: Store) -> None:
    store.observe(LOGS)
    store.observe(replace(LOGS, restarts=(replace(RESTARTS, count=RESTARTS.count + 2),)))
    ledger = store.state.last(Ledger)
    assert ledger is not None
    assert ledger.restarts == 2
