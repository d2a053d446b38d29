"""The incident, moment by moment, as its operator wrote it down; and what must not be said at any of them.

A node of a small cluster boots. Nothing brings up its wlan0, so there is no default route, so flannel cannot choose an
interface and crash-loops. etcd, the API server and the scheduler sit in CreateContainerError, and it is they that
everybody looks at. In the end, `netplan apply`. Counts, names and times are those of the transcript.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import takewhile

import pytest

from tests.builders import HOST, LOAD
from tests.scenarios import Moment, doctor, page, scenes
from tests.scenarios.told import (
    CONNECTED,
    JDWCR,
    JQGSM,
    SINCE_BOOT,
    STRAINED,
    STUCK,
    TQ9X5,
    WIFI_NEVER_UP,
    crashed,
    logs,
    pods,
    stopped,
    waits,
)
from uplink_exporter.diagnosis import Diagnosis, Verdict
from uplink_exporter.facts import Fact, Network
from uplink_exporter.flannel.observed import ApiPath, FlannelLogs, NodePods

CAUSE = "pi-master1: the uplink wlan0 is down, so there is no IPv4 default route."
CURE = "sudo netplan apply"

PRESENT = 'uplink_default_route_present{family="ipv4"}'
OPERSTATE = 'uplink_interface_operstate{device="wlan0",operstate="down"}'
TOTAL = "uplink_flannel_restarts_total"
WINDOW = 'uplink_flannel_restart_delta{window="15m"}'
CRASHES = 'uplink_flannel_crashes_total{cause="no_default_route"}'
JQGSMS = (
    'uplink_flannel_container_restarts{container="kube-flannel",namespace="kube-system",pod="kube-flannel-ds-jqgsm"}'
)
TQ9X5S = JQGSMS.replace("jqgsm", "tq9x5")
RUNNING = "uplink_flannel_running"
READY = "uplink_flannel_ready"
WOULD_START = "uplink_flannel_would_start"
ETCD_WAITS = (
    'uplink_pod_waiting{container="etcd",namespace="kube-system",pod="etcd-pi-master1",reason="CreateContainerError"}'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One moment of the transcript, and what is said then."""

    moment: str
    uptime: float
    tells: tuple[Fact, ...] = ()
    fails: tuple[type[Fact], ...] = ()
    verdict: Verdict
    says: tuple[str, ...] = ()
    """What `doctor` says, in this order."""
    never: tuple[str, ...] = ()
    """What must not be claimed."""
    samples: Mapping[str, float | None] = field(default_factory=dict)
    late: Verdict | None = None
    """What is said by one who looks only now, if that is another verdict."""


down = partial(Row, verdict=Verdict.UPLINK_DOWN)
recovering = partial(Row, verdict=Verdict.RECOVERING)
healthy = partial(Row, verdict=Verdict.HEALTHY)
# Asked at its own address, because the service's is out of reach without a default route.
by_endpoint = partial(pods, path=ApiPath.ENDPOINT)

ROWS: tuple[Row, ...] = (
    down(
        moment="the exporter starts with its node, and nothing ever changes",
        uptime=20.0,
        tells=(HOST, LOAD, WIFI_NEVER_UP, stopped(JQGSM, 1239, -15.0)),
        fails=(NodePods,),
        says=(
            CAUSE,
            "wlan0 operstate down, administratively down: nothing has brought it up",
            "none in the main table, never since boot 20s ago",
            "flannel does not run, restarted 1239x",
            CURE,
        ),
        never=("lost", "in 15m", "etcd", "kubectl"),
        samples={
            PRESENT: 0,
            'uplink_default_route_seen_since_boot{family="ipv4"}': 0,
            'uplink_default_route_losses_total{family="ipv4"}': 0,
            OPERSTATE: 1,
            WOULD_START: 0,
            'uplink_flannel_start_blocked{reason="no_default_route"}': 1,
            "uplink_node_ip_detectable": 0,
            JQGSMS: 1239,
            TOTAL: 0,
            WINDOW: 0,
            CRASHES: 0,
            "uplink_flannel_subnet_file_present": 0,
            READY: None,
            'uplink_api_path{path="none"}': 1,
            'uplink_source_up{source="kubernetes"}': 0,
        },
    ),
    down(
        moment="flannel is started again, and dies; there is no API server to tell of it",
        uptime=60.0,
        tells=(crashed(JQGSM, 1240, 60.0),),
        says=(CAUSE, "flannel does not run, 1 restart in 15m", "its last words Failed to find any valid", CURE),
        never=("CrashLoopBackOff", "etcd"),
        samples={JQGSMS: 1240, TOTAL: 1, WINDOW: 1, CRASHES: 1, RUNNING: 0, READY: None},
    ),
    down(moment="and again", uptime=100.0, tells=(crashed(JQGSM, 1241, 100.0),), says=(CAUSE, "2 restarts in 15m")),
    down(moment="and again", uptime=180.0, tells=(crashed(JQGSM, 1242, 180.0),), says=(CAUSE, "3 restarts in 15m")),
    down(
        moment="the load climbs, for everything waits for everything",
        uptime=240.0,
        tells=(STRAINED,),
        says=(CAUSE, "load 23.4 on 4 CPUs, 7 processes blocked: a consequence, not the cause", CURE),
        samples={"uplink_load1": 23.4},
    ),
    down(
        moment="the API server answers; etcd, itself and the scheduler sit in CreateContainerError",
        uptime=300.0,
        tells=(crashed(JQGSM, 1243, 300.0), by_endpoint(JQGSM, 1243, "CrashLoopBackOff", others=STUCK)),
        says=(
            CAUSE,
            "eth0 operstate up, but brought no route",
            "flannel does not run, CrashLoopBackOff, 4 restarts in 15m",
            "its last words",
            "etcd-pi-master1 waits: CreateContainerError",
            "kube-apiserver-pi-master1 waits: CreateContainerError",
            "kube-scheduler-pi-master1 waits: CreateContainerError",
            "load",
            CURE,
        ),
        never=("kube-flannel-ds-jqgsm waits", "kubectl"),
        samples={
            'uplink_api_path{path="endpoint"}': 1,
            'uplink_flannel_waiting{reason="CrashLoopBackOff"}': 1,
            ETCD_WAITS: 1,
            JQGSMS: 1243,
            TOTAL: 4,
            READY: 0,
        },
    ),
    down(
        moment="etcd's pod is deleted; what goes is its mirror, and etcd waits as it did",
        uptime=400.0,
        tells=(by_endpoint(JQGSM, 1243, "CrashLoopBackOff", others=STUCK),),
        says=(CAUSE, "etcd-pi-master1 waits: CreateContainerError", CURE),
        samples={ETCD_WAITS: 1, TOTAL: 4},
    ),
    down(
        moment="the 1244th restart: the logs know of it before the API server does",
        uptime=456.0,
        tells=(crashed(JQGSM, 1244, 456.0),),
        says=(CAUSE, "flannel does not run, 5 restarts in 15m", CURE),
        samples={JQGSMS: 1244, TOTAL: 5, RUNNING: 0},
    ),
    down(
        moment="etcd, the API server and the scheduler run, coredns is Completed, and flannel loops on",
        uptime=522.0,
        tells=(by_endpoint(JQGSM, 1244, "CrashLoopBackOff"),),
        says=(CAUSE, "flannel does not run, CrashLoopBackOff, 5 restarts in 15m", CURE),
        never=("waits", "coredns", "back", "healthy"),
        samples={PRESENT: 0, JQGSMS: 1244, TOTAL: 5, CRASHES: 5, ETCD_WAITS: None},
    ),
    down(
        moment="flannel's pod is deleted, and its count begins anew under another name",
        uptime=570.0,
        tells=(crashed(TQ9X5, 0, 570.0), by_endpoint(TQ9X5, 0, "CrashLoopBackOff")),
        says=(CAUSE, "flannel does not run, CrashLoopBackOff, 5 restarts in 15m", "Unable to find default route", CURE),
        never=("back", "healthy"),
        samples={TOTAL: 5, WINDOW: 5, CRASHES: 6, JQGSMS: None, TQ9X5S: 0, RUNNING: 0},
    ),
    down(
        moment="the new pod loops as the old one did",
        uptime=590.0,
        tells=(crashed(TQ9X5, 1, 590.0), by_endpoint(TQ9X5, 1, "CrashLoopBackOff")),
        says=(CAUSE, "6 restarts in 15m"),
        samples={TOTAL: 6, TQ9X5S: 1},
    ),
    down(moment="and again", uptime=615.0, tells=(crashed(TQ9X5, 2, 615.0),), says=(CAUSE, "7 restarts in 15m")),
    down(
        moment="four restarts of the new pod",
        uptime=655.0,
        tells=(crashed(TQ9X5, 4, 655.0), by_endpoint(TQ9X5, 4, "CrashLoopBackOff")),
        says=(CAUSE, "9 restarts in 15m"),
        samples={TOTAL: 9, WINDOW: 9, TQ9X5S: 4},
    ),
    recovering(
        moment="netplan apply",
        uptime=665.0,
        tells=(CONNECTED,),
        says=(
            "pi-master1: the uplink came back 0s ago; flannel is not back yet.",
            "default via 192.168.10.1 dev wlan0",
            "usable again for 0s; lost 0x and absent for 11m 5s in this boot",
            "flannel does not run, CrashLoopBackOff",
            "wait: the kubelet",
        ),
        never=("healthy", CURE),
        samples={
            PRESENT: 1,
            WOULD_START: 1,
            'uplink_flannel_interface_info{address="192.168.10.23",device="wlan0",method="default_route"}': 1,
            'uplink_boot_to_default_route_seconds{family="ipv4"}': 665,
            'uplink_default_route_absent_seconds_total{family="ipv4"}': 665,
            'uplink_default_route_losses_total{family="ipv4"}': 0,
            "uplink_node_ip_detectable": 1,
            OPERSTATE: 0,
            TOTAL: 9,
            RUNNING: 0,
        },
    ),
    recovering(
        moment="flannel finds its interface; it is too early to say that it stays",
        uptime=680.0,
        tells=(
            logs(TQ9X5, 5, subnet_file=680.0),
            pods(TQ9X5, 5, others=(waits("coredns-78fcd69978-775zr", "ContainerCreating", container="coredns"),)),
        ),
        says=(
            "the uplink came back 15s ago; flannel is not back yet",
            "coredns-78fcd69978-775zr waits: ContainerCreating",
        ),
        never=("does not run", "healthy"),
        samples={
            TOTAL: 10,
            TQ9X5S: 5,
            RUNNING: 1,
            READY: 1,
            "uplink_flannel_subnet_file_present": 1,
            'uplink_api_path{path="service"}': 1,
        },
        late=Verdict.HEALTHY,
    ),
    recovering(
        moment="flannel stays, and coredns is still being made",
        uptime=700.0,
        says=("the uplink came back 35s ago; the pods are not back yet", "coredns-78fcd69978-775zr waits"),
        never=("does not run", "last words"),
        samples={TOTAL: 10, RUNNING: 1},
        late=Verdict.HEALTHY,
    ),
    healthy(
        moment="all run again",
        uptime=840.0,
        tells=(LOAD, pods(TQ9X5, 5)),
        says=("pi-master1: healthy: the default route leaves by wlan0.", "usable again for 2m 55s; lost 0x"),
        never=("does not run", "waits", "load", CURE),
        samples={PRESENT: 1, TOTAL: 10, CRASHES: 10, TQ9X5S: 5, 'uplink_diagnosis{verdict="healthy"}': 1},
    ),
    healthy(
        moment="a day later what happened is still to be read",
        uptime=87240.0,
        says=("healthy", "absent for 11m 5s in this boot"),
        never=("restart", "does not run"),
        samples={
            TOTAL: 10,
            WINDOW: 0,
            'uplink_default_route_absent_seconds_total{family="ipv4"}': 665,
            "uplink_flannel_last_crash_timestamp_seconds": 655,
        },
    ),
)
MOMENTS = tuple(Moment(uptime=row.uptime, tells=row.tells, fails=row.fails) for row in ROWS)
NUMBERED = [pytest.param(number, id=f"{row.uptime:g} s: {row.moment}") for number, row in enumerate(ROWS)]


@pytest.mark.parametrize("number", NUMBERED)
def test_what_is_said_at_each_moment(number: int) -> None:
    row = ROWS[number]
    *_, scene = scenes(MOMENTS[: number + 1], row.uptime)
    shown, said = page(scene), doctor(scene)
    assert scene.diagnosis.verdict is row.verdict
    assert {name: shown.get(name) for name in row.samples} == row.samples
    assert [claim for claim in row.never if claim in said] == []
    rest = said
    for words in row.says:
        _, found, rest = rest.partition(words)
        assert found, f"{words!r} is not there, or too early in:\n{said}"


@pytest.mark.parametrize("number", NUMBERED)
def test_one_who_looks_only_now_says_the_same(number: int) -> None:
    row = ROWS[number]
    told = {type(fact): fact for earlier in ROWS[: number + 1] for fact in earlier.tells}
    (scene,) = scenes([Moment(uptime=row.uptime, tells=tuple(told.values()))], row.uptime)
    assert scene.diagnosis.verdict is (row.late or row.verdict)


def test_the_verdict_changes_twice_and_only_then_is_it_told() -> None:
    told: list[Verdict] = []

    def tell(now: Diagnosis, before: Diagnosis | None) -> None:
        told.append(now.verdict)

    *_, _ = scenes(MOMENTS, 1000.0, on_diagnosis=tell)
    known = [verdict for verdict in told if verdict is not Verdict.UNKNOWN]
    assert known == [Verdict.UPLINK_DOWN, Verdict.RECOVERING, Verdict.HEALTHY]


def until(uptime: float) -> tuple[Moment, ...]:
    return tuple(takewhile(lambda moment: moment.uptime <= uptime, MOMENTS))


def test_blind_on_both_paths_the_verdict_stands_and_what_was_counted_stays() -> None:
    story = (*until(530.0), Moment(uptime=530.0, fails=(FlannelLogs, NodePods)))
    *_, scene = scenes(story, 800.0)
    assert scene.diagnosis.verdict is Verdict.UPLINK_DOWN
    assert "flannel" not in doctor(scene)
    shown = page(scene)
    expected = {
        TOTAL: 5,
        CRASHES: 5,
        WOULD_START: 0,
        RUNNING: None,
        JQGSMS: None,
        "uplink_flannel_subnet_file_present": None,
        'uplink_source_up{source="pod-logs"}': 0,
        'uplink_source_up{source="kubernetes"}': 0,
        'uplink_api_path{path="none"}': 1,
        'uplink_source_errors_total{reason="io",source="pod-logs"}': 1,
    }
    assert {name: shown.get(name) for name in expected} == expected


@pytest.mark.parametrize("seeing", [(crashed(TQ9X5, 4, 655.0),), (by_endpoint(TQ9X5, 4, "CrashLoopBackOff"),)])
def test_what_happened_while_both_paths_were_blind_is_counted_once_by_whichever_comes_back(
    seeing: tuple[Fact, ...],
) -> None:
    """jqgsm is deleted and tq9x5 made while nobody looks."""
    other: dict[type[Fact], Fact] = {
        FlannelLogs: by_endpoint(TQ9X5, 4, "CrashLoopBackOff"),
        NodePods: crashed(TQ9X5, 4, 655.0),
    }
    story = (
        *until(530.0),
        Moment(uptime=530.0, fails=(FlannelLogs, NodePods)),
        Moment(uptime=4130.0, tells=seeing),
        Moment(uptime=4200.0, tells=(other[type(seeing[0])],)),
    )
    totals = [page(scene)[TOTAL] for scene in scenes(story, 4300.0) if scene.now.uptime >= 530.0]
    assert sorted(set(totals)) == [5, 9]
    assert totals == sorted(totals)


def test_silence_of_the_kernel_does_not_read_as_health() -> None:
    story = (*until(530.0), Moment(uptime=530.0, fails=(Network,)))
    verdicts = {scene.now.uptime: scene.diagnosis.verdict for scene in scenes(story, 640.0)}
    assert [verdicts[uptime] for uptime in (530.0, 590.0, 640.0)] == [
        Verdict.UPLINK_DOWN,
        Verdict.UPLINK_DOWN,
        Verdict.UNKNOWN,
    ]
    *_, scene = scenes(story, 640.0)
    shown = page(scene)
    expected = {
        PRESENT: None,
        WOULD_START: None,
        "uplink_node_ip_detectable": None,
        TOTAL: 5,
        RUNNING: 0,
        'uplink_source_up{source="netlink"}': 0,
    }
    assert {name: shown.get(name) for name in expected} == expected
    assert "the kernel cannot be asked for its routes" in doctor(scene)


def test_nor_does_a_kernel_that_falls_silent_just_when_the_uplink_is_back() -> None:
    story = (*until(670.0), Moment(uptime=670.0, fails=(Network,)), *MOMENTS[-4:-1])
    *_, scene = scenes(story, 840.0)
    assert scene.diagnosis.verdict is Verdict.UNKNOWN


def elsewhere(*facts: Fact) -> Iterator[Mapping[str, float]]:
    """The pages of zcloud, another node of the cluster, over a day."""
    start = Moment(uptime=700_000.0, tells=(HOST, LOAD, CONNECTED, *facts))
    for scene in scenes([start], 786_400.0):
        assert scene.diagnosis.verdict is Verdict.HEALTHY
        assert "restart" not in doctor(scene)
        if scene.now.uptime % 3600 == 0:
            yield page(scene)


@pytest.mark.parametrize(
    "facts",
    [
        (logs(JDWCR, 1931, subnet_file=SINCE_BOOT), pods(JDWCR, 1931)),
        (logs(JDWCR, 1931, subnet_file=SINCE_BOOT),),
        (pods(JDWCR, 1931),),
    ],
    ids=["both paths", "the logs alone", "the API alone"],
)
def test_the_other_nodes_1931_old_restarts_mean_nothing(facts: tuple[Fact, ...]) -> None:
    for shown in elsewhere(*facts):
        assert shown[JQGSMS.replace("jqgsm", "jdwcr")] == 1931
        assert (shown[TOTAL], shown[WINDOW], shown[CRASHES]) == (0, 0, 0)
