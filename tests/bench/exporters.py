"""The two that are compared, as processes in a namespace, and what the kernel says that they cost."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

from tests.bench.client import SCRAPE, Connection
from tests.kernel.namespace import Namespace

UNPACKED = Path(__file__).parents[2] / ".cache/debian/usr/bin"  # where tests/setup puts node_exporter
COLLECTORS = ("netclass", "loadavg", "pressure", "network_route")
HOST = "127.0.0.1"
PATIENCE = 60.0


class BrokenRunError(Exception):
    """Nothing can be measured, for a reason that the reader can do something about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exporter:
    """How one of them is started."""

    name: str
    command: tuple[str, ...]
    port: int
    shows: str
    """What is on its page once it has read the network."""
    request: bytes = SCRAPE
    """How to scrape it."""
    outside: tuple[str, ...] = ()
    """What starts it, before it is in the namespace."""


def uplink_exporter(*flags: str) -> Exporter:
    """Ours."""
    command = (sys.executable, "-m", "uplink_exporter", f"--web.listen-address={HOST}:10077", *flags)
    return Exporter(name="uplink-exporter", command=command, port=10077, shows="uplink_interface_carrier{")


def node_exporter() -> Exporter:
    """Theirs, with the collectors that read what ours reads, and no other."""
    program = shutil.which("prometheus-node-exporter", path=f"{os.environ['PATH']}:{UNPACKED}")
    if program is None:
        raise BrokenRunError("there is no prometheus-node-exporter; to get it: tests/setup bench")
    collectors = ("--collector.disable-defaults", *(f"--collector.{name}" for name in COLLECTORS))
    command = (program, *collectors, f"--web.listen-address={HOST}:9100", "--log.level=error")
    return Exporter(name="node_exporter", command=command, port=9100, shows="node_network_carrier{")


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """In MiB. PSS shares a page out among all who map it, this bench included; alone in a container it is RSS."""

    pss: float
    rss: float


def memory(process: int | str) -> Memory:
    """A process' memory, from smaps_rollup (proc(5))."""
    lines = Path("/proc", str(process), "smaps_rollup").read_text().splitlines()[1:]
    values = {key: int(value.split()[0]) for key, _, value in (line.partition(":") for line in lines)}
    return Memory(pss=values["Pss"] / 1024, rss=values["Rss"] / 1024)


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """One of them at work, with the connection that its Prometheus would keep."""

    exporter: Exporter
    pid: int
    connection: Connection
    start_up: float
    """Seconds from exec to the first answered scrape that tells of the network."""

    def cpu(self) -> float:
        """CPU seconds of all its threads so far, by its own clock: /proc/PID/stat counts in steps of 10 ms."""
        return time.clock_gettime((~self.pid << 3) | 2)  # what clock_getcpuclockid(3) gives for a process

    def memory(self) -> Memory:
        """What it holds now."""
        return memory(self.pid)


@contextmanager
def running(exporter: Exporter, namespace: Namespace) -> Iterator[Running]:
    """Start it inside, wait until it answers and has read the network; then end it."""
    started = time.perf_counter()
    with TemporaryFile() as log, _process(exporter, namespace, log.fileno()) as process:
        try:
            with _connected(exporter, namespace, process) as connection, connection.makefile("rb") as reader:
                kept = Connection(connection, reader, exporter.request)
                while exporter.shows not in kept.page():
                    pass
                took = time.perf_counter() - started
                yield Running(exporter=exporter, pid=process.pid, connection=kept, start_up=took)
        except OSError as error:
            said = os.pread(log.fileno(), 4096, 0).decode()
            raise BrokenRunError(f"{exporter.name}: {error}\n{said}") from error


@contextmanager
def _process(exporter: Exporter, namespace: Namespace, log: int) -> Iterator[subprocess.Popen[bytes]]:
    # `ip netns exec` also mounts the namespace's own sysfs, in which node_exporter looks. It execs: the pid stays.
    command = (*exporter.outside, "ip", "netns", "exec", namespace.name, *exporter.command)
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _connected(exporter: Exporter, namespace: Namespace, process: subprocess.Popen[bytes]) -> socket.socket:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            return namespace.call(socket.create_connection, (HOST, exporter.port), timeout=PATIENCE)
        except ConnectionRefusedError:
            if process.poll() is not None:
                raise
        time.sleep(0.001)
    raise TimeoutError("does not listen")
