"""Clients that speak TLS badly on purpose: bounded in number, time and memory like all others."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import threading
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import bcrypt
import pytest

from tests.builders import NETWORK, WLAN0, node, with_links
from tests.conftest import Later
from tests.shell.http import request
from tests.shell.test_connections import SMALL, ended, turns
from tests.web.pki import Pki
from tests.web.rows import USERS
from tests.web.served import TLS, Secured, secured
from uplink_exporter.web.connections import LIMIT
from uplink_exporter.web.guest import TIMEOUT

BIG = with_links(NETWORK, *(replace(WLAN0, index=100 + n, name=f"vlan{n}") for n in range(300)))
# A ClientHello's first bytes: a handshake record of 512 bytes that does not come.
HALF_HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"


@pytest.fixture
async def running(tmp_path: Path, pki: Pki) -> AsyncIterator[Secured]:
    """A server that encrypts."""
    async with secured(node(BIG), tmp_path, pki) as secure:
        yield secure


async def settle() -> None:
    """Some turns of the loop, and a look at the disk in between."""
    for _ in range(5):
        await turns()
        await asyncio.sleep(0.01)


async def test_a_scrape_gets_through_500_handshakes_that_do_not_go_on(running: Secured) -> None:
    async with AsyncExitStack() as stack:
        for number in range(500):
            client = await stack.enter_async_context(running.server.client())
            if number % 2:
                client.writer.write(HALF_HELLO)
        async with running.tls() as scraper:
            assert (await scraper.ask("/metrics")).status == 200
        assert len(asyncio.all_tasks()) < LIMIT + 50


async def test_a_handshake_that_does_not_go_on_is_cut_off(running: Secured, later: Later) -> None:
    async with running.server.client() as silent, running.server.client() as half:
        half.writer.write(HALF_HELLO)
        await settle()
        later(TIMEOUT + 1)
        assert await ended(silent)
        assert await ended(half)


async def test_a_handshake_byte_by_byte_does_not_wind_the_clock_back(running: Secured, later: Later) -> None:
    async with running.server.client() as slow:
        for byte in HALF_HELLO[:10]:
            slow.writer.write(bytes([byte]))
            await settle()
            later(TIMEOUT / 5)
        assert await ended(slow)


async def test_after_a_handshake_half_a_request_is_cut_off(running: Secured, later: Later) -> None:
    async with running.tls() as client:
        client.send("GET /-/hea")
        await settle()
        later(TIMEOUT + 1)
        assert await ended(client)


@pytest.mark.parametrize(
    "rubbish",
    [
        pytest.param(b"GET /metrics HTTP/1.1\r\nHost: node\r\n\r\n", id="plain HTTP"),
        pytest.param(b"SSH-2.0-OpenSSH_9.2\r\n", id="another protocol"),
        pytest.param(b"\x16\x03\x01\xff\xff" + b"\x01" * 100, id="a record that is too long"),
        pytest.param(b"\x00" * 10_000, id="zeros"),
    ],
)
async def test_what_is_no_handshake_is_answered_shortly_or_not_at_all(
    running: Secured, rubbish: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with running.server.client() as client:
        client.writer.write(rubbish)
        answer = await client.rest()
    assert len(answer) < 120
    assert b"uplink_" not in answer
    assert caplog.records == []
    async with running.tls() as scraper:
        assert (await scraper.ask("/metrics")).status == 200


async def test_a_scrape_with_the_right_password_passes_50_who_guess(
    tmp_path: Path, pki: Pki, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()

    def slow(password: bytes, hashed: bytes) -> bool:
        return go_on.wait(30) and False

    async with secured(node(BIG), tmp_path, pki, USERS) as secure, AsyncExitStack() as stack:
        right = {"Authorization": f"Basic {b64encode(b'prometheus:secret').decode()}"}
        assert (await secure.server.ask("/metrics", **right)).status == 200
        monkeypatch.setattr(bcrypt, "checkpw", slow)
        guessing = [await stack.enter_async_context(secure.server.client()) for _ in range(50)]
        for number, client in enumerate(guessing):
            guess = b64encode(f"prometheus:{number}".encode()).decode()
            client.send(request("/metrics", Authorization=f"Basic {guess}"))
        await settle()
        for _ in range(3):
            assert (await secure.server.ask("/metrics", **right)).status == 200
        go_on.set()
        assert {(await client.answer()).status for client in guessing} == {401}


async def test_no_client_makes_the_server_shake_hands_again(running: Secured) -> None:
    async def renegotiate() -> str:
        client = await asyncio.create_subprocess_exec(
            "openssl", "s_client", "-tls1_2", "-connect", f"127.0.0.1:{running.server.port}",
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        assert client.stdin is not None
        await asyncio.sleep(0.3)  # it takes an R for a command only at the beginning of what it reads at once
        client.stdin.write(b"R\n")
        await client.stdin.drain()
        async with asyncio.timeout(10):
            said, _ = await client.communicate()
        return said.decode(errors="replace")

    assert "no renegotiation" in await renegotiate()
    async with running.tls() as scraper:
        assert (await scraper.ask("/metrics")).status == 200


async def test_a_client_that_takes_nothing_is_read_no_further_and_cut_off(
    tmp_path: Path, pki: Pki, later: Later
) -> None:
    async with secured(node(BIG), tmp_path, pki, TLS) as secure, secure.server.client(SMALL) as raw:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = secure.context()
        tls = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                raw.writer.write(outgoing.read())
                incoming.write(await raw.reader.read(65536))
        raw.writer.write(outgoing.read())
        raw.writer.transport.pause_reading()  # type: ignore[attr-defined]
        for _ in range(200):
            tls.write(request("/metrics").encode())
        raw.writer.write(outgoing.read())
        await settle()
        (guest,) = secure.server.guests.values()
        assert not guest.room.is_set()
        assert guest.transport is not None
        assert not guest.transport.is_reading()
        assert guest.transport.get_write_buffer_size() < 64 * 1024
        later(TIMEOUT + 1)
        await settle()
        assert not secure.server.guests
