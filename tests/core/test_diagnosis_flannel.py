"""Flannel's part of the verdict: what is known of it, whether it counts, and what is said of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import strategies
from tests.builders import HOST, with_neighbour
from tests.feeding import Clock, feed
from tests.scenarios import Moment, doctor, scenes
from tests.scenarios.case import at
from tests.scenarios.told import (
    CONNECTED,
    JQGSM,
    NO_FLANNEL,
    NO_ROUTE,
    SINCE_BOOT,
    STRAINED,
    STUCK,
    TQ9X5,
    WIFI_NEVER_UP,
    begun,
    crashed,
    logs,
    pods,
    stopped,
    waits,
)
from uplink_exporter.diagnosis import Diagnosis, Verdict, diagnose
from uplink_exporter.facts import (
    Address,
    Fact,
    Family,
    FlannelPolicy,
    Instant,
    NeighbourState,
    Network,
    NodeState,
    Policy,
)
from uplink_exporter.families import Scene
from uplink_exporter.flannel.choice import Blocked, Refusal
from uplink_exporter.flannel.condition import Condition, condition
from uplink_exporter.flannel.observed import Cause, FlannelLogs, NodePods
from uplink_exporter.flannel.question import question
from uplink_exporter.flannel.reasons import WORDS
from uplink_exporter.store import Store

BACK = 1000.0
"""When the uplink is back, where it was gone since boot."""

UP = logs(JQGSM, 3, subnet_file=SINCE_BOOT)
RUNS = pods(JQGSM, 3)
LOOPS = pods(JQGSM, 3, "CrashLoopBackOff")
MULTIPATH = replace(
    CONNECTED,
    routes=tuple(
        replace(route, next_hops=route.next_hops * 2, nested=True) for route in CONNECTED.default_routes(Family.IPV4)
    ),
)


def node(*facts: Fact, policy: Policy | None = None) -> Scene:
    """A node that never told anything else."""
    *_, last = scenes([Moment(uptime=60.0, tells=(HOST, *facts))], 60.0, policy)
    return last


# What flannel is said to be, by what is known of it: found, running, ready, waiting.
CONDITIONS: list[tuple[str, tuple[Fact, ...], tuple[bool, bool | None, bool | None, str]]] = [
    ("nothing is known", (), (False, None, None, "")),
    ("both paths find none, as with k3s", (NO_FLANNEL, pods()), (False, None, None, "")),
    ("logs only: it came up in this boot, and left no last words", (UP,), (True, True, None, "")),
    ("logs only: no last words, and no sign of this boot", (logs(JQGSM, 3),), (True, None, None, "")),
    ("logs only: it died", (crashed(JQGSM, 3, 50.0),), (True, False, None, "")),
    ("logs only: it was stopped", (stopped(JQGSM, 3, 50.0),), (True, False, None, "")),
    ("API only: it runs", (RUNS,), (True, True, True, "")),
    ("API only: it waits", (LOOPS,), (True, False, False, "CrashLoopBackOff")),
    ("both: it runs", (UP, RUNS), (True, True, True, "")),
    ("both: it waits", (crashed(JQGSM, 3, 50.0), LOOPS), (True, False, False, "CrashLoopBackOff")),
    ("both: killed without a word", (UP, LOOPS), (True, False, False, "CrashLoopBackOff")),
    ("the logs know of the death of what runs by the API", (crashed(JQGSM, 3, 50.0), RUNS), (True, False, None, "")),
    ("the logs know of a later attempt than the API", (crashed(JQGSM, 4, 50.0), RUNS), (True, False, None, "")),
    ("the logs know of a later attempt, and it lives", (logs(JQGSM, 4), LOOPS), (True, True, None, "")),
    ("the API knows of a later attempt than the logs", (crashed(JQGSM, 2, 50.0), RUNS), (True, True, True, "")),
    ("the API knows of another pod than the logs", (crashed(JQGSM, 9, 50.0), pods(TQ9X5, 0)), (True, True, True, "")),
]


@pytest.mark.parametrize(
    ("facts", "expected"), [pytest.param(facts, expected, id=name) for name, facts, expected in CONDITIONS]
)
def test_how_flannel_is(facts: tuple[Fact, ...], expected: tuple[bool, bool | None, bool | None, str]) -> None:
    scene = node(*facts)
    found = condition(scene.state, scene.now)
    assert (found.found, found.running, found.ready, found.waiting) == expected


def test_what_is_given_counts_as_found() -> None:
    scene = node(NO_FLANNEL, policy=Policy(flannel=FlannelPolicy(args="--iface=wlan9")))
    assert condition(scene.state, scene.now) == Condition(found=True)


@pytest.mark.parametrize("facts", [pytest.param(facts, id=name) for name, facts, _ in CONDITIONS])
def test_last_words_are_those_of_an_attempt_that_is_over(facts: tuple[Fact, ...]) -> None:
    scene = node(*facts)
    known = condition(scene.state, scene.now)
    assert known.ended is None or not known.running or known.restarted


# The precedence: each network, with flannel in each condition. `unknown` means that no path tells of it.
FLANNEL = {
    "unknown": (),
    "runs": (UP, RUNS),
    "died, by its logs": (crashed(JQGSM, 3, BACK - 60),),
    "died, by the API": (LOOPS,),
    "dies still": (crashed(JQGSM, 3, BACK + 60), LOOPS),
}
PRECEDENCE = {
    "down": (WIFI_NEVER_UP, [Verdict.UPLINK_DOWN] * 5),
    "without a route": (replace(CONNECTED, routes=()), [Verdict.ROUTE_MISSING] * 5),
    "dead": (
        with_neighbour(CONNECTED, NeighbourState.FAILED, CONNECTED.routes[0].next_hops[0]),
        [Verdict.ROUTE_DEAD] * 5,
    ),
    "such that flannel refuses": (MULTIPATH, [Verdict.HEALTHY, *[Verdict.FLANNEL_REFUSES] * 4]),
    "back": (
        CONNECTED,
        [Verdict.HEALTHY, Verdict.HEALTHY, Verdict.RECOVERING, Verdict.RECOVERING, Verdict.FLANNEL_FAILING],
    ),
}


@pytest.mark.parametrize("network", PRECEDENCE)
def test_the_cause_goes_before_flannel_and_flannel_before_health(network: str) -> None:
    became, expected = PRECEDENCE[network]
    found = []
    for facts in FLANNEL.values():
        story = [Moment(uptime=20.0, tells=(HOST, WIFI_NEVER_UP)), Moment(uptime=BACK, tells=(became, *facts))]
        *_, last = scenes(story, BACK + 120, Policy(devices=("wlan0",)))
        found.append(last.diagnosis.verdict)
    assert dict(zip(FLANNEL, found, strict=True)) == dict(zip(FLANNEL, expected, strict=True))


def after_outage(*facts: Fact, seconds: float, seen: bool = True) -> Diagnosis:
    """So many seconds after the uplink came back; `seen` tells whether the exporter ran while it was gone."""
    before = (WIFI_NEVER_UP,) if seen else ()
    story = [Moment(uptime=20.0, tells=(HOST, *before)), Moment(uptime=BACK, tells=(CONNECTED, *facts))]
    *_, last = scenes(story, BACK + seconds)
    return last.diagnosis


NO_WORDS = crashed(JQGSM, 3, 0.0, cause=Cause.UNKNOWN, line="")
TIMELESS = replace(NO_WORDS, ended=replace(NO_WORDS.last_words[-1], at=None))
COREDNS = (waits("coredns-78fcd69978-775zr", "CrashLoopBackOff", container="coredns"),)

# Facts, seconds since the uplink is back, whether it was seen to come back.
RECOVERY: list[tuple[str, tuple[Fact, ...], float, bool, Verdict]] = [
    ("it died before the uplink came", (crashed(JQGSM, 3, BACK - 250),), 40, True, Verdict.RECOVERING),
    (
        "it began before the uplink came, and died after",
        (crashed(JQGSM, 3, BACK + 2, life=5.0),),
        40,
        True,
        Verdict.RECOVERING,
    ),
    ("it died after the uplink came", (crashed(JQGSM, 3, BACK + 30),), 40, True, Verdict.FLANNEL_FAILING),
    (
        "it died after the uplink came, and waits by the API too",
        (crashed(JQGSM, 3, BACK + 30), LOOPS),
        40,
        True,
        Verdict.FLANNEL_FAILING,
    ),
    ("nobody knows when it died", (TIMELESS,), 40, True, Verdict.RECOVERING),
    ("it waits in the back-off, by the API alone", (LOOPS,), 299, True, Verdict.RECOVERING),
    ("it has had every chance to start", (LOOPS,), 601, True, Verdict.FLANNEL_FAILING),
    ("it has had every chance to start", (crashed(JQGSM, 3, BACK - 250),), 601, True, Verdict.FLANNEL_FAILING),
    ("flannel runs, and coredns waits", (UP, pods(JQGSM, 3, others=COREDNS)), 40, True, Verdict.RECOVERING),
    ("flannel runs, and coredns waits for long", (UP, pods(JQGSM, 3, others=COREDNS)), 601, True, Verdict.HEALTHY),
    ("flannel runs, and nobody waits", (UP, RUNS), 1, True, Verdict.HEALTHY),
    ("coredns waits on a node without flannel", (NO_FLANNEL, pods(others=COREDNS)), 40, True, Verdict.RECOVERING),
    ("nothing is known of flannel", (), 1, True, Verdict.HEALTHY),
    ("no uplink was gone, and a pod waits", (UP, pods(JQGSM, 3, others=COREDNS)), 40, False, Verdict.HEALTHY),
    (
        "we came after the outage, of which it died",
        (crashed(JQGSM, 3, BACK - 250), LOOPS),
        40,
        False,
        Verdict.RECOVERING,
    ),
    (
        "we came after the outage, and it waits for too long",
        (crashed(JQGSM, 3, BACK - 250), LOOPS),
        400,
        False,
        Verdict.FLANNEL_FAILING,
    ),
    (
        "no uplink was gone, and the API server does not answer flannel",
        (crashed(JQGSM, 3, BACK, cause=Cause.API_UNREACHABLE), LOOPS),
        40,
        False,
        Verdict.FLANNEL_FAILING,
    ),
    ("no uplink was gone, and flannel waits", (LOOPS,), 40, False, Verdict.FLANNEL_FAILING),
]


@pytest.mark.parametrize(
    ("facts", "seconds", "seen", "expected"),
    [pytest.param(*rest, id=f"{name}: {rest[1]:g} s") for name, *rest in RECOVERY],
)
def test_flannel_is_recovering_until_it_had_its_turn(
    facts: tuple[Fact, ...], seconds: float, seen: bool, expected: Verdict
) -> None:
    diagnosis = after_outage(*facts, seconds=seconds, seen=seen)
    assert diagnosis.verdict is expected
    assert ("not back yet" in diagnosis.summary) is (expected is Verdict.RECOVERING)
    assert ("the uplink came back" in diagnosis.summary) is (expected is Verdict.RECOVERING and seen)


def looping(cause: Cause, first: float, every: float = 300.0) -> list[Moment]:
    """Ten attempts, each of which says nothing at first and is dead half a second later."""
    moments = [Moment(uptime=first, tells=(crashed(JQGSM, 0, first, cause=cause),))]
    for attempt in range(1, 11):
        uptime = first + every * attempt
        (before,) = moments[-1].tells
        assert isinstance(before, FlannelLogs)
        moments.append(Moment(uptime=uptime, tells=(begun(replace(before, subnet_file=SINCE_BOOT)),)))
        moments.append(Moment(uptime=uptime + 0.5, tells=(crashed(JQGSM, attempt, uptime + 0.5, cause=cause),)))
    return moments


def test_one_that_loops_is_not_well_while_it_runs_for_a_moment() -> None:
    story = [Moment(uptime=20.0, tells=(HOST, CONNECTED)), *looping(Cause.RBAC, 60.0)]
    said = [scene.diagnosis for scene in scenes(story, 3100.0) if scene.now.uptime >= 60.0]
    assert {diagnosis.verdict for diagnosis in said} == {Verdict.FLANNEL_FAILING}
    assert {diagnosis.summary for diagnosis in said} == {
        "the uplink is fine, but flannel does not run: the API server does not allow it what it needs (RBAC)",
        "the uplink is fine, but flannel has just restarted: the API server does not allow it what it needs (RBAC)",
    }


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0, Verdict.RECOVERING), (14, Verdict.RECOVERING), (16, Verdict.HEALTHY)]
)
def test_it_has_recovered_when_it_has_stayed_up_for_a_while(seconds: float, expected: Verdict) -> None:
    died = crashed(JQGSM, 3, BACK - 60)
    story = [
        Moment(uptime=20.0, tells=(HOST, WIFI_NEVER_UP, died)),
        Moment(uptime=BACK, tells=(CONNECTED,)),
        Moment(uptime=BACK + 30, tells=(replace(begun(died), subnet_file=BACK + 30),)),
    ]
    *_, last = scenes(story, BACK + 30 + seconds)
    assert last.diagnosis.verdict is expected


def test_when_it_died_is_measured_by_the_clock_that_its_log_had() -> None:
    """A node without a clock of its own boots in the past; when the network is back, so is the time of day."""
    clock = Clock(at(20.0))
    store = Store(state=NodeState(), clock=clock)
    story: list[tuple[Instant, tuple[Fact, ...]]] = [
        (Instant(uptime=20.0, boot_time=0.0), (WIFI_NEVER_UP, crashed(JQGSM, 3, 15.0))),
        (Instant(uptime=30.0, boot_time=0.0), (CONNECTED,)),
        (Instant(uptime=40.0, boot_time=1e6), (CONNECTED, crashed(JQGSM, 3, 15.0))),
    ]
    *_, now = feed(store, clock, story)
    assert diagnose(store.state, now).verdict is Verdict.RECOVERING


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ((crashed(JQGSM, 3, 30.0, cause=Cause.RBAC), LOOPS), WORDS[Cause.RBAC]),
        ((crashed(JQGSM, 3, 30.0, cause=Cause.RBAC),), WORDS[Cause.RBAC]),
        ((LOOPS,), "CrashLoopBackOff"),
        ((crashed(JQGSM, 3, 30.0, cause=Cause.RBAC), pods(JQGSM, 3, "CreateContainerError")), "CreateContainerError"),
        ((stopped(JQGSM, 3, 30.0),), "it was stopped"),
        ((NO_WORDS,), "its log does not tell why"),
    ],
)
def test_why_it_does_not_run(facts: tuple[Fact, ...], why: str) -> None:
    diagnosis = node(CONNECTED, *facts).diagnosis
    assert diagnosis.verdict is Verdict.FLANNEL_FAILING
    assert diagnosis.summary == f"the uplink is fine, but flannel does not run: {why}"


# Flannel's flags, version and stack as given, and what flannel would die of where the uplink works.
WOULD_DIE: list[tuple[str, Network, FlannelPolicy, str]] = [
    ("its device is missing", CONNECTED, FlannelPolicy(args="--iface=wlan9"), "iface_missing"),
    ("the device of its flags is there", CONNECTED, FlannelPolicy(args="--iface=eth0"), ""),
    ("a default route of two next hops", MULTIPATH, FlannelPolicy(version="v0.28.9"), "default_route_no_oif"),
    ("two next hops, and a device in its flags", MULTIPATH, FlannelPolicy(args="--iface=eth0"), ""),
    ("dual stack, of which only IPv4 is required here", CONNECTED, FlannelPolicy(stack="dual"), "no_default_route6"),
    ("IPv4 alone", CONNECTED, FlannelPolicy(stack="ipv4"), ""),
    (
        "a deprecated address, which counts for nothing since v0.28.0",
        replace(CONNECTED, addresses=tuple(replace(a, flags=Address.DEPRECATED) for a in CONNECTED.addresses)),
        FlannelPolicy(version="v0.28.0"),
        "iface_no_address",
    ),
    ("a route that was not looked up", CONNECTED, FlannelPolicy(args="--iface-can-reach=192.0.2.1"), ""),
    ("a pattern that is not tried here", CONNECTED, FlannelPolicy(args="--iface-regex=\\p{Greek}"), ""),
]


@pytest.mark.parametrize(("network", "given", "reason"), [pytest.param(*rest, id=name) for name, *rest in WOULD_DIE])
def test_flannel_refuses_what_it_would_die_on(network: Network, given: FlannelPolicy, reason: str) -> None:
    diagnosis = node(network, policy=Policy(flannel=given)).diagnosis
    assert diagnosis.verdict is (Verdict.FLANNEL_REFUSES if reason else Verdict.HEALTHY)
    assert not reason or diagnosis.summary == f"the uplink works, but flannel would die at its start: {WORDS[reason]}"


def test_a_flannel_that_runs_would_die_at_its_next_start() -> None:
    diagnosis = node(MULTIPATH, UP).diagnosis
    assert diagnosis.summary.endswith("would die at its next start: it cannot read the default route")
    assert any(evidence.observed.startswith("runs, but would not start again now") for evidence in diagnosis.evidence)


def test_where_flannel_is_not_found_it_refuses_nothing() -> None:
    assert node(MULTIPATH, NO_FLANNEL, pods()).diagnosis.verdict is Verdict.HEALTHY


def test_the_cause_is_told_first_then_flannel_its_words_the_pods_and_the_load() -> None:
    scene = node(
        STRAINED, WIFI_NEVER_UP, crashed(JQGSM, 1244, 50.0), pods(JQGSM, 1244, "CrashLoopBackOff", others=STUCK)
    )
    assert [evidence.subject for evidence in scene.diagnosis.evidence] == [
        "wlan0",
        "address on wlan0",
        "eth0",
        "IPv4 default route",
        "flannel",
        "its last words",
        "etcd-pi-master1",
        "kube-apiserver-pi-master1",
        "kube-scheduler-pi-master1",
        "load",
    ]
    assert f"its last words {NO_ROUTE}" in doctor(scene)
    assert "flannel does not run, CrashLoopBackOff, restarted 1244x" in doctor(scene), "nothing was watched yet"


def test_no_words_are_no_evidence() -> None:
    subjects = {evidence.subject for evidence in node(CONNECTED, NO_WORDS).diagnosis.evidence}
    assert "flannel" in subjects
    assert "its last words" not in subjects


@pytest.mark.parametrize(("restarts", "said"), [(1, "1 restart in 15m"), (2, "2 restarts in 15m")])
def test_restarts_that_were_seen_are_counted_over_the_first_window(restarts: int, said: str) -> None:
    story = [
        Moment(uptime=20.0, tells=(HOST, WIFI_NEVER_UP, crashed(JQGSM, 1239, 15.0))),
        Moment(uptime=60.0, tells=(crashed(JQGSM, 1239 + restarts, 55.0),)),
    ]
    *_, last = scenes(story, 120.0)
    assert f"flannel does not run, {said} " in doctor(last)


def test_the_answer_stays_short_where_many_pods_wait() -> None:
    others = tuple(waits(f"pod-{number}", "ImagePullBackOff", container="app") for number in range(50))
    diagnosis = node(WIFI_NEVER_UP, pods(JQGSM, 3, "CrashLoopBackOff", others=others)).diagnosis
    assert len(diagnosis.evidence) <= 10


FLANNEL_FACTS = st.tuples(st.none() | strategies.logs, st.none() | strategies.pods)
UPLINK = {Verdict.UPLINK_MISSING, Verdict.UPLINK_DOWN, Verdict.ROUTE_MISSING, Verdict.ROUTE_DEAD}


def with_flannel(network: Network, flannel: tuple[FlannelLogs | None, NodePods | None]) -> Scene:
    return node(network, *(fact for fact in flannel if fact is not None))


@given(strategies.networks, FLANNEL_FACTS)
def test_flannel_never_changes_a_verdict_about_the_uplink(
    network: Network, flannel: tuple[FlannelLogs | None, NodePods | None]
) -> None:
    alone, together = node(network).diagnosis, with_flannel(network, flannel).diagnosis
    assert (together.verdict in UPLINK) is (alone.verdict in UPLINK)
    if alone.verdict in UPLINK:
        assert together.summary == alone.summary
        assert together.remedy == alone.remedy
        assert together.evidence[: len(alone.evidence)] == alone.evidence


@given(strategies.networks, FLANNEL_FACTS)
def test_a_flannel_that_does_not_run_is_never_healthy_and_one_that_is_not_there_never_at_fault(
    network: Network, flannel: tuple[FlannelLogs | None, NodePods | None]
) -> None:
    scene = with_flannel(network, flannel)
    known = condition(scene.state, scene.now)
    assert known.running is not False or scene.diagnosis.verdict is not Verdict.HEALTHY
    assert known.found or scene.diagnosis.verdict not in {Verdict.FLANNEL_REFUSES, Verdict.FLANNEL_FAILING}
    assert known.found or known == Condition()
    assert not known.running or known.restarted or known.ended is None


@given(strategies.networks, FLANNEL_FACTS)
def test_flannel_refuses_exactly_where_it_would_die_on_a_route_that_works(
    network: Network, flannel: tuple[FlannelLogs | None, NodePods | None]
) -> None:
    scene = with_flannel(network, flannel)
    would_die = isinstance(question(scene.state, network), Refusal) and condition(scene.state, scene.now).found
    works = scene.diagnosis.verdict not in UPLINK
    assert (scene.diagnosis.verdict is Verdict.FLANNEL_REFUSES) is (would_die and works)


def test_every_reason_is_said_in_words() -> None:
    assert WORDS.keys() == {*Cause, *Blocked}
    assert not [words for words in WORDS.values() if "_" in words.replace("br_netfilter", "")]
