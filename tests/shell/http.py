"""A small HTTP client on raw streams: it can send what no library would, and take as long as it likes."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.builders import scene
from uplink_exporter.facts import NodeState
from uplink_exporter.settings import ListenAddress
from uplink_exporter.web.guest import Guest
from uplink_exporter.web.listen import listen
from uplink_exporter.web.page import Page
from uplink_exporter.web.secure import Guard
from uplink_exporter.web.server import serving
from uplink_exporter.web.site import Site


@dataclass(frozen=True)
class Answer:
    """What the server answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass
class Client:
    """One connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def send(self, text: str) -> None:
        self.writer.write(text.encode())

    async def ask(self, path: str, method: str = "GET", **headers: str) -> Answer:
        self.send(request(path, method, **headers))
        return await self.answer(bodiless=method == "HEAD")

    async def answer(self, bodiless: bool = False) -> Answer:
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        status, *lines = head.rstrip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = 0 if bodiless else int(headers.get("content-length", "0"))
        return Answer(int(status.split()[1]), headers, await self.reader.readexactly(length))

    async def rest(self) -> bytes:
        """What is still to come, until the server ends the connection."""
        received = b""
        try:
            while data := await self.reader.read(65536):
                received += data
        except ConnectionError:
            pass
        return received


def request(path: str, method: str = "GET", **headers: str) -> str:
    """A request's head; a header's name is given with `_` for `-`."""
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: node", *lines, "", ""])


@dataclass
class Server:
    """The server of a node whose state a test may change."""

    sock: socket.socket
    state: NodeState
    page: Page = field(default_factory=Page)
    guests: Mapping[object, Guest] = field(default_factory=dict)

    @property
    def port(self) -> int:
        return int(self.sock.getsockname()[1])

    @asynccontextmanager
    async def client(self, receive_buffer: int = 0) -> AsyncIterator[Client]:
        connection = socket.socket()
        if receive_buffer:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connection.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", self.port))
        client = Client(*await asyncio.open_connection(sock=connection))
        try:
            yield client
        finally:
            client.writer.transport.abort()

    async def ask(self, path: str, method: str = "GET", **headers: str) -> Answer:
        """The answer to one request on a connection of its own."""
        async with self.client() as client:
            return await client.ask(path, method, **headers)


@asynccontextmanager
async def served(
    state: NodeState,
    prepare: Callable[[socket.socket], None] = lambda sock: None,
    guard: Guard | None = None,
) -> AsyncIterator[Server]:
    """A server of that state on a port that is free; `prepare` may set options on its socket."""
    with listen(ListenAddress("127.0.0.1", 0), Path("/proc")) as sock:
        prepare(sock)
        server = Server(sock, state)
        site = Site(telemetry_path="/metrics", scene=lambda: scene(server.state), page=server.page)
        async with serving(site, [sock], guard) as gate:
            server.guests = gate.guests
            yield server
