"""The image as the DaemonSet runs it: on the node's network, as nobody of group 0, with nothing to write to."""

from __future__ import annotations

import secrets
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.image.engine import IMAGE, Engine
from tests.kernel.namespace import PATIENCE, Namespace

NODE = "pi-master1"
# What a pod is told of the API server: the service's address, which without a default route nobody can reach.
IN_A_CLUSTER = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}
STATE = "/var/lib/uplink-exporter"
# Without these podman asks for more than root may have inside a container.
LIMITS = ("--ulimit=nofile=1024:1024", "--ulimit=nproc=512:512")
ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"


@dataclass(frozen=True, slots=True)
class Container:
    """A container that runs."""

    podman: Engine
    name: str
    node: Namespace
    started: float
    """When its start was asked for, by the monotonic clock."""

    @property
    def pid(self) -> int:
        """Its first process, as this machine sees it."""
        return int(self.podman("inspect", "--format={{.State.Pid}}", self.name))

    def status(self) -> dict[str, str]:
        """What the kernel says of its first process."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}

    def age(self) -> float:
        """How many seconds ago its start was asked for."""
        return time.monotonic() - self.started

    def execute(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in it."""
        return self.podman.run("exec", self.name, *command)

    def stop(self) -> int:
        """End it as the kubelet would; its exit code."""
        self.podman("stop", f"--time={PATIENCE:g}", self.name)
        return int(self.podman("inspect", "--format={{.State.ExitCode}}", self.name))


@contextmanager
def running(
    podman: Engine, node: Namespace, volumes: Mapping[Path, str], state: Path | None = None
) -> Iterator[Container]:
    """The exporter's container on this node, from its start on.

    Each of `volumes` is seen read-only at its place; `state` is where it may write.
    """
    record = () if state is None else (f"--volume={state}:{STATE}", f"--env=UPLINK_EXPORTER_STATE_DIRECTORY={STATE}")
    name = f"uplink-exporter-{secrets.token_hex(4)}"
    podman(
        "create",
        f"--name={name}",
        "--cgroups=disabled",
        "--pull=never",
        f"--hostname={NODE}",  # on the host's network a pod has its name too
        "--no-healthcheck",  # podman would have systemd ask
        f"--network=ns:/run/netns/{node.name}",
        *LIMITS,
        "--read-only",
        "--read-only-tmpfs=false",
        "--cap-drop=all",
        "--security-opt=no-new-privileges",
        *(f"--env={key}={value}" for key, value in IN_A_CLUSTER.items()),
        *(f"--volume={source}:{target}:ro" for source, target in volumes.items()),
        *record,
        IMAGE,
    )
    try:
        started = time.monotonic()
        podman("start", name)
        yield Container(podman, name, node, started)
    finally:
        podman("rm", "--force", "--time=0", name)
