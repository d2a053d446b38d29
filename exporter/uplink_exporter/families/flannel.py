"""The families of flannel: what it did, how it is, and what it would do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

from uplink_exporter.facts import Network
from uplink_exporter.families.family import MetricFamily, Sample, Scene
from uplink_exporter.flannel.choice import Blocked, Choice, Refusal
from uplink_exporter.flannel.condition import restarted
from uplink_exporter.flannel.homes import lasting_home
from uplink_exporter.flannel.hostip import HostIp, choose_host_interface
from uplink_exporter.flannel.ledger import Ledger
from uplink_exporter.flannel.observed import ApiPath, Cause, ContainerRestarts, FlannelLogs, NodePods, WaitingReason
from uplink_exporter.flannel.question import options
from uplink_exporter.flannel.units import FlannelJournal, asks_for_node_ip

# A node runs one flannel, two while one is replaced. What lies in the log directory may be anybody's.
MOST_CONTAINERS = 16


def _ledger(scene: Scene) -> Ledger:
    return scene.state.last(Ledger) or Ledger()


def _one(value: float | None) -> Iterator[Sample]:
    return iter([((), value)]) if value is not None else iter(())


def _asked(scene: Scene) -> object:
    network: Network | None = scene.network
    seen = network and (network.links, network.addresses, network.routes, dict(network.reached))
    return seen, options(scene.state)


def _of_question(samples: Callable[[Choice | Refusal], Iterator[Sample]]) -> Callable[[Scene], Iterator[Sample]]:
    def of(scene: Scene) -> Iterator[Sample]:
        answer = scene.view.answer
        return samples(answer) if answer is not None else iter(())

    return of


def _choice(answer: Choice | Refusal) -> Iterator[Sample]:
    if isinstance(answer, Choice):
        yield (answer.device, answer.address or answer.address6, answer.method), 1


def _blocked(scene: Scene) -> Iterator[Sample]:
    answer = scene.view.answer
    if answer is None:
        return iter(())
    reason = answer.reason if isinstance(answer, Refusal) else None
    asked = asks_for_node_ip(lasting_home(scene.state))
    never = {Blocked.UNDECIDED} if asked else {Blocked.UNDECIDED, Blocked.NODE_IP}
    return (((blocked,), blocked is reason) for blocked in Blocked if blocked not in never)


def _deltas(scene: Scene) -> Iterator[Sample]:
    windows = scene.state.policy.windows
    return (((span(window),), restarted(scene.state, window, scene.now)) for window in windows)


def span(seconds: float) -> str:
    """A window as its flag has it: `15m`, `1h`."""
    whole = int(seconds)
    for size, unit in ((3600, "h"), (60, "m")):
        if whole % size == 0:
            return f"{whole // size}{unit}"
    return f"{whole}s"


def _container_restarts(scene: Scene) -> Iterator[Sample]:
    logs, pods = scene.state.fresh(FlannelLogs, scene.now), scene.state.fresh(NodePods, scene.now)
    journal = scene.state.fresh(FlannelJournal, scene.now)
    counts = {("", "", log.unit): log.restarts for log in (journal.units if journal else ())}
    told: list[ContainerRestarts] = [
        *(logs.restarts if logs else ()),
        *(c.restarts for c in (pods.flannel if pods else ())),
    ]
    for container in told:
        key = (container.namespace, container.pod, container.container)
        counts[key] = max(container.count, counts.get(key, 0))
    return islice(counts.items(), MOST_CONTAINERS)


def _waiting(scene: Scene) -> Iterator[Sample]:
    if not scene.state.fresh(NodePods, scene.now):
        return iter(())
    waiting = scene.view.flannel.waiting
    return (((reason,), reason == waiting) for reason in WaitingReason)


def _crashes(scene: Scene) -> Iterator[Sample]:
    crashes = _ledger(scene).crashes
    return (((cause,), crashes.get(cause, 0)) for cause in Cause if cause is not Cause.CLEAN)


def _last_crash(scene: Scene) -> Iterator[Sample]:
    last = _ledger(scene).last_crash
    return _one(None if last is None else scene.now.unix(last))


def _subnet_file_present(scene: Scene) -> Iterator[Sample]:
    """None where flannel was seen to run without it: canal's does not write there."""
    logs, flannel = scene.state.fresh(FlannelLogs, scene.now), scene.view.flannel
    elsewhere = flannel.running and flannel.ready is not False and logs is not None and not logs.subnet_file_seen
    return _one(logs.subnet_file is not None if logs and not elsewhere else None)


def _subnet_file_time(scene: Scene) -> Iterator[Sample]:
    logs = scene.state.fresh(FlannelLogs, scene.now)
    return _one(logs.subnet_file if logs else None)


def _pods_waiting(scene: Scene) -> Iterator[Sample]:
    pods = scene.state.fresh(NodePods, scene.now)
    return (((w.namespace, w.pod, w.container, w.reason), 1) for w in (pods.waiting if pods else ()))


def _api_path(scene: Scene) -> Iterator[Sample]:
    if NodePods not in scene.showing.sources:
        return iter(())
    pods = scene.state.fresh(NodePods, scene.now)
    path = pods.path if pods else ApiPath.NONE
    return (((known,), known is path) for known in ApiPath)


def _node_ip(scene: Scene) -> Iterator[Sample]:
    return _one(isinstance(choose_host_interface(scene.network), HostIp) if scene.network else None)


FLANNEL = (
    MetricFamily(
        name="uplink_flannel_found",
        help="1 if flannel is on this node, by its logs, by its unit, by the API server, or because a flag says so.",
        samples=lambda scene: _one(scene.view.flannel.found),
    ),
    MetricFamily(
        name="uplink_flannel_restarts_total",
        help="Restarts of flannel on this node: of pods since the exporter looks, of a unit in this boot; never falls.",
        samples=lambda scene: _one(_ledger(scene).restarts),
    ),
    MetricFamily(
        name="uplink_flannel_restart_delta",
        help="Restarts of flannel seen in the trailing window.",
        labels=("window",),
        samples=_deltas,
    ),
    MetricFamily(
        name="uplink_flannel_container_restarts",
        help="Restarts of flannel's container as the kubelet counts them for a pod, or of its unit in this boot.",
        labels=("namespace", "pod", "container"),
        samples=_container_restarts,
    ),
    MetricFamily(
        name="uplink_flannel_running",
        help="1 if flannel's container or unit runs; no sample if there is none, or nobody can tell.",
        samples=lambda scene: _one(scene.view.flannel.running),
    ),
    MetricFamily(
        name="uplink_flannel_ready",
        help="1 if flannel's container is ready, or its unit got through its start; no sample if nobody can tell.",
        samples=lambda scene: _one(scene.view.flannel.ready),
    ),
    MetricFamily(
        name="uplink_flannel_waiting",
        help="1 for the reason for which flannel's container waits; no sample while the API server cannot be asked.",
        labels=("reason",),
        samples=_waiting,
    ),
    MetricFamily(
        name="uplink_flannel_crashes_total",
        help="Ends of flannel since the exporter looks, by the cause in its last words; clean stops do not count.",
        labels=("cause",),
        samples=_crashes,
        reads=lambda scene: (_ledger(scene).crashes,),
    ),
    MetricFamily(
        name="uplink_flannel_last_crash_timestamp_seconds",
        help="When flannel last crashed; no sample if no crash is known.",
        samples=_last_crash,
    ),
    MetricFamily(
        name="uplink_flannel_would_start",
        help="1 if flannel would find its interface if it started now: its own question, asked all the time.",
        samples=_of_question(lambda answer: _one(isinstance(answer, Choice))),
        reads=_asked,
    ),
    MetricFamily(
        name="uplink_flannel_start_blocked",
        help="1 for the reason for which flannel would not find its interface now, 0 for the others.",
        labels=("reason",),
        samples=_blocked,
        reads=_asked,
    ),
    MetricFamily(
        name="uplink_flannel_interface_info",
        help="1, with the interface and address that flannel would choose now, and by which method.",
        labels=("device", "address", "method"),
        samples=_of_question(_choice),
        reads=_asked,
    ),
    MetricFamily(
        name="uplink_flannel_subnet_file_present",
        help="1 if flannel's subnet.env is there: without it no pod gets a network; no sample if flannel runs without.",
        samples=_subnet_file_present,
    ),
    MetricFamily(
        name="uplink_flannel_subnet_file_timestamp_seconds",
        help="When flannel last wrote subnet.env, which is when it last got through its start.",
        samples=_subnet_file_time,
    ),
    MetricFamily(
        name="uplink_node_ip_detectable",
        help="1 if Kubernetes' own question for the host's IP (kubelet, kube-apiserver, k3s) finds one now.",
        samples=_node_ip,
        reads=lambda scene: scene.network and (scene.network.links, scene.network.addresses, scene.network.routes),
    ),
    MetricFamily(
        name="uplink_pod_waiting",
        help="1 for each container of this node's system pods that waits, with the kubelet's reason.",
        labels=("namespace", "pod", "container", "reason"),
        samples=_pods_waiting,
    ),
    MetricFamily(
        name="uplink_api_path",
        help="1 for the way by which the API server is reached, 0 for the others.",
        labels=("path",),
        samples=_api_path,
    ),
)
