"""The incident on a real network: the default route goes, and with it the way to the API server that is on this node."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.kernel.control_plane import SERVICE, ControlPlane, control_plane
from tests.kernel.kubelet import V0_14_NO_ROUTE, V0_14_STARTED, V0_28_NO_ROUTE, V0_28_STARTED, Kubelet
from tests.kernel.namespace import CONNECTED, PATIENCE, ROUTE, SOURCES, Namespace, exporting
from tests.sources.api_server import Json

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
    return f'uplink_flannel_container_restarts{{container="kube-flannel",namespace="kube-system",pod="kube-flannel-ds-{pod}"}}'


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

    def doctor(self) -> Json:
        """What `doctor --output json` says inside, by its exit code not healthy."""
        command = ["ip", "netns", "exec", self.node.name, *self.through, "-m", "uplink_exporter", "doctor"]
        environment = {**os.environ, "PYTHONPATH": str(SOURCES)}
        done = subprocess.run(
            [*command, "--output=json", *self.flags], env=environment, capture_output=True, text=True, check=False
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
        exporter.shows({HEALTHY: 1, RUNNING: 1, TOTAL: 6, CRASHES: 7}, AT_ONCE)
        kubelet.rotate()
        plane.stop()
        plane.start()
        page = exporter.shows({BY_SERVICE: 1, BY_ENDPOINT: 0}, A_VISIT)
        assert {name: page[name] for name in (TOTAL, CRASHES, HEALTHY, RUNNING)} == {
            TOTAL: 6,
            CRASHES: 7,
            HEALTHY: 1,
            RUNNING: 1,
        }
