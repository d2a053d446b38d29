"""Who leaves when the house is full, and what those who stay may hold: real sockets, and a clock that is moved."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from weakref import ref

import pytest

from tests.builders import NETWORK, WLAN0, node, with_links
from tests.conftest import Later
from tests.shell.http import Client, Server, request, served
from tests.shell.test_connections import SMALL, ended, turns
from uplink_exporter.facts import NodeState
from uplink_exporter.web.connections import LIMIT, Gate
from uplink_exporter.web.guest import FRESH, TAKING, WAITING, Guest


def crowd(links: int, first: int = 100) -> NodeState:
    """A node whose page is large."""
    return node(with_links(NETWORK, *(replace(WLAN0, index=first + n, name=f"vlan{first + n}") for n in range(links))))


def narrow(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    """One whose page does not fit into what the kernel holds of a connection."""
    async with served(crowd(1000), narrow) as running:
        yield running


async def settle() -> None:
    for _ in range(5):
        await turns()


async def gluttons(server: Server, stack: AsyncExitStack, number: int) -> list[Client]:
    """Clients that ask for the page and take nothing of it."""
    found = []
    for _ in range(number):
        client = await stack.enter_async_context(server.client(receive_buffer=SMALL))
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        client.send(request("/metrics"))
        await settle()
        found.append(client)
    return found


async def test_however_many_take_nothing_one_page_is_held_once_and_little_of_it_waits(server: Server) -> None:
    async with AsyncExitStack() as stack:
        await gluttons(server, stack, 50)
        pages = {id(guest.page): guest.page for guest in server.guests.values() if guest.page}
        assert len(pages) == 1
        waiting = [_transport(guest).get_write_buffer_size() for guest in server.guests.values()]
        assert len(waiting) == 50
        assert 0 < max(waiting) <= 2 * WAITING + SMALL


def _transport(guest: Guest) -> asyncio.Transport:
    assert guest.transport is not None
    return guest.transport


async def test_each_new_page_has_to_fit_in_with_those_that_are_still_being_sent(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with AsyncExitStack() as stack:
        (first,) = await gluttons(server, stack, 1)
        (guest,) = server.guests.values()
        assert guest.page is not None
        _gate(guest).pages = 3 * len(guest.page) + 1000
        for number in range(6):
            server.state = crowd(1000, first=3000 + number)
            await gluttons(server, stack, 1)
        held = sum({id(one.page): len(one.page or b"") for one in server.guests.values()}.values())
        assert 0 < held <= _gate(guest).pages
        assert guest not in server.guests.values()  # it has been taking its page the longest
        first.writer.transport.resume_reading()  # type: ignore[attr-defined]
        assert len(await first.rest()) < len(guest.page or b"x" * 10**7)
        server.state = crowd(3)
        assert (await server.ask("/metrics")).status == 200


def _gate(guest: Guest) -> Gate:
    assert isinstance(guest.gate, Gate)
    return guest.gate


async def test_who_dribbles_leaves_before_who_is_being_answered(server: Server, later: Later) -> None:
    async with AsyncExitStack() as stack:
        (taking,) = await gluttons(server, stack, 1)
        dribbling = [await stack.enter_async_context(server.client()) for _ in range(LIMIT - 1)]
        for client in dribbling:
            client.send("GET /")
        await settle()
        later(FRESH + 1)
        for client in dribbling:
            client.send("m")  # it is never quiet, and never done
        await settle()
        for _ in range(10):
            await stack.enter_async_context(server.client())
        await settle()
        taking.writer.transport.resume_reading()  # type: ignore[attr-defined]
        answer = await taking.answer()
        assert answer.body.endswith(b"\n")


async def test_a_request_that_may_be_on_its_way_is_not_cut_off_for_a_newer_connection(server: Server) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(LIMIT // 2):
            await stack.enter_async_context(server.client())
        scraper = await stack.enter_async_context(server.client())
        for _ in range(LIMIT // 2):
            await stack.enter_async_context(server.client())
        await settle()
        assert (await scraper.ask("/-/healthy")).status == 200


async def test_a_connection_whose_request_is_about_to_come_outlasts_those_who_take_nothing(server: Server) -> None:
    async with AsyncExitStack() as stack:
        await gluttons(server, stack, LIMIT - 1)
        scraper = await stack.enter_async_context(server.client())
        await settle()
        for _ in range(10):
            await stack.enter_async_context(server.client())
        await settle()
        assert (await scraper.ask("/-/healthy")).status == 200


async def test_a_page_that_is_taken_a_little_at_a_time_is_cut_off_at_last(later: Later) -> None:
    async with served(crowd(4000), narrow) as server, AsyncExitStack() as stack:
        (slow,) = await gluttons(server, stack, 1)
        transport = slow.writer.transport
        for second in range(0, int(TAKING) + 12, 6):  # it never takes nothing for TIMEOUT
            assert bool(server.guests) is (second < TAKING), second
            if server.guests:
                transport.resume_reading()  # type: ignore[attr-defined]
                await slow.reader.readexactly(40_000)
                transport.pause_reading()  # type: ignore[attr-defined]
            await settle()
            later(6)
            await settle()


async def test_all_who_ask_in_a_moment_get_the_same_page_and_a_change_at_once(server: Server) -> None:
    first, second = [await server.ask("/metrics") for _ in range(2)]
    assert first.body == second.body
    server.state = crowd(3)
    assert (await server.ask("/metrics")).body != first.body


async def test_a_client_that_leaves_in_the_middle_leaves_nothing_behind(server: Server) -> None:
    async with AsyncExitStack() as stack:
        for client in await gluttons(server, stack, 20):
            client.writer.transport.abort()
        await asyncio.sleep(0)
        guests = [ref(guest) for guest in server.guests.values()]
        await asyncio.sleep(0.05)
        assert not server.guests
        assert len(asyncio.all_tasks()) == 1
        gc.collect()
        assert {guest() for guest in guests} == {None}
        assert not await ended(await stack.enter_async_context(server.client()))
