"""Clients that mean no good, in a process of their own: how many take nothing, say nothing, and dribble."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress

from tests.bench.client import SCRAPE

AGAIN = 1.0  # seconds until one that was thrown out is back
PIPELINED = 20
LONGER = 15.0  # than anybody should wait for somebody to take something
NARROW = 4096


async def besiege(host: str, port: int, gluttons: int, idle: int, slow: int) -> None:
    """Come back for ever."""
    kinds: tuple[tuple[Callable[[socket.socket], Awaitable[None]], int], ...] = (
        (_take_nothing, gluttons),
        (_say_nothing, idle),
        (_dribble, slow),
    )
    await asyncio.gather(*(_again((host, port), how) for how, count in kinds for _ in range(count)))


async def _again(address: tuple[str, int], how: Callable[[socket.socket], Awaitable[None]]) -> None:
    loop = asyncio.get_running_loop()
    while True:
        with suppress(OSError), socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, NARROW)
            client.setblocking(False)
            await loop.sock_connect(client, address)
            await how(client)
        await asyncio.sleep(AGAIN)


async def _take_nothing(client: socket.socket) -> None:
    await asyncio.get_running_loop().sock_sendall(client, SCRAPE * PIPELINED)
    await asyncio.sleep(LONGER)


async def _say_nothing(client: socket.socket) -> None:
    await asyncio.get_running_loop().sock_recv(client, 1)


async def _dribble(client: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    for byte in SCRAPE:
        await loop.sock_sendall(client, bytes([byte]))
        await asyncio.sleep(0.1)


if __name__ == "__main__":
    asyncio.run(besiege(sys.argv[1], *map(int, sys.argv[2:])))
