"""TLS while the server runs: what is on the disk counts at the next handshake, and nothing ever falls back to plain."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.builders import NETWORK, WLAN0, node, with_links
from tests.conftest import Later
from tests.shell.http import request
from tests.web.pki import Pki, openssl
from tests.web.rows import USERS
from tests.web.served import TLS, Secured, secured
from uplink_exporter.threads import in_thread
from uplink_exporter.web.guest import IDLE
from uplink_exporter.web.secure import ConfigError
from uplink_exporter.web.secure import keeper as keeping
from uplink_exporter.web.secure.keeper import load

BIG = with_links(NETWORK, *(replace(WLAN0, index=100 + n, name=f"vlan{n}") for n in range(300)))


@pytest.fixture
async def running(tmp_path: Path, pki: Pki) -> AsyncIterator[Secured]:
    """A server that encrypts."""
    async with secured(node(BIG), tmp_path, pki) as secure:
        yield secure


async def serial(secure: Secured) -> str:
    """The number of the certificate that a handshake is given."""
    async with secure.tls() as client:
        return str(client.writer.get_extra_info("peercert")["serialNumber"])


async def alert(secure: Secured) -> str:
    """What OpenSSL says of a handshake that fails."""
    with pytest.raises(ssl.SSLError) as failed:
        async with secure.tls():
            pass
    return str(failed.value.reason)


async def test_a_page_many_times_as_large_as_a_record_arrives_whole(running: Secured) -> None:
    async with running.tls() as client:
        first = await client.ask("/metrics")
        packed = await client.ask("/metrics", Accept_Encoding="gzip")
    assert first.status == packed.status == 200
    assert len(first.body) > 5 * 16 * 1024
    assert first.body.count(b"\nuplink_interface_admin_up{") == 303


async def test_requests_that_do_not_wait_for_their_answers_get_them_all(running: Secured) -> None:
    async with running.tls() as client:
        client.send(request("/-/healthy") * 300 + request("/metrics"))
        assert [(await client.answer()).status for _ in range(301)] == [200] * 301


async def test_a_renewed_certificate_counts_at_the_next_handshake(running: Secured) -> None:
    before = await serial(running)
    async with running.tls() as kept:
        running.certify("renewed")
        assert await serial(running) != before
        assert (await kept.ask("/-/healthy")).status == 200


async def test_a_broken_certificate_fails_handshakes_with_a_line_and_heals(
    running: Secured, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    async with running.tls() as kept:
        (running.directory / "server.crt").write_text("rubbish")
        assert await alert(running) == "TLSV1_ALERT_INTERNAL_ERROR"
        assert await alert(running) == "TLSV1_ALERT_INTERNAL_ERROR"
        assert (await kept.ask("/metrics")).status == 200
        running.certify("server")
        assert (await kept.ask("/metrics")).status == 200
    await serial(running)
    told = [(record.levelname, getattr(record, "error", "")) for record in caplog.records]
    assert [level for level, _ in told] == ["ERROR", "INFO"]
    assert told[0][1].startswith("line 1: tls_server_config.cert_file: holds no certificate in PEM")


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda secure: secure.write(USERS), "line 1: tls_server_config is gone; put it back, or restart"),
        (lambda secure: secure.write("rubbish: 1"), "line 1: rubbish: there is no such key"),
        (lambda secure: (secure.directory / "web.yml").unlink(), "cannot read "),
        (lambda secure: (secure.directory / "server.key").unlink(), "line 1: tls_server_config.key_file: cannot read "),
    ],
)
async def test_it_never_falls_back_to_plain_http(
    running: Secured, change: object, error: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert callable(change)
    change(running)
    assert await alert(running) == "TLSV1_ALERT_INTERNAL_ERROR"
    async with running.server.client() as client:
        client.send(request("/metrics"))
        assert b"uplink_" not in await client.rest()
    (told,) = (str(getattr(record, "error", "")) for record in caplog.records)
    assert told.startswith(error)
    running.write(TLS)
    running.certify("server")
    await serial(running)


async def test_users_count_on_open_connections_also_while_a_certificate_is_broken(running: Secured) -> None:
    async with running.tls() as kept:
        (running.directory / "server.key").unlink()
        running.write(TLS + USERS)
        assert (await kept.ask("/metrics")).status == 401
        running.write("rubbish: 1")
        assert (await kept.ask("/metrics")).status == 500


async def test_tls_that_is_turned_on_later_counts_from_then_on(tmp_path: Path, pki: Pki) -> None:
    async with secured(node(NETWORK), tmp_path, pki, "# nothing yet\n") as secure, secure.server.client() as old:
        assert (await old.ask("/metrics")).status == 200
        secure.write(TLS)
        await serial(secure)
        assert (await old.ask("/metrics")).status == 400


async def test_a_users_password_counts_at_the_next_request_of_an_open_connection(tmp_path: Path, pki: Pki) -> None:
    async with secured(node(NETWORK), tmp_path, pki, TLS) as secure, secure.tls() as client:
        assert (await client.ask("/metrics")).status == 200
        secure.write(TLS + USERS)
        refused = await client.ask("/metrics")
        assert (refused.status, refused.headers["www-authenticate"]) == (401, 'Basic realm="uplink-exporter"')
        secure.write(TLS)
        assert (await client.ask("/metrics")).status == 200


async def test_where_the_disk_stalls_what_was_read_last_counts(
    running: Secured, monkeypatch: pytest.MonkeyPatch
) -> None:
    stalled = asyncio.Event()

    async def stall(*_: object) -> object:
        await stalled.wait()
        return await in_thread(load, running.directory / "web.yml")

    monkeypatch.setattr(keeping, "in_thread", stall)
    monkeypatch.setattr(keeping, "PATIENCE", 0.05)
    async with running.tls() as client:
        for _ in range(20):
            assert (await client.ask("/metrics")).status == 200
        running.write("rubbish: 1")
        stalled.set()
        await asyncio.sleep(0)
        for _ in range(200):
            if (await client.ask("/metrics")).status == 500:
                return
    raise AssertionError("the config was not read once the disk went on")


async def test_where_no_thread_can_be_had_what_was_read_last_counts(
    running: Secured, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def none_left(*_: object) -> object:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(keeping, "in_thread", none_left)
    async with running.tls() as client:
        assert (await client.ask("/metrics")).status == 200


@pytest.mark.parametrize("what", ["a directory", "a pipe that nobody writes", "a device without an end"])
async def test_what_is_no_file_of_a_sane_size_is_not_read(what: str, tmp_path: Path) -> None:
    path = tmp_path / "web.yml"
    if what == "a directory":
        path.mkdir()
    elif what == "a pipe that nobody writes":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    with pytest.raises(ConfigError, match=r"cannot read|larger than any such file"):
        load(path)


def test_a_path_that_cannot_be_is_an_error_like_any_other(tmp_path: Path) -> None:
    (tmp_path / "web.yml").write_text('tls_server_config: {cert_file: "a\\0b", key_file: b}')
    with pytest.raises(ConfigError, match=r"line 1: tls_server_config.cert_file: cannot read .*: no path can hold"):
        load(tmp_path / "web.yml")


def test_a_key_under_a_password_is_refused_and_nobody_is_asked(tmp_path: Path, pki: Pki) -> None:
    locked = tmp_path / "locked.key"
    openssl("pkey", "-in", pki.key("server"), "-aes256", "-passout", "pass:x", "-out", locked)
    (tmp_path / "web.yml").write_text(f"tls_server_config:\n  cert_file: {pki.crt('server')}\n  key_file: {locked}\n")
    with pytest.raises(ConfigError, match=r"line 3: tls_server_config.key_file: is encrypted, .* `openssl pkey`"):
        load(tmp_path / "web.yml")


@pytest.mark.parametrize(("said", "preferred"), [("", True), (", prefer_server_cipher_suites: false", False)])
def test_whose_cipher_suites_come_first_is_as_the_file_says(
    said: str, preferred: bool, tmp_path: Path, pki: Pki
) -> None:
    files = f"cert_file: {pki.crt('server')}, key_file: {pki.key('server')}"
    (tmp_path / "web.yml").write_text(f"tls_server_config: {{{files}{said}}}")
    made = load(tmp_path / "web.yml").context
    assert made is not None
    assert bool(made.options & ssl.OP_CIPHER_SERVER_PREFERENCE) is preferred
    assert made.options & ssl.OP_NO_RENEGOTIATION


async def test_headers_are_on_every_answer_but_the_page_keeps_its_own(tmp_path: Path, pki: Pki) -> None:
    headers = "http_server_config: {headers: {X-Frame-Options: deny, Content-Security-Policy: default-src 'self'}}\n"
    async with secured(node(NETWORK), tmp_path, pki, headers + USERS) as secure:
        refused = await secure.server.ask("/")
        assert (refused.status, refused.headers["x-frame-options"]) == (401, "deny")
        secure.write(headers)
        page = await secure.server.ask("/")
        assert page.headers["x-frame-options"] == "deny"
        assert page.headers["content-security-policy"].startswith("default-src 'none'")
        assert (await secure.server.ask("/metrics")).headers["content-security-policy"] == "default-src 'self'"


async def test_a_rate_limit_lets_one_more_in_each_interval(tmp_path: Path, pki: Pki, later: Later) -> None:
    async with secured(node(NETWORK), tmp_path, pki, "rate_limit: {interval: 10s, burst: 2}") as secure:
        for waited, statuses in ((0, [200, 200, 429]), (9, [429]), (2, [200, 429]), (1000, [200, 200, 429])):
            later(waited)
            assert [(await secure.server.ask("/metrics")).status for _ in statuses] == statuses


async def test_sessions_are_not_remembered_without_end(
    tmp_path: Path, pki: Pki, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "MOST_SESSIONS", 5)
    async with secured(node(NETWORK), tmp_path, pki) as secure:
        context = secure.context()
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_TICKET
        held = []
        for _ in range(20):
            async with secure.tls(context) as client:
                # OpenSSL forgets the session where the server itself has not taken leave.
                await client.ask("/-/healthy", Connection="close")
                await client.rest()
            made = secure.guard.keeper.loaded.context
            assert made is not None
            held.append(made.session_stats()["number"])
    assert max(held) > 1
    assert max(held) <= 6


async def test_a_connection_may_be_idle_between_scrapes_as_long_as_a_plain_one(running: Secured, later: Later) -> None:
    async with running.tls() as client:
        for _ in range(3):
            assert (await client.ask("/metrics")).status == 200
            later(60)
            await asyncio.sleep(0.01)
        later(IDLE + 1)
        assert await client.rest() == b""
