"""The servers of the replay for a browser on this machine, which is in another network than they are."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress

from tests.kernel.namespace import Namespace
from tests.stack.configuration import ALERTMANAGER, PROMETHEUS


def keep(lan: Namespace) -> None:
    """Print where they are, and stay until Ctrl-C."""
    asyncio.run(_keep(lan))


async def _keep(lan: Namespace) -> None:
    for name, port in {"Prometheus": PROMETHEUS, "Alertmanager": ALERTMANAGER}.items():
        print(f"{name}: http://127.0.0.1:{await forward(lan, port)}/", flush=True)
    print("Ctrl-C ends them.", flush=True)
    await asyncio.Event().wait()


async def forward(namespace: Namespace, port: int) -> int:
    """The port on this machine's loopback that leads to one of the namespace's loopback."""

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = await asyncio.to_thread(namespace.call, socket.create_connection, ("127.0.0.1", port))
        there_reader, there_writer = await asyncio.open_connection(sock=connection)
        await asyncio.gather(_copy(reader, there_writer), _copy(there_reader, writer))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    found: int = server.sockets[0].getsockname()[1]
    return found


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()
