"""A unit is to the ledger what a container is, and to the verdict what flannel is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.builders import BOOT, HOST, LOAD, LOGS, NETWORK, node, observed, with_routes
from uplink_exporter.diagnosis import Verdict, diagnose
from uplink_exporter.facts import FlannelPolicy, Instant, NodeState, Policy
from uplink_exporter.flannel.choice import Choice, Refusal
from uplink_exporter.flannel.condition import condition
from uplink_exporter.flannel.ledger import Ledger
from uplink_exporter.flannel.observed import Cause, LastWords
from uplink_exporter.flannel.question import question
from uplink_exporter.flannel.units import FlannelJournal, FlannelUnits, Home, UnitLog, UnitSeen, UnitState, home_of

K3S = "k3s.service"


def words(attempt: int, cause: Cause = Cause.NO_DEFAULT_ROUTE, at: float | None = None) -> LastWords:
    return LastWords(uid="b", container=K3S, attempt=attempt, cause=cause, line="no default routes found", at=at)


def log(restarts: int, state: UnitState = UnitState.RESTARTING, unit: str = K3S, **more: object) -> FlannelJournal:
    times = tuple(6.0 * (number + 1) for number in range(restarts))
    return FlannelJournal(boot="b", units=(UnitLog(unit=unit, state=state, restarts=restarts, times=times, **more),))  # type: ignore[arg-type]


def seen(restarts: int, running: bool = True) -> FlannelUnits:
    return FlannelUnits(boot="b", units=(UnitSeen(unit=K3S, running=running, restarts=restarts),))


def ledger(state: NodeState) -> Ledger:
    return state.last(Ledger) or Ledger()


def now(uptime: float) -> Instant:
    return Instant(uptime=uptime, boot_time=BOOT)


def test_the_journal_tells_of_the_whole_boot_at_first_sight() -> None:
    state = observed(NodeState(), [(600, log(40)), (610, log(42))])
    assert ledger(state).restarts == 42
    assert ledger(state).delta(15, now(610)) == 2
    assert ledger(state).delta(400, now(610)) == 7, "those of the journal's own times"


def test_links_count_while_the_journal_is_silent_and_nothing_counts_twice() -> None:
    state = observed(NodeState(), [(1, seen(0)), (10, seen(3))])
    assert ledger(state).restarts == 3
    state = observed(state, [(11, log(40)), (12, seen(4)), (13, log(41))])
    assert ledger(state).restarts == 41
    state = observed(state, [(500, seen(9))])
    assert ledger(state).restarts == 46, "the journal has been silent for minutes"
    assert ledger(observed(state, [(501, log(47))])).restarts == 47


def test_crashes_count_from_the_first_look_on() -> None:
    before = log(3, last_words=(words(1), words(2), words(3)))
    state = observed(NodeState(), [(60, before)])
    assert not sum(ledger(state).crashes.values())
    state = observed(state, [(70, log(5, last_words=(words(3), words(4), words(5))))])
    assert ledger(state).crashes[Cause.NO_DEFAULT_ROUTE] == 2


def test_the_incident_on_k3s() -> None:
    """No route, no pods: the unit dies again and again of what the verdict says."""
    dark, down = with_routes(NETWORK), log(40, ended=words(40, at=BOOT + 239), last_words=(words(40, at=BOOT + 239),))
    state = observed(
        NodeState(), [(1, HOST), (1, LOAD), (1, NETWORK), (60, dark), (240, down), (240, HOST), (240, dark)]
    )
    told = condition(state, now(240))
    assert (told.found, told.running, told.unit, told.ended and told.ended.cause) == (
        True,
        False,
        K3S,
        Cause.NO_DEFAULT_ROUTE,
    )
    diagnosis = diagnose(state, now(240))
    assert diagnosis.verdict in (Verdict.ROUTE_MISSING, Verdict.UPLINK_DOWN)
    assert any(evidence.subject == K3S for evidence in diagnosis.evidence)
    answer = question(state, dark)
    assert isinstance(answer, Refusal)
    assert answer.reason == "node_ip"


def test_a_unit_that_waits_is_not_well() -> None:
    waiting = log(0, UnitState.RUNNING, since=10.0, started=False, waits=words(0, Cause.API_UNREACHABLE))
    early, late = (observed(NodeState(), [(at, HOST), (at, NETWORK), (at, waiting)]) for at in (100.0, 400.0))
    assert diagnose(early, now(100)).verdict is Verdict.HEALTHY
    told = condition(late, now(400))
    assert (told.running, told.ready, told.hangs) == (True, False, True)
    diagnosis = diagnose(late, now(400))
    assert diagnosis.verdict is Verdict.FLANNEL_FAILING
    assert "k3s.service runs and waits: " in diagnosis.summary
    assert any("journalctl" in command for command in diagnosis.remedy)


def test_rke2_comes_before_the_pod_and_only_if_it_is_down() -> None:
    unit = "rke2-server.service"
    down = observed(NodeState(), [(60, NETWORK), (60, LOGS), (60, log(4, unit=unit))])
    assert condition(down, now(60)).unit == unit
    up = observed(NodeState(), [(60, NETWORK), (60, LOGS), (60, log(4, UnitState.RUNNING, unit, started=True))])
    assert (condition(up, now(60)).unit, condition(up, now(60)).running) == ("", True)


@pytest.mark.parametrize(
    ("args", "device"), [("", "wlan0"), ("--flannel-iface=wlan0", "wlan0"), ("--flannel-iface=wlan9", None)]
)
def test_k3s_is_asked_with_its_own_flags(args: str, device: str | None) -> None:
    policy = Policy(flannel=FlannelPolicy(args=args))
    state = replace(node(NETWORK, log(0, UnitState.RUNNING)), policy=policy)
    answer = question(state, NETWORK)
    assert (answer.device if isinstance(answer, Choice) else None) == device


def test_a_node_ip_that_is_told_is_not_asked_for() -> None:
    dark = with_routes(NETWORK)
    state = replace(node(dark, log(0)), policy=Policy(flannel=FlannelPolicy(args="--node-ip=192.168.6.11")))
    answer = question(state, dark)
    assert isinstance(answer, Refusal)
    assert answer.inner == "failed to get default interface: unable to find default route"
    assert answer.error == f"flannel exited: failed to find the interface: {answer.inner}"


@pytest.mark.parametrize(
    ("unit", "home"),
    [
        ("k3s.service", Home.K3S),
        ("k3s-agent.service", Home.K3S),
        ("k3s-edge.service", Home.K3S),
        ("rke2-server.service", Home.RKE2),
        ("snap.microk8s.daemon-kubelite.service", Home.MICROK8S),
        ("flanneld.service", Home.SERVICE),
        ("k3spanel.service", Home.SERVICE),
    ],
)
def test_whose_unit_it_is(unit: str, home: Home) -> None:
    assert home_of(unit) is home
