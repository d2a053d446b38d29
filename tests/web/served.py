"""A server with a web config that a test may rewrite, and clients that speak TLS as badly as they like."""

from __future__ import annotations

import asyncio
import shutil
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.shell.http import Client, Server, served
from tests.web.pki import Pki
from uplink_exporter.facts import NodeState
from uplink_exporter.web.secure import Guard, guarded


@dataclass(frozen=True, slots=True, kw_only=True)
class Secured:
    """A server, the directory of its web config with `server.crt` and `server.key`, and its guard."""

    server: Server
    directory: Path
    guard: Guard
    pki: Pki

    def write(self, config: str) -> None:
        (self.directory / "web.yml").write_text(config)

    def certify(self, name: str) -> None:
        """Put another certificate and its key in the place of the server's."""
        shutil.copyfile(self.pki.crt(name), self.directory / "server.crt")
        shutil.copyfile(self.pki.key(name), self.directory / "server.key")

    def context(self, client: str = "") -> ssl.SSLContext:
        """For a client that trusts the CA."""
        context = ssl.create_default_context(cafile=self.pki.crt("ca"))
        if client:
            context.load_cert_chain(self.pki.crt(client), self.pki.key(client))
        return context

    @asynccontextmanager
    async def tls(self, context: ssl.SSLContext | None = None) -> AsyncIterator[Client]:
        """A connection after its handshake."""
        opened = asyncio.open_connection("127.0.0.1", self.server.port, ssl=context or self.context())
        client = Client(*await opened)
        try:
            yield client
        finally:
            client.writer.transport.abort()


TLS = "tls_server_config: {cert_file: server.crt, key_file: server.key}\n"


@asynccontextmanager
async def secured(
    state: NodeState,
    directory: Path,
    pki: Pki,
    config: str = TLS,
    **options: Callable[..., None],
) -> AsyncIterator[Secured]:
    """A server of that state by this web config."""
    path = directory / "web.yml"
    path.write_text(config)
    for name in ("server.crt", "server.key"):
        shutil.copyfile(pki.directory / name, directory / name)
    guard = guarded(path)
    async with served(state, guard=guard, **options) as server:
        yield Secured(server=server, directory=directory, guard=guard, pki=pki)
