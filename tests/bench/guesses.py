"""Fifty who guess passwords, and a scrape with the right one, which is not to wait for the hashes of the others."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import bcrypt

from tests.bench.client import SCRAPE, Connection
from tests.bench.exporters import HOST, Exporter, running, uplink_exporter
from tests.bench.nodes import Size, node
from tests.bench.report import Goal, Report, ms, percentile
from tests.kernel.namespace import Namespace

SIZE = Size(50, 10)
GUESSERS = 50
COST = 10
SCRAPES, QUICK_SCRAPES = 500, 50
BETWEEN = 0.05
HEAD = ("", "scrapes", "p50 ms", "p99 ms", "longest ms")


def measure(*, quick: bool) -> Report:
    """Scrapes with the right password: alone, and beside those who guess."""
    times = QUICK_SCRAPES if quick else SCRAPES
    with (
        TemporaryDirectory() as directory,
        node(SIZE) as namespace,
        running(_guarded(Path(directory)), namespace) as us,
    ):
        alone = scrapes(us.connection, times)
        with _guessing(namespace, us.exporter.port):
            time.sleep(2)
            beside = scrapes(us.connection, times)
    rows = [(name, str(times), *_told(found)) for name, found in (("alone", alone), ("beside them", beside))]
    delay = (percentile(beside, 0.99) - percentile(alone, 0.5)) * 1000
    text = f"a scrape's delay by {GUESSERS} who guess, p99"
    goal = Goal(text=text, value=delay, limit=50.0, unit=" ms")
    return Report(title=f"{GUESSERS} who guess passwords, bcrypt at cost {COST}", head=HEAD, rows=rows, goals=[goal])


def _guarded(directory: Path) -> Exporter:
    config = directory / "web.yml"
    hashed = bcrypt.hashpw(b"secret", bcrypt.gensalt(COST)).decode()
    config.write_text(f"basic_auth_users: {{prometheus: '{hashed}'}}\n")
    return replace(uplink_exporter(f"--web.config.file={config}"), request=with_password("secret"))


def with_password(password: str) -> bytes:
    """A scrape that gives it."""
    basic = b64encode(f"prometheus:{password}".encode())
    return SCRAPE[:-2] + b"Authorization: Basic " + basic + b"\r\n\r\n"


def scrapes(connection: Connection, times: int) -> list[float]:
    """The seconds that each took."""
    found = []
    for _ in range(times):
        began = time.perf_counter()
        connection.scrape()
        found.append(time.perf_counter() - began)
        time.sleep(BETWEEN)
    return found


def _told(seconds: list[float]) -> Iterator[str]:
    return (ms(percentile(seconds, share)) for share in (0.5, 0.99, 1.0))


@contextmanager
def _guessing(namespace: Namespace, port: int) -> Iterator[None]:
    command = ("ip", "netns", "exec", namespace.name, sys.executable, "-m", "tests.bench.guesses", str(port))
    with subprocess.Popen(command) as process:
        try:
            yield
        finally:
            process.kill()


async def guess(port: int, number: int) -> None:
    """One guess after another, each as soon as the last was answered."""
    tried = 0
    while True:
        with suppress(OSError, asyncio.IncompleteReadError):
            reader, writer = await asyncio.open_connection(HOST, port)
            try:
                tried += 1
                writer.write(with_password(f"{number}-{tried}"))
                await reader.readuntil(b"\r\n\r\n")
            finally:
                writer.close()


async def _guess_all(port: int) -> None:
    await asyncio.gather(*(guess(port, number) for number in range(GUESSERS)))


if __name__ == "__main__":
    asyncio.run(_guess_all(int(sys.argv[1])))
