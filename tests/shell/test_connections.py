"""Who may hold a connection, and for how long: real sockets, and a clock that is moved instead of waited for."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from tests.builders import NETWORK, WLAN0, node, with_links
from tests.conftest import Later
from tests.shell.http import Client, Server, request, served
from uplink_exporter.facts import NodeState
from uplink_exporter.web.connections import LIMIT
from uplink_exporter.web.guest import IDLE, TIMEOUT
from uplink_exporter.web.listen import BACKLOG

MANY_LINKS = with_links(NETWORK, *(replace(WLAN0, index=100 + n, name=f"vlan{n}") for n in range(1000)))
SMALL = 4096
# linux/tcp.h: tcpi_sacked, which on a listening socket is the length of its queue.
TCPI_SACKED = 28
SOMAXCONN = int(Path("/proc/sys/net/core/somaxconn").read_text())


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    """The server of a healthy node."""
    async with served(node(NETWORK)) as running:
        yield running


async def turns() -> None:
    """Some turns of the event loop, for what is due and what is on its way."""
    for _ in range(10):
        await asyncio.sleep(0)


async def ended(client: Client) -> bool:
    """Whether the server has ended the connection without another byte."""
    await turns()
    reading = asyncio.ensure_future(client.rest())
    done, _ = await asyncio.wait([reading], timeout=0.05)
    reading.cancel()
    return bool(done) and reading.result() == b""


async def test_a_scrape_gets_through_500_connections_that_say_nothing(server: Server) -> None:
    async with AsyncExitStack() as stack:
        idle = [await stack.enter_async_context(server.client()) for _ in range(500)]
        assert (await server.ask("/metrics")).status == 200
        open_still = sum(not client.reader.at_eof() and not client.writer.is_closing() for client in idle)
        assert open_still <= LIMIT


async def test_the_quietest_connection_leaves_first_and_those_in_use_stay(server: Server) -> None:
    async with AsyncExitStack() as stack:
        quiet, *_ = [await stack.enter_async_context(server.client()) for _ in range(2)]
        scraper = await stack.enter_async_context(server.client())
        await turns()
        for _ in range(LIMIT):
            assert (await scraper.ask("/-/healthy")).status == 200
            await stack.enter_async_context(server.client())
            await turns()
        assert (await scraper.ask("/metrics")).status == 200
        assert await ended(quiet)


async def test_a_client_that_says_nothing_is_cut_off(server: Server, later: Later) -> None:
    async with server.client() as client:
        assert not await ended(client)
        later(TIMEOUT + 1)
        assert await ended(client)


async def test_half_a_header_is_waited_for_and_then_no_longer(server: Server, later: Later) -> None:
    async with server.client() as slow, server.client() as stuck:
        slow.send("GET /-/healthy HTTP/1.1\r\nHo")
        stuck.send("GET /-/healthy HTTP/1.1\r\nHo")
        await turns()
        later(TIMEOUT - 1)
        slow.send("st: node\r\n\r\n")
        assert (await slow.answer()).status == 200
        later(2)
        assert await ended(stuck)
        assert (await slow.ask("/-/healthy")).status == 200


async def test_a_header_that_trickles_in_does_not_wind_the_clock_back(server: Server, later: Later) -> None:
    async with server.client() as client:
        for letter in "GET /-/hea":
            client.send(letter)
            await turns()
            later(TIMEOUT / 5)
        assert await ended(client)


async def test_half_a_second_request_is_cut_off_as_half_a_first_one(server: Server, later: Later) -> None:
    async with server.client() as client:
        await client.ask("/-/healthy")
        client.send("GET /-/hea")
        await turns()
        later(TIMEOUT + 1)
        assert await ended(client)


async def test_a_body_that_nobody_asked_for_is_not_waited_for(server: Server) -> None:
    async with server.client() as client:
        client.send(request("/metrics", "POST", Content_Length="1000000") + "x")
        assert (await client.answer()).status == 405
        assert await ended(client)


async def test_between_two_scrapes_a_client_may_be_quiet_for_longer(server: Server, later: Later) -> None:
    async with server.client() as client:
        for _ in range(3):
            assert (await client.ask("/metrics")).status == 200
            later(60)
            await turns()
        assert (await client.ask("/metrics")).status == 200
        later(IDLE + 1)
        assert await ended(client)


async def test_a_client_that_does_not_take_its_answer_is_cut_off(later: Later) -> None:
    def narrow(sock: socket.socket) -> None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL)

    async with served(node(MANY_LINKS), narrow) as server, server.client(receive_buffer=SMALL) as client:
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        client.send(request("/metrics"))
        await turns()
        later(TIMEOUT + 1)
        await turns()
        client.writer.transport.resume_reading()  # type: ignore[attr-defined]
        taken = await client.rest()
        whole = await server.ask("/metrics")
        assert 0 < len(taken) < len(whole.body)


async def test_a_client_that_takes_its_answer_slowly_but_surely_gets_it_all_and_may_come_again(later: Later) -> None:
    def narrow(sock: socket.socket) -> None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL)

    async with served(node(MANY_LINKS), narrow) as server, server.client(receive_buffer=SMALL) as client:
        answer = await client.ask("/metrics")
        assert answer.status == 200
        assert b'uplink_diagnosis{verdict="healthy"} 1.0' in answer.body
        later(60)
        await turns()
        assert (await client.ask("/-/healthy")).status == 200


async def test_clients_that_never_read_do_not_hold_up_a_scrape() -> None:
    async with served(node(MANY_LINKS)) as server, AsyncExitStack() as stack:
        for _ in range(50):
            client = await stack.enter_async_context(server.client(receive_buffer=SMALL))
            client.writer.transport.pause_reading()  # type: ignore[attr-defined]
            client.send(request("/metrics"))
        assert (await server.ask("/metrics")).status == 200


async def test_the_server_ends_while_clients_hold_connections() -> None:
    async with AsyncExitStack() as stack:
        async with served(NodeState()) as server:
            idle = await stack.enter_async_context(server.client())
            kept = await stack.enter_async_context(server.client())
            half = await stack.enter_async_context(server.client())
            await kept.ask("/-/healthy")
            half.send("GET /")
            await turns()
        async with asyncio.timeout(1):
            for client in (idle, kept, half):
                assert await client.rest() == b""


async def test_the_queue_for_a_burst_of_connections_is_as_long_as_it_was_asked_for(server: Server) -> None:
    (longest,) = struct.unpack_from("=I", server.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104), TCPI_SACKED)
    assert longest == min(BACKLOG, SOMAXCONN)
