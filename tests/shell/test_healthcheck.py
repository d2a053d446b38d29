"""The health check, against the real server and against whoever else may hold the port."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.shell.test_app import ENVIRONMENT, exporting
from uplink_exporter.commands import healthcheck
from uplink_exporter.settings import Command, SettingsError, parse

Peer = Callable[[socket.socket], None]


@contextmanager
def listening(peer: Peer) -> Iterator[int]:
    """A port of this machine, where the one client that comes meets `peer`."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=lambda: peer(server.accept()[0]), daemon=True).start()
        yield server.getsockname()[1]


def says(answer: bytes, client: socket.socket) -> None:
    with client:
        client.recv(4096)
        client.sendall(answer)


def hangs_up(client: socket.socket) -> None:
    client.close()


def trickles(client: socket.socket) -> None:
    """A byte at a time, for ever: each comes in time."""
    with client:
        try:
            while True:
                client.sendall(b"H")
        except OSError:
            return


def keeps_silent(client: socket.socket) -> None:
    with client:
        client.recv(4096)
        client.recv(4096)  # until the other side has had enough


HTML = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>node_exporter</html>"
BODY = b"\r\n\r\n" + healthcheck.HEALTHY


@pytest.mark.parametrize(
    ("peer", "complaint"),
    [
        pytest.param(partial(says, HTML), "something else answers", id="another web server"),
        pytest.param(
            partial(says, b"HTTP/1.1 500 No" + BODY), "something else answers", id="a status that is no success"
        ),
        pytest.param(partial(says, b"SSH-2.0-OpenSSH_9.2\r\n"), "something else answers", id="another protocol"),
        pytest.param(partial(says, b"\x15\x03\x01\x00\x02\x02\x46"), "something else answers", id="TLS"),
        pytest.param(partial(says, b""), "something else answers", id="nothing"),
        pytest.param(hangs_up, "", id="nothing heard"),  # an end or a reset, as the bytes happen to cross
        pytest.param(trickles, "something else answers", id="an answer without an end"),
        pytest.param(keeps_silent, "no answer within 0.2 s", id="a process that hangs"),
    ],
)
def test_only_the_exporter_itself_counts_as_healthy(peer: Peer, complaint: str) -> None:
    with listening(peer) as port:
        told = healthcheck.complaint_of(("127.0.0.1", port), timeout=0.2)
    assert told
    assert complaint in told


def test_where_nothing_listens_it_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert healthcheck.run([("127.0.0.1", port)]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"uplink-exporter: not healthy: 127.0.0.1:{port}: nothing listens there; start ")
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("listening", "asked"),
    [
        pytest.param([("", 1)], ("127.0.0.1", 1), id="every address"),
        pytest.param([("0.0.0.0", 1)], ("127.0.0.1", 1), id="every IPv4 address"),
        pytest.param([("::", 1)], ("127.0.0.1", 1), id="every address, by its IPv6 name: that socket takes IPv4 too"),
        pytest.param([("10.0.0.7", 1)], ("10.0.0.7", 1), id="one address"),
        pytest.param(
            [("10.0.0.7", 1), ("127.0.0.2", 2)], ("127.0.0.2", 2), id="loopback before an address of a device"
        ),
        pytest.param([("10.0.0.7", 1), ("::1", 2)], ("::1", 2), id="IPv6's loopback as well"),
        pytest.param([("10.0.0.7", 1), ("", 2)], ("127.0.0.1", 2), id="every address before one"),
        pytest.param([("10.0.0.7", 1), ("10.0.0.8", 2)], ("10.0.0.7", 1), id="else the first"),
    ],
)
def test_it_asks_by_the_address_that_stays(listening: list[healthcheck.Address], asked: healthcheck.Address) -> None:
    assert healthcheck.nearest(listening) == asked


hosts = st.ip_addresses(v=4).map(str) | st.ip_addresses(v=6).map(lambda address: f"[{address}]") | st.just("")
addresses = st.builds(lambda host, port: f"{host}:{port}", hosts, st.integers(0, 70000)) | st.text(
    ":0123456789", max_size=9
)


@given(st.lists(addresses, max_size=3).map(", ".join))
def test_the_quick_way_reads_what_the_settings_read(text: str) -> None:
    environment = {healthcheck.VARIABLE: text}
    quick = healthcheck.quick(["healthcheck"], environment)
    try:
        settings = parse(["healthcheck"], environment)
    except SettingsError:
        return  # the server did not start with that either
    assert settings.command is Command.HEALTHCHECK
    assert quick == [(address.host, address.port) for address in settings.listen]


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param([], id="to serve"),
        pytest.param(["doctor"], id="another command"),
        pytest.param(["healthcheck", "--web.listen-address=:1"], id="a flag after it"),
        pytest.param(["--web.listen-address", ":1", "healthcheck"], id="a flag before it"),
        pytest.param(["--uplink.device", "healthcheck"], id="a device of that name"),
        pytest.param(["healthcheck", "--help"], id="help"),
    ],
)
def test_with_flags_the_settings_are_parsed(arguments: list[str]) -> None:
    assert healthcheck.quick(arguments, {}) is None


def check(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "uplink_exporter", *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env={**ENVIRONMENT, **environment},
    )


def test_it_finds_a_running_exporter_by_environment_and_by_flag() -> None:
    with exporting("--web.listen-address=127.0.0.2:0") as exporter:
        where = f"127.0.0.2:{exporter.ports[0]}"
        assert check("healthcheck", UPLINK_EXPORTER_WEB_LISTEN_ADDRESS=where).returncode == 0
        assert check("healthcheck", f"--web.listen-address={where}").returncode == 0
        exporter.process.kill()
        exporter.process.wait()
        assert check("healthcheck", UPLINK_EXPORTER_WEB_LISTEN_ADDRESS=where).returncode == 1


def test_it_loads_nothing_of_what_serving_takes() -> None:
    loaded = {line.rpartition("|")[2].strip() for line in check("healthcheck").stderr.splitlines() if "|" in line}
    ours = {name for name in loaded if name.startswith("uplink_exporter.")}
    assert ours == {"uplink_exporter.commands", "uplink_exporter.commands.healthcheck"}
    assert not loaded & {"argparse", "asyncio", "dataclasses", "http", "json", "logging", "typing"}
