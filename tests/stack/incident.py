"""The incident from the boot to the end of its last symptom, and what is to be said of it afterwards."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.alerts.tools import Tools
from tests.kernel.namespace import Exporter, Namespace, Page, fresh_namespace
from tests.stack import views
from tests.stack.node import CURE, LAN_ADDRESS, NAME, Node, booting, exporter_of
from tests.stack.pod import flanneld, node_api, running_pod, stand_in
from tests.stack.servers import Notification, Servers, serving_alerts
from tests.stack.telling import PATIENCE, Telling
from tests.stack.unit import running_unit, with_systemd

DOWN = 'uplink_diagnosis{verdict="uplink_down"}'
HEALTHY = 'uplink_diagnosis{verdict="healthy"}'
RUNNING = "uplink_flannel_running"
LOGS_READ = 'uplink_source_up{source="pod-logs"}'
SYMPTOMS = frozenset({"FlannelCrashLooping", "FlannelNotStartedSinceBoot"})
# By rules: what the others find is in Prometheus then as well.
UNREACHABLE = "instance:uplink_exporter:up == 0"
MISSING = "instance_family:uplink_default_route_missing:last_known == 1"
USABLE = 'instance_family:uplink_default_route_usable:last_known{family="ipv4"} == 1'


class Moment(StrEnum):
    """The moments of the story, as Prometheus knows them."""

    OFF = "the node is off"
    BOOTED = "booted without wlan0"
    LOOPING = "flannel crash-loops"
    CURED = "the uplink is back"
    HEALTHY = "healthy again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What there is to be asserted. Times are Unix times."""

    booted: float
    notifications: tuple[Notification, ...]
    restarts: int
    """Of flannel, when the page came."""
    muted: frozenset[str]
    outage: Page
    healthy: Page
    doctor_before: str
    doctor_after: str
    history: str
    moments: Mapping[str, float]


class Lives(StrEnum):
    """Where flannel does."""

    POD = "pod"
    K3S = "k3s"


@contextmanager
def replaying(
    telling: Telling, tools: Tools, program: Path | None = None, home: Lives = Lives.POD
) -> Iterator[tuple[Record, Servers]]:
    """Play it; everything runs on until the end of the context. Raises BrokenReplayError."""
    with TemporaryDirectory(prefix="uplink-exporter-replay-") as name, ExitStack() as stack:
        directory = Path(name)
        lan = stack.enter_context(fresh_namespace())
        servers = stack.enter_context(serving_alerts(lan, directory, tools))
        telling.tell("monitoring", f"{servers.version()} are ready; all durations of theirs are a sixtieth")
        reach(Moment.OFF, telling, servers, UNREACHABLE)
        node = stack.enter_context(booting(lan, directory / NAME))
        telling.tell("boot", f"{NAME} boots: eth0 has {LAN_ADDRESS} and no default route, nothing brings wlan0 up")
        if home is Lives.K3S:
            with_systemd(node)
        exporter = stack.enter_context(exporter_of(node))
        telling.views |= {
            "exporter": partial(views.verdicts, exporter),
            "prometheus": partial(views.alerts, servers),
            "alertmanager": partial(views.muted, servers),
            "PAGE": partial(views.notifications, servers, "firing"),
            "RESOLVED": partial(views.notifications, servers, "resolved"),
        }
        telling.until("the exporter has looked", lambda: exporter.page().get(LOGS_READ) == 1)
        reach(Moment.BOOTED, telling, servers, MISSING)
        flannel = stack.enter_context(running_unit(node) if home is Lives.K3S else flannel_on(node, lan, program))
        telling.views["flannel"] = partial(views.attempts, flannel)
        yield play(telling, node, exporter, servers, flannel), servers


@contextmanager
def flannel_on(node: Node, lan: Namespace, program: Path | None) -> Iterator[views.Home]:
    """Flannel's pod on the node, with the real flanneld if there is one."""
    with ExitStack() as stack:
        if program is not None:
            stack.enter_context(node_api(lan))
        yield stack.enter_context(running_pod(node, flanneld(program, node) if program else stand_in(node)))


def reach(moment: Moment, telling: Telling, servers: Servers, query: str) -> None:
    """Wait until Prometheus has found something twice, so that it is in every graph, and note when that was."""
    twice = f"count_over_time(({query})[30s:1s]) > 1"
    telling.until(f"Prometheus finds {query}", lambda: servers.knows(twice))
    telling.moments[moment] = time.time()


def play(telling: Telling, node: Node, exporter: Exporter, servers: Servers, flannel: views.Home) -> Record:
    """From flannel's first start to silence."""
    booted = time.time() - (time.clock_gettime(time.CLOCK_BOOTTIME) - node.booted)
    telling.until("a page", lambda: servers.notifications)
    restarts, before = flannel.restarts, consult(telling, node, "doctor")
    muted = symptoms(telling)
    outage = exporter.shows({DOWN: 1, RUNNING: 0})
    telling.moments[Moment.LOOPING] = time.time()
    cure(telling, node)
    reach(Moment.CURED, telling, servers, USABLE)
    telling.until("flannel runs", lambda: node.subnet_file.exists())
    telling.until("the end of the page", lambda: len(servers.notifications) > 1)
    # Of k3s' unit that is not said within its first minute, which is no sixtieth here.
    telling.until("health", lambda: exporter.page().get(HEALTHY) == 1, within=2 * PATIENCE)
    healthy, after = exporter.shows({HEALTHY: 1, RUNNING: 1}), consult(telling, node, "doctor")
    telling.until("the end of all symptoms", lambda: not servers.alerts() and says_healthy(exporter))
    telling.moments[Moment.HEALTHY] = time.time()
    return Record(
        booted=booted,
        notifications=tuple(servers.notifications),
        restarts=restarts,
        muted=muted,
        outage=outage,
        healthy=healthy,
        doctor_before=before,
        doctor_after=after,
        history=consult(telling, node, "history"),
        moments=telling.moments,
    )


def consult(telling: Telling, node: Node, command: str) -> str:
    """Ask doctor or history, and tell what it says."""
    said = node.ask(command)
    telling.tell(command, f"$ uplink-exporter {command}\n{said}")
    return said


def symptoms(telling: Telling) -> frozenset[str]:
    """Wait until the symptoms fire, and are muted: which of them."""

    def muted() -> frozenset[str]:
        return frozenset(name.partition(" ")[0] for name in telling.told["alertmanager"])

    telling.until("the symptoms are muted", lambda: muted() >= SYMPTOMS)
    return muted()


def cure(telling: Telling, node: Node) -> None:
    """Bring the uplink back, and tell how."""
    telling.tell("cure", "\n".join(("$ sudo netplan apply", *(f"ip {command}" for command in CURE))))
    node.cure()


def says_healthy(exporter: Exporter) -> bool:
    """Whether it logged that all is well."""
    return any("verdict healthy" in verdict for verdict in views.verdicts(exporter).values())
