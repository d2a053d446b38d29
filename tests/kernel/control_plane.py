"""An API server on the node itself, and the service's virtual address, by which pods ask for it."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.kernel.namespace import PATIENCE, Namespace
from tests.sources.api_server import ApiServer, Json, Pki, make_pki

ADDRESS = ("192.168.6.11", 6443)
"""On eth0, in a LAN without a router: on-link, whatever becomes of the default route."""
SERVICE = ("10.96.0.1", 443)
LAN = (
    "link add eth0 type veth peer name veth1",
    "link set veth1 up",
    "link set eth0 up",
    f"address add {ADDRESS[0]}/24 dev eth0",
)

# What kube-proxy does for the node's own packets, once they have found a route.
DNAT = """
table ip kube-proxy {{
    chain output {{
        type nat hook output priority -100
        ip daddr {} tcp dport {} dnat to {}:{}
    }}
}}
"""


KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: node
contexts: [{{name: node, context: {{cluster: node, user: node}}}}]
clusters: [{{name: node, cluster: {{server: "https://{}:{}", certificate-authority: {account}/ca.crt,
  tls-server-name: kubernetes.default.svc}}}}]
users: [{{name: node, user: {{tokenFile: {account}/token}}}}]
"""


@dataclass
class ControlPlane:
    """The stand-in API server in a thread of this process, inside the namespace. It may go, and come back."""

    namespace: Namespace
    pki: Pki
    server: ApiServer = field(default_factory=ApiServer)
    running: tuple[asyncio.AbstractEventLoop, asyncio.Event, Future[None]] | None = None

    def start(self) -> None:
        """Begin to listen."""
        begun: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()

        async def serve() -> None:
            async with self.server.serving(self.pki, *ADDRESS):
                end = asyncio.Event()
                begun.set_result((asyncio.get_running_loop(), end))
                await end.wait()

        ended = self.namespace.start(asyncio.run, serve())
        self.running = (*begun.result(PATIENCE), ended)

    def stop(self) -> None:
        """Hang up on everybody, and listen no more."""
        if self.running:
            loop, end, ended = self.running
            self.running = None
            loop.call_soon_threadsafe(end.set)
            ended.result(PATIENCE)

    def put(self, pod: Json) -> None:
        """Make or change a pod; while nobody serves, it is known when somebody does."""
        self._do(lambda: self.server.put(pod))

    def delete(self, uid: str) -> None:
        """Delete a pod."""
        self._do(lambda: self.server.delete(uid))

    def _do(self, change: Callable[[], None]) -> None:
        if self.running is None:
            change()
            return
        loop, _, _ = self.running

        async def do() -> None:
            change()

        asyncio.run_coroutine_threadsafe(do(), loop).result(PATIENCE)


def kubeconfig(account: str | Path) -> str:
    """How to ask the server at its own address, with the credentials of a pod in a directory."""
    return KUBECONFIG.format(*ADDRESS, account=account)


@contextmanager
def control_plane(namespace: Namespace, directory: Path) -> Iterator[ControlPlane]:
    """A control plane at work, its service address, and the credentials of a pod in `directory`."""
    namespace.ip(*LAN)
    rules = DNAT.format(*SERVICE, *ADDRESS)
    subprocess.run(["ip", "netns", "exec", namespace.name, "nft", "-f", "-"], input=rules, text=True, check=True)
    plane = ControlPlane(namespace, make_pki(directory))
    (directory / "token").write_text(plane.server.token)
    plane.server.tells_endpoints("https://{}:{}".format(*ADDRESS))
    plane.start()
    try:
        yield plane
    finally:
        plane.stop()
