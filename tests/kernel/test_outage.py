"""The incident on a real network: with the default route goes the way to the API server, which is on this very node."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from tests.kernel.control_plane import ADDRESS, SERVICE, ControlPlane, control_plane
from tests.kernel.kubelet import V0_14_NO_ROUTE, V0_14_STARTED, V0_28_NO_ROUTE, V0_28_STARTED, Kubelet
from tests.kernel.namespace import CONNECTED, PATIENCE, ROUTE, SOURCES, Namespace, at_work, eventually, exporting
from tests.sources.api_server import Json
from uplink_exporter.clock import system_clock
from uplink_exporter.facts import NodeState
from uplink_exporter.flannel.condition import SETTLING
from uplink_exporter.flannel.observed import ApiPath, NodePods, Selection
from uplink_exporter.sources.kubernetes import pods
from uplink_exporter.sources.kubernetes.access import Access
from uplink_exporter.sources.kubernetes.paths import Memory
from uplink_exporter.sources.kubernetes.terms import Timing
from uplink_exporter.store import Store
from uplink_exporter.supervisor import supervise

pytestmark = pytest.mark.kernel

NODE = "pi-master1"
JQGSM: Json = json.loads((Path(__file__).parents[1] / "fixtures/api/flannel.json").read_text())

DOWN = 'uplink_diagnosis{verdict="uplink_down"}'
RECOVERING = 'uplink_diagnosis{verdict="recovering"}'
HEALTHY = 'uplink_diagnosis{verdict="healthy"}'
BY_SERVICE = 'uplink_api_path{path="service"}'
BY_ENDPOINT = 'uplink_api_path{path="endpoint"}'
TOTAL = "uplink_flannel_restarts_total"
CRASHES = 'uplink_flannel_crashes_total{cause="no_default_route"}'
WAITING = 'uplink_flannel_waiting{reason="CrashLoopBackOff"}'
RUNNING = "uplink_flannel_running"
WOULD_START = "uplink_flannel_would_start"
AT_ONCE = 1.0
A_VISIT = 12.0
"""The API is turned to every 5 seconds at most, and what it then says takes a moment."""

# What the kubelet gives a pod: the ServiceAccount, and where the API server's service is. The mount is seen by nobody
# else, in the mount namespace that ip-netns(8) makes.
AS_A_POD = """
mount -t tmpfs tmpfs /run
mkdir -p /run/secrets/kubernetes.io/serviceaccount
mount --bind "$1" /run/secrets/kubernetes.io/serviceaccount
shift
export KUBERNETES_SERVICE_HOST=10.96.0.1 KUBERNETES_SERVICE_PORT=443
exec "$@"
"""


def tq9x5() -> Json:
    """The pod that is made when jqgsm is deleted; meanwhile the DaemonSet is v0.28.9's."""
    pod = deepcopy(JQGSM)
    pod["metadata"] |= {"name": "kube-flannel-ds-tq9x5", "uid": "6f0c3c2e-7d0e-4b3f-8f5a-b2a4f8a95c22"}
    pod["metadata"]["creationTimestamp"] = "2021-08-27T10:10:31Z"
    pod["spec"]["containers"][0]["image"] = "ghcr.io/flannel-io/flannel:v0.28.9"
    return pod


def restarts(pod: str) -> str:
    labels = f'container="kube-flannel",namespace="kube-system",pod="kube-flannel-ds-{pod}"'
    return f"uplink_flannel_container_restarts{{{labels}}}"


@dataclass(frozen=True)
class Cluster:
    """A node with its kubelet, and the API server that is on it."""

    node: Namespace
    plane: ControlPlane
    kubelet: Kubelet
    directory: Path

    @property
    def through(self) -> tuple[str, ...]:
        """Starts Python as a pod's container would."""
        return ("sh", "-ec", AS_A_POD, "pod", str(self.directory / "serviceaccount"), sys.executable)

    @property
    def flags(self) -> tuple[str, ...]:
        """What the exporter is told on this made-up node."""
        run = self.kubelet.subnet_file.parent
        return (f"--kubernetes.node={NODE}", f"--path.pod-logs={self.kubelet.logs}", f"--path.flannel-run={run}")

    def doctor(self, *flags: str) -> Json:
        """What `doctor --output json` says inside, by its exit code not healthy."""
        command = ["ip", "netns", "exec", self.node.name, *self.through, "-m", "uplink_exporter", "doctor"]
        environment = {**os.environ, "PYTHONPATH": str(SOURCES)}
        done = subprocess.run(
            [*command, "--output=json", *self.flags, *flags],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1, done.stderr
        answer: Json = json.loads(done.stdout)
        return answer


@pytest.fixture
def cluster(node: Namespace, tmp_path: Path) -> Iterator[Cluster]:
    """A node on which all is well."""
    logs, run, account = (tmp_path / name for name in ("pods", "flannel", "serviceaccount"))
    for directory in (logs, run, account):
        directory.mkdir()
    node.ip(*CONNECTED)
    with control_plane(node, account) as plane:
        kubelet = Kubelet(logs, run / "subnet.env", tell=plane.put, untell=plane.delete)
        kubelet.create(JQGSM, restarts=1239)
        kubelet.starts(V0_14_STARTED)
        yield Cluster(node, plane, kubelet, tmp_path)


def connect(address: tuple[str, int]) -> None:
    socket.create_connection(address, timeout=PATIENCE).close()


def test_a_watch_that_loses_its_address_is_given_up_before_it_was_silent_for_too_long(cluster: Cluster) -> None:
    """As with DHCP: the kernel keeps the address of a link that goes down, whoever configures the network does not."""
    node = cluster.node
    with exporting(node, *cluster.flags, through=cluster.through, alone=()) as exporter:
        exporter.shows({HEALTHY: 1, BY_SERVICE: 1})
        node.ip("link set wlan0 down", "address flush dev wlan0")
        exporter.shows({BY_ENDPOINT: 1, BY_SERVICE: 0}, Timing().silence / 2)


def test_the_incident(cluster: Cluster) -> None:
    node, plane, kubelet = cluster.node, cluster.plane, cluster.kubelet
    with exporting(node, *cluster.flags, through=cluster.through, alone=()) as exporter:
        well = {HEALTHY: 1, BY_SERVICE: 1, RUNNING: 1, "uplink_flannel_ready": 1, WOULD_START: 1}
        exporter.shows({**well, TOTAL: 0, restarts("jqgsm"): 1239})
        node.call(connect, SERVICE)

        node.ip("link set wlan0 down")
        exporter.shows({DOWN: 1, WOULD_START: 0}, AT_ONCE)
        with pytest.raises(OSError, match="Network is unreachable"):
            node.call(connect, SERVICE)
        plane.stop()

        kubelet.dies(*V0_14_NO_ROUTE)
        exporter.shows({CRASHES: 1, TOTAL: 0, RUNNING: 0}, AT_ONCE)
        for number in (1, 2, 3):
            kubelet.crashes(*V0_14_NO_ROUTE)
            exporter.shows({TOTAL: number, CRASHES: 1 + number, restarts("jqgsm"): 1239 + number, DOWN: 1}, AT_ONCE)

        plane.start()
        exporter.shows({BY_ENDPOINT: 1, BY_SERVICE: 0, WAITING: 1, "uplink_flannel_ready": 0}, A_VISIT)
        counted = {TOTAL: 3, CRASHES: 4, restarts("jqgsm"): 1242, DOWN: 1}
        assert {name: exporter.page()[name] for name in counted} == counted, "nothing is counted twice"
        kubelet.crashes(*V0_14_NO_ROUTE)
        exporter.shows({TOTAL: 4, CRASHES: 5, restarts("jqgsm"): 1243}, AT_ONCE)

        kubelet.delete()
        exporter.shows({restarts("jqgsm"): None, TOTAL: 4, CRASHES: 5}, AT_ONCE)
        kubelet.create(tq9x5())
        kubelet.crashes(*V0_28_NO_ROUTE)
        exporter.shows({restarts("tq9x5"): 0, TOTAL: 4, CRASHES: 6, DOWN: 1}, AT_ONCE)
        kubelet.crashes(*V0_28_NO_ROUTE)
        exporter.shows({restarts("tq9x5"): 1, TOTAL: 5, CRASHES: 7, WAITING: 1}, AT_ONCE)

        node.ip("link set wlan0 up", ROUTE)
        exporter.shows({RECOVERING: 1, WOULD_START: 1, RUNNING: 0}, AT_ONCE)
        kubelet.starts(V0_28_STARTED)
        exporter.shows({RECOVERING: 1, RUNNING: 1, TOTAL: 6, CRASHES: 7}, AT_ONCE)
        kubelet.rotate()
        plane.stop()
        plane.start()
        exporter.shows({BY_SERVICE: 1, BY_ENDPOINT: 0}, A_VISIT)
        exporter.shows({HEALTHY: 1, RUNNING: 1, TOTAL: 6, CRASHES: 7}, SETTLING)


def test_doctor_names_the_cause_and_says_what_flannel_would_say(cluster: Cluster) -> None:
    cluster.node.ip("link set wlan0 down")
    cluster.kubelet.dies(*V0_14_NO_ROUTE)
    said = cluster.doctor()
    assert said["verdict"] == "uplink_down"
    assert said["summary"] == "the uplink wlan0 is down, so there is no IPv4 default route"
    observed = {evidence["subject"]: evidence["observed"] for evidence in said["evidence"]}
    assert next(iter(observed)) == "wlan0"
    assert observed["flannel"] == "does not run, restarted 1239x"
    assert observed["its last words"].endswith("Unable to find default route")
    assert said["flannel"]["would_start"] is False
    assert said["flannel"]["reason"] == "no_default_route"
    assert said["flannel"]["error"] == (
        "Failed to find any valid interface to use: failed to get default interface: unable to find default route"
    )


def test_doctor_asks_the_api_server_at_an_address_that_it_is_given(cluster: Cluster) -> None:
    cluster.node.ip("link set wlan0 down")
    cluster.kubelet.dies(*V0_14_NO_ROUTE)
    said = cluster.doctor("--kubernetes.api-server=https://{}:{}".format(*ADDRESS))
    observed = {evidence["subject"]: evidence["observed"] for evidence in said["evidence"]}
    assert observed["flannel"] == "does not run, CrashLoopBackOff, restarted 1239x"
    assert said["flannel"]["version"] == "v0.14.0"
    assert said["flannel"]["inner_error"].endswith("Unable to find default route"), "as that version spells it"


QUICK = Timing(connect=1, answer=1, list=2, call=1, silence=2, visit=60, pace=0.1, keepalive=0.1)


@contextmanager
def asking(cluster: Cluster) -> Iterator[Store]:
    """The API source inside, with the real supervisor and store, in a hurry."""
    host, port = SERVICE
    environ = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": str(port)}
    access = Access(environ=environ, service_account=cluster.directory / "serviceaccount")
    subject = pods.Subject(node=NODE, selection=Selection())
    store = Store(state=NodeState(), clock=system_clock())

    async def ask() -> None:
        try:
            await supervise({NodePods.source: partial(pods.watch, access, subject, Memory(), QUICK)}, store)
        finally:
            await asyncio.sleep(0.25)  # aiohttp does not wait for the goodbye of TLS

    with at_work(cluster.node, ask()):
        yield store


def test_the_api_server_is_found_at_its_own_address_and_by_its_service_again(cluster: Cluster) -> None:
    """Nobody hangs up: what was connected when the route went is silent for good."""
    with asking(cluster) as store:

        def by(path: ApiPath) -> bool:
            pods = store.state.last(NodePods)
            return pods is not None and pods.path is path

        eventually(lambda: by(ApiPath.SERVICE))
        for _ in range(2):
            cluster.node.ip("route del default")
            eventually(lambda: by(ApiPath.ENDPOINT), within=8)
            cluster.node.ip(ROUTE)
            eventually(lambda: by(ApiPath.SERVICE), within=4)
