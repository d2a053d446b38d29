"""A large node's exporter under clients that mean no good, in a container's memory: how its scrapes fare."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench.client import Connection
from tests.bench.exporters import HOST, BrokenRunError, Exporter, Running, running, uplink_exporter
from tests.bench.nodes import Size, node
from tests.bench.report import Goal, Report, ms, percentile
from tests.kernel.control_plane import control_plane, kubeconfig
from tests.kernel.namespace import Namespace

SIZE = Size(500, 10)
GLUTTONS, IDLE, SLOW = 200, 500, 50
MINUTES, QUICK_MINUTES = 5.0, 0.25
LIMIT = 64 * 2**20
GROUPS = Path("/sys/fs/cgroup/memory")
HEAD = ("", "scrapes", "reset", "p50 ms", "p99 ms", "longest ms")


@dataclass(frozen=True, slots=True)
class Scrapes:
    """How one who scrapes each half second fared."""

    seconds: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def row(self, name: str) -> tuple[str, ...]:
        """As it is printed."""
        times = (ms(percentile(self.seconds, share)) for share in (0.5, 0.99, 1.0))
        return name, str(len(self.seconds)), str(len(self.failures)), *times


def measure(*, quick: bool) -> Report:
    """Both kinds of scrapers: one that keeps its connection, as Prometheus does, and one that comes anew each time."""
    with (
        TemporaryDirectory() as directory,
        node(SIZE) as namespace,
        control_plane(namespace, Path(directory)),
        _limited() as group,
        running(group.holding(uplink_exporter(*_flags(Path(directory)))), namespace) as us,
    ):
        quiet = scrape(us, namespace, 10.0)
        with _besieged(namespace, us.exporter.port):
            time.sleep(2)
            anew, kept = scrape(us, namespace, 60 * (QUICK_MINUTES if quick else MINUTES))
            held, killed = group.held(), group.killed()
            ended = _seconds_to_end(us)
    clients = f"{GLUTTONS} that take nothing, {IDLE} that say nothing, {SLOW} byte by byte"
    names = ("a connection each", "one connection")
    rows = [fared.row(f"nobody else, {name}") for name, fared in zip(names, quiet, strict=True)]
    rows += [fared.row(f"besieged, {name}") for name, fared in zip(names, (anew, kept), strict=True)]
    goals = [
        Goal(text="scrapes that were reset under siege", value=float(len(anew.failures + kept.failures)), limit=0.0),
        Goal(text="p99 of a scrape under siege", value=percentile(anew.seconds, 0.99) * 1000, limit=100.0, unit=" ms"),
        Goal(text="memory under siege, kernel's sockets and all", value=held / 2**20, limit=LIMIT / 2**20, unit=" MiB"),
        Goal(text="killed for memory", value=float(killed), limit=0.0),
        Goal(text="seconds from SIGTERM to the end under siege", value=ended, limit=1.0, unit=" s"),
    ]
    title = f"Under siege: {SIZE} interfaces / routes, API, recorder; {clients}"
    return Report(title=title, head=HEAD, rows=rows, goals=goals)


def _flags(directory: Path) -> tuple[str, ...]:
    (directory / "kubeconfig").write_text(kubeconfig(directory))
    (directory / "state").mkdir()
    shown = ("--interface.exclude=lo", f"--state.directory={directory / 'state'}")
    return (*shown, f"--kubernetes.kubeconfig={directory / 'kubeconfig'}", "--source.kubernetes=on")


@dataclass(slots=True)
class Scraper:
    """One who scrapes: by one connection as long as it stands, or by a new one each time."""

    us: Running
    namespace: Namespace
    keeps: bool
    fared: Scrapes = field(default_factory=Scrapes)
    connection: Connection | None = None

    def scrape(self) -> None:
        """Once. Like Prometheus, it connects anew where a connection was closed between two scrapes."""
        began = time.perf_counter()
        try:
            if self.connection is None or _closed(self.connection.socket):
                client = self.namespace.call(socket.create_connection, (HOST, self.us.exporter.port), timeout=10)
                self.connection = Connection(client, client.makefile("rb"))
            self.connection.page()
        except (OSError, ValueError, EOFError) as error:
            self.fared.failures.append(repr(error))
            print(f"siege: {'one connection' if self.keeps else 'a connection each'}: {error!r}", file=sys.stderr)
            self.connection = None
        else:
            self.fared.seconds.append(time.perf_counter() - began)
        if not self.keeps:
            self.connection = None


def _closed(client: socket.socket) -> bool:
    return bool(select.select([client], [], [], 0)[0])  # nothing is due, so it can only be the end


def scrape(us: Running, namespace: Namespace, seconds: float) -> tuple[Scrapes, Scrapes]:
    """Scrape for so long: how one fared who comes anew each time, and one who keeps a connection."""
    anew, kept = (Scraper(us, namespace, keeps) for keeps in (False, True))
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        anew.scrape()
        kept.scrape()
        time.sleep(0.5)
    return anew.fared, kept.fared


@contextmanager
def _besieged(namespace: Namespace, port: int) -> Iterator[None]:
    inside = ("ip", "netns", "exec", namespace.name, "nice", "-n", "10")
    command = (
        *inside,
        sys.executable,
        "-m",
        "tests.bench.besiegers",
        HOST,
        str(port),
        *map(str, (GLUTTONS, IDLE, SLOW)),
    )
    with subprocess.Popen(command) as process:
        try:
            yield
        finally:
            process.kill()


@dataclass(frozen=True, slots=True)
class Group:
    """A memory cgroup. Version 1 counts what sockets hold apart; version 2, as kubelets have it, counts it in."""

    path: Path

    def holding(self, exporter: Exporter) -> Exporter:
        """The exporter, started in it."""
        enter = ("sh", "-c", f'echo $$ > {self.path}/cgroup.procs && exec "$@"', "sh")
        return replace(exporter, outside=enter)

    def held(self) -> int:
        """Bytes that cannot be had back: its own, and at most as many of sockets as there were."""
        own = dict(line.split() for line in (self.path / "memory.stat").read_text().splitlines())["rss"]
        return int(own) + int((self.path / "memory.kmem.tcp.max_usage_in_bytes").read_text())

    def killed(self) -> int:
        """How often somebody was killed for memory."""
        lines = (self.path / "memory.oom_control").read_text().splitlines()
        return int(dict(line.split() for line in lines)["oom_kill"])


@contextmanager
def _limited() -> Iterator[Group]:
    if not (GROUPS / "memory.limit_in_bytes").exists():
        raise BrokenRunError("siege: there is no memory cgroup of version 1 here")
    group = Group(GROUPS / f"uplink-bench-{os.getpid()}")
    group.path.mkdir()
    try:
        for name in ("memory.limit_in_bytes", "memory.kmem.tcp.limit_in_bytes"):
            (group.path / name).write_text(str(LIMIT))
        yield group
    finally:
        group.path.rmdir()


def _seconds_to_end(us: Running) -> float:
    began = time.perf_counter()
    os.kill(us.pid, signal.SIGTERM)
    while Path(f"/proc/{us.pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
        time.sleep(0.005)
    return time.perf_counter() - began
