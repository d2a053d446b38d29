"""What remembering costs: a disk's or an SD card's wear, the time of a write, and memory."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench.exporters import running, uplink_exporter
from tests.bench.nodes import Size, node
from tests.bench.report import Goal, Report, ms, percentile
from tests.builders import LOGS, NETWORK, RESTARTS, at, unplugged
from uplink_exporter.facts import Instant, NodeState, Policy
from uplink_exporter.flannel.ledger import MAX_STEPS
from uplink_exporter.history.chronicle import Chronicle
from uplink_exporter.history.memory import TICK
from uplink_exporter.history.telling import begun
from uplink_exporter.record import writer
from uplink_exporter.record.writer import BURST, REFILL, Progress
from uplink_exporter.store import Store

HOUR = 3600.0
TIMES, QUICK_TIMES = 300, 30
SIZE = Size(5, 10)
STARTED = 3.0
THIS_BOOT = "b1"
HEAD = ("", "writes in an hour", "KiB a write", "flushes a write", "MiB in an hour", "median ms", "p99 ms")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Of a write, of which there are so many in an hour. `flushes` is None where nothing can count them."""

    writes: float
    written: float
    flushes: float | None
    seconds: list[float]

    @property
    def in_an_hour(self) -> float:
        """MiB to the disk."""
        return self.writes * self.written / 2**20

    def row(self, name: str) -> tuple[str, ...]:
        """As it is printed."""
        flushes = "no strace" if self.flushes is None else f"{self.flushes:.2f}"
        times = ms(percentile(self.seconds, 0.5)), ms(percentile(self.seconds, 0.99))
        return name, f"{self.writes:.0f}", f"{self.written / 1024:.1f}", flushes, f"{self.in_an_hour:.2f}", *times


def measure(*, quick: bool) -> Report:
    """The writes of an idle node and of one in trouble, and the exporter with and without a state directory."""
    times = QUICK_TIMES if quick else TIMES
    idle = cost("idle", times, HOUR / TICK)
    trouble = cost("trouble", times, BURST + HOUR / REFILL)
    # The first run compiles what was not compiled yet.
    _, without, remembering = (resident(remembering=remembering) for remembering in (True, False, True))
    return Report(
        title=f"The recorder; memory (RSS) {without:.1f} MiB without --state.directory, {remembering:.1f} MiB with it",
        head=HEAD,
        rows=[idle.row("an idle node"), trouble.row("at most, while the uplink flaps")],
        goals=[
            Goal(text="written to the disk in an idle hour", value=idle.in_an_hour, limit=1, unit=" MiB"),
            Goal(text="written to the disk in an hour of trouble", value=trouble.in_an_hour, limit=64, unit=" MiB"),
            Goal(text="memory (RSS) of remembering", value=remembering - without, limit=8, unit=" MiB"),
        ],
    )


def cost(kind: str, times: int, in_an_hour: float) -> Cost:
    """Let a process write so often, once to take its time and once to count what it flushes."""
    with TemporaryDirectory(dir=Path.home()) as directory:  # /tmp may be no disk
        told = child(directory, kind, times).split()
    return Cost(
        writes=in_an_hour,
        written=int(told[0]) / times,
        flushes=flushes(kind, times),
        seconds=[float(seconds) for seconds in told[1:]],
    )


def flushes(kind: str, times: int) -> float | None:
    """How often a write tells the disk to keep what it has, of that many."""
    strace = shutil.which("strace")
    if strace is None:
        return None
    with TemporaryDirectory() as directory:
        log = Path(directory, "strace")
        child(directory, kind, times, strace, "-f", "-o", str(log), "-e", "trace=fsync,fdatasync")
        return sum("sync(" in line for line in log.read_text().splitlines()) / times


def child(directory: str, kind: str, times: int, *through: str) -> str:
    """What a process says that writes: the bytes that it sent to the disk, and the seconds of each write."""
    command = (*through, sys.executable, "-m", "tests.bench.recorder", directory, kind, str(times))
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def resident(*, remembering: bool) -> float:
    """MiB of the exporter once it has written."""
    with TemporaryDirectory() as directory, node(SIZE) as namespace:
        flags = (f"--state.directory={directory}",) if remembering else ()
        with running(uplink_exporter("--source.kubernetes=off", *flags), namespace) as us:
            time.sleep(STARTED)
            return us.memory().rss


def main(directory: Path, kind: str, times: int) -> None:
    """Write so often, and say what it cost."""
    progress, took = Progress(), list[float]()
    states = lives(kind)
    writer.write(directory, *next(states), progress)
    before = sent_to_disk()
    for _ in range(times):
        state, now = next(states)
        started = time.perf_counter()
        writer.write(directory, state, now, progress)
        took.append(time.perf_counter() - started)
    print(sent_to_disk() - before, *took)
    writer.close(progress)


def lives(kind: str) -> Iterator[tuple[NodeState, Instant]]:
    """A node on which nothing happens, or one that has had a long night and goes on so; at each write."""
    now = at(20.0)
    store = Store(state=begun(Policy(), None, Chronicle(), THIS_BOOT, now), clock=lambda: now)
    restarts = RESTARTS.count
    store.observe(NETWORK)
    while True:
        for _ in range(MAX_STEPS if restarts == RESTARTS.count else 1):
            if kind == "trouble":
                restarts += 1
                store.observe(unplugged(NETWORK))
                store.observe(replace(LOGS, restarts=(replace(RESTARTS, count=restarts),)))
                store.observe(NETWORK)
        yield store.state, now
        now = at(now.uptime + TICK)


def sent_to_disk() -> int:
    """Bytes that this process has sent there so far (proc(5))."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("write_bytes"))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
