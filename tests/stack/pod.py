"""Flannel's pod on the node: a process that is started again whenever it dies, and the logs of its attempts."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain, repeat
from pathlib import Path

from tests.kernel.kubelet import Kubelet
from tests.kernel.namespace import Namespace, at_work
from tests.stack import flannel
from tests.stack.configuration import SCALE
from tests.stack.node import NAME, SERVERS, Node
from tests.stack.servers import BrokenReplayError
from tests.stack.web import Answer, serving

POD = {
    "metadata": {
        "namespace": "kube-flannel",
        "name": "kube-flannel-ds-tq9x5",
        "uid": "5d1be2c1-77a3-4f0e-8a5e-3d3b5e0c9a42",
    },
    "status": {"containerStatuses": [{"name": "kube-flannel"}]},
}
# The kubelet's: from 10 seconds to 5 minutes (kubernetes pkg/kubelet/kubelet.go).
BACK_OFF = (10, 20, 40, 80, 160)
LONGEST_BACK_OFF = 300
API = (SERVERS, 6443)
NET_CONF = {"Network": "10.244.0.0/16", "EnableNFTables": True, "Backend": {"Type": "alloc"}}
API_NODE = {
    "kind": "Node",
    "apiVersion": "v1",
    "metadata": {"name": NAME, "annotations": {"node.alpha.kubernetes.io/ttl": "0"}},
    "spec": {"podCIDR": "10.244.0.0/24", "podCIDRs": ["10.244.0.0/24"]},
}


@dataclass(kw_only=True)
class Pod:
    """Flannel's pod, and the messages of each of its attempts."""

    kubelet: Kubelet
    command: Sequence[str]
    said: list[list[str]] = field(default_factory=list)
    running: bool = False

    @property
    def restarts(self) -> int:
        """How often it was started again."""
        return max(0, self.kubelet.attempt)

    async def keep_running(self) -> None:
        """Start it, wait for its end, wait, start it again."""
        for pause in chain(BACK_OFF, repeat(LONGEST_BACK_OFF)):
            self.kubelet.begins()
            self.said.append([])
            await self._run()
            await asyncio.sleep(pause / SCALE)

    async def _run(self) -> None:
        process = await asyncio.create_subprocess_exec(
            *self.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.running = True
        try:
            assert process.stdout is not None
            with self.kubelet.log.open("ab", buffering=0) as log:
                async for line in process.stdout:
                    log.write(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}000Z stderr F ".encode() + line)
                    self.said[-1].append(line.decode(errors="replace").rstrip().partition("] ")[2])
            await process.wait()
        finally:
            self.running = False
            if process.returncode is None:
                process.terminate()
                await process.wait()


def stand_in(node: Node) -> Sequence[str]:
    """The command of the stand-in for flanneld."""
    return (sys.executable, "-I", flannel.__file__, NAME, str(node.subnet_file))


def flanneld(program: Path, node: Node) -> Sequence[str]:
    """The command of a real flanneld, v0.20 or newer, that needs of the API server its own Node and no more."""
    if not os.access(program, os.X_OK):
        raise BrokenReplayError(f"{program} cannot be run")
    if shutil.which("iptables") is None:
        raise BrokenReplayError("flanneld wants iptables, though it uses nftables: apt-get install iptables")
    configuration = node.root / "net-conf.json"
    configuration.write_text(json.dumps(NET_CONF))
    return (
        "env",
        f"NODE_NAME={NAME}",
        str(program),
        "--kube-subnet-mgr",
        f"--kube-api-url=http://{API[0]}:{API[1]}",
        f"--net-config-path={configuration}",
        f"--subnet-file={node.subnet_file}",
    )


@contextmanager
def node_api(lan: Namespace) -> Iterator[None]:
    """An API server in the LAN that holds this one Node, and takes any change to it for made."""
    answer: Answer = lambda path, body: API_NODE  # noqa: E731
    with serving(lan, API, answer):
        yield


@contextmanager
def running_pod(node: Node, command: Sequence[str]) -> Iterator[Pod]:
    """The pod on the node, until it is told to stop."""
    kubelet = Kubelet(node.pod_logs, node.subnet_file, tell=lambda pod: None, untell=lambda uid: None)
    kubelet.create(POD)
    pod = Pod(kubelet=kubelet, command=("setpriv", "--pdeathsig=KILL", *command))
    with at_work(node.network, pod.keep_running()):
        yield pod
