"""Floods of connections against the whole process: neither its log nor its scrapes nor its end suffer."""

from __future__ import annotations

import asyncio
import resource
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from tests.conftest import Later
from tests.shell.test_app import LOCAL, Exporter, exporting
from uplink_exporter.web.server import Complaints

CLIENTS = 100
FLOOD = 600


@contextmanager
def starved(soft: int, hard: int) -> Iterator[Exporter]:
    """An exporter that was started with these limits of descriptors."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    with exporting(LOCAL, before=limit) as exporter:
        yield exporter


def connect(port: int, stack: ExitStack, number: int, said: bytes = b"") -> list[socket.socket]:
    clients = [stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10)) for _ in range(number)]
    for client in clients:
        client.sendall(said)
    return clients


@pytest.mark.parametrize(
    ("soft", "hard"),
    [
        pytest.param(64, 1024, id="a soft limit that is too low is raised"),
        pytest.param(256, 256, id="a limit that leaves room"),
        pytest.param(90, 90, id="a limit that leaves less room than there are clients"),
    ],
)
def test_a_flood_of_connections_fills_no_log_and_stops_no_scrape(soft: int, hard: int) -> None:
    with starved(soft, hard) as exporter, ExitStack() as stack:
        for _ in range(4):
            connect(exporter.ports[0], stack, FLOOD // 4)
            assert exporter.get("/metrics")[0] == 200
        exporter.process.terminate()
        assert exporter.process.stderr is not None
        assert exporter.process.wait(10) == 0
        lines = exporter.process.stderr.read().splitlines()
    assert [line for line in lines if "level=error" in line] == []
    assert len(lines) < 10


@pytest.mark.parametrize("said", [b"", b"GET /metrics HTT", b"GET /metrics HTTP/1.1\r\nHost: node\r\n\r\n" * 50])
def test_it_ends_under_100_clients_without_waiting_for_them(said: bytes) -> None:
    with exporting(LOCAL) as exporter, ExitStack() as stack:
        connect(exporter.ports[0], stack, CLIENTS, said)
        assert exporter.get("/metrics")[0] == 200
        exporter.process.send_signal(signal.SIGTERM)
        assert exporter.process.wait(10) == 0


async def test_what_asyncio_says_for_each_connection_without_a_descriptor_is_said_once_a_minute(
    later: Later, caplog: pytest.LogCaptureFixture
) -> None:
    loop, complaints = asyncio.get_running_loop(), Complaints()
    none_left = {"message": "socket.accept() out of system resource", "exception": OSError(24, "Too many open files")}
    for waited in (0, 1, 1, 60, 1):
        later(waited)
        complaints(loop, none_left)
    told = "connections wait: no file descriptor is left for them"
    assert [record.getMessage() for record in caplog.records] == [told] * 2
    complaints(loop, {"message": "Task exception was never retrieved"})
    assert caplog.records[-1].getMessage() == "Task exception was never retrieved"
