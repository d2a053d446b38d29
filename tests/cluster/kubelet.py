"""A real kubelet and a real containerd on the machine."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cluster import tools
from tests.cluster.control_plane import URL, ControlPlane
from tests.cluster.images import save_image

# On wlan0: without its uplink nobody reaches the node there, the kubelet's own probes included.
NODE_IP = "192.0.2.2"
SOCKET = "/run/containerd/containerd.sock"
PAUSE = "localhost/pause:test"
RUNC = 'plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc'
# No process here may lower its own OOM score, not even root.
CONTAINERD = f"""
version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE}"
  restrict_oom_score_adj = true
[{RUNC}]
  runtime_type = "io.containerd.runc.v2"
"""


def start_node(plane: ControlPlane) -> None:
    """Make the machine a node of the cluster, and wait until it is known there. It is ready once flannel is."""
    machine, pki = plane.machine, plane.pki
    start_containerd(plane)
    pause = machine.directory / "pause.tar"
    import_image(plane, save_image(pause, PAUSE, {"/pause": tools.program("pause")}, "/pause"))
    pki.sign("kubelet", f"/O=system:nodes/CN=system:node:{machine.name}")
    pki.sign("kubelet-server", f"/O=system:nodes/CN=system:node:{machine.name}", (f"IP:{NODE_IP}",))
    pki.kubeconfig("kubelet", URL)
    start_kubelet(plane)
    machine.await_ready("kubelet", lambda: plane.get("nodes")["items"])


def start_kubelet(plane: ControlPlane) -> None:
    """Begin to run pods, static ones even if no API server answers."""
    machine = plane.machine
    static_pods(plane).mkdir(exist_ok=True)
    config = machine.directory / "kubelet.json"
    config.write_text(json.dumps(_configuration(plane)))
    flags = (
        f"--config={config}",
        f"--kubeconfig={plane.pki.directory / 'kubelet.conf'}",
        f"--hostname-override={machine.name}",
        f"--node-ip={NODE_IP}",
    )
    machine.start("kubelet", tools.program("kubelet"), *flags)


def static_pods(plane: ControlPlane) -> Path:
    """Where the kubelet looks for static pods."""
    return plane.machine.directory / "manifests"


def start_containerd(plane: ControlPlane) -> None:
    """Begin to run containers."""
    machine = plane.machine
    config = machine.directory / "containerd.toml"
    config.write_text(CONTAINERD)
    machine.start("containerd", "env", f"PATH={tools.PATH}", "containerd", f"--config={config}")
    machine.await_ready("containerd", lambda: ctr(plane, "version"))


def ctr(plane: ControlPlane, *arguments: str | Path) -> str:
    """What containerd's own client says."""
    return plane.machine.run("env", f"PATH={tools.PATH}", "ctr", "--namespace=k8s.io", *arguments)


def import_image(plane: ControlPlane, archive: Path) -> None:
    """Give the node an image, as if it had been pulled."""
    ctr(plane, "images", "import", archive)


def _configuration(plane: ControlPlane) -> dict[str, object]:
    pki = plane.pki
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {"anonymous": {"enabled": False}, "x509": {"clientCAFile": str(pki.certificate("ca"))}},
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(pki.certificate("kubelet-server")),
        "tlsPrivateKeyFile": str(pki.key("kubelet-server")),
        "containerRuntimeEndpoint": f"unix://{SOCKET}",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{plane.machine.cgroup}",
        "staticPodPath": str(static_pods(plane)),
        "failCgroupV1": False,
        "failSwapOn": False,
        "oomScoreAdj": 0,
        "makeIPTablesUtilChains": False,
        "enforceNodeAllocatable": [],
        # What this machine's disk has left is no matter of the test.
        "evictionHard": {"memory.available": "0%", "nodefs.available": "0%", "imagefs.available": "0%"},
        "imageGCHighThresholdPercent": 100,
        # A crash loop at its steady state in seconds, not minutes.
        "crashLoopBackOff": {"maxContainerRestartPeriod": "2s"},
    }
