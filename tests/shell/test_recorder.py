"""The recorder at work: how often it writes, and what it loses when the disk, the clock or its own end is bad."""

from __future__ import annotations

import asyncio
import logging
import selectors
import shutil
import sqlite3
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import BOOT, LOGS, NETWORK, RESTARTS, SHOWING, booted, unplugged
from uplink_exporter.facts import Family, Instant, Network, NodeState, Reason, RouteHistory
from uplink_exporter.families import Scene
from uplink_exporter.history.chronicle import MOST_TRANSITIONS, Chronicle
from uplink_exporter.history.incidents import incidents
from uplink_exporter.history.memory import TICK, Memory, Recorded, remember
from uplink_exporter.history.telling import begun
from uplink_exporter.record import Record, contents, writer
from uplink_exporter.record.contents import KEPT_TRANSITIONS
from uplink_exporter.record.file import FILE
from uplink_exporter.record.writer import BURST, REFILL, Budget, Progress
from uplink_exporter.store import Store
from uplink_exporter.supervisor import LONGEST_BACKOFF, supervise

T = TypeVar("T")

HOUR = 3600.0
YEARS = 50 * 365.25 * 86400
UPTIME = 1000.0
IN_MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None


class Hurried(selectors.DefaultSelector):
    """Waits for nothing but threads: the clock is set to the next timer instead."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.threads = threading.active_count()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        idle = threading.active_count() <= self.threads
        ready = super().select(0 if idle else 0.001)
        if idle and not ready:
            self.now += timeout or 0.0
        return ready


def hurried(main: Coroutine[None, None, T]) -> T:
    """Run it on a loop for which hours take no time, while what is done in threads takes its own."""
    selector = Hurried()
    loop = asyncio.SelectorEventLoop(selector)
    loop.time = lambda: selector.now  # type: ignore[method-assign]
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(main)


@dataclass
class Node:
    """A node, the recorder that remembers it, and a wall clock that anybody may set."""

    directory: Path
    progress: Progress = field(default_factory=Progress)
    left: Record = field(default_factory=Record)
    set_by: float = 0.0
    started: float = UPTIME
    writes: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.began = self.loop.time()
        self.threads = threading.active_count()
        self.finished = self.now()
        state = begun(NodeState().policy, self.left.memory, self.left.chronicle, "b1", self.now())
        self.store = Store(state=state, clock=self.now, on_history=self.progress.changed.set)

    def now(self) -> Instant:
        return Instant(uptime=self.started + self.loop.time() - self.began, boot_time=BOOT + self.set_by)

    async def watch(self) -> AsyncGenerator[Recorded, None]:
        async for recorded in writer.watch(self.directory, lambda: self.store.state, self.now, self.progress):
            self.writes.append(self.loop.time())
            yield recorded

    @asynccontextmanager
    async def recording(self) -> AsyncIterator[None]:
        """The recorder at work under the supervisor."""
        task = asyncio.create_task(supervise({Recorded.source: self.watch}, self.store))
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def finish(self) -> None:
        self.finished = self.now()
        await writer.finish(self.directory, self.store.state, self.finished, self.progress)

    def has_written_all(self) -> bool:
        return bool(self.writes) and self.progress.transitions == self.chronicle.count

    async def flap(self, seconds: float = 1.0) -> None:
        """Have the route, and lose it."""
        self.store.observe(NETWORK)
        await asyncio.sleep(seconds)
        self.store.observe(unplugged(NETWORK))
        await asyncio.sleep(seconds)

    @property
    def chronicle(self) -> Chronicle:
        return self.store.state.last(Chronicle) or Chronicle()

    @property
    def history(self) -> RouteHistory:
        network = self.store.state.last(Network)
        assert network is not None
        return network.history[Family.IPV4]

    def errors(self) -> dict[Reason, int]:
        health = self.store.state.health.get(Recorded.source)
        return dict(health.errors) if health else {}

    def up(self) -> bool:
        showing = replace(SHOWING, sources=(Recorded,))
        return Scene(state=self.store.state, now=self.now(), showing=showing).up(Recorded)


async def until(holds: Callable[[], object], within: float = 10.0) -> None:
    """Wait until it holds, by the loop's clock."""
    async with asyncio.timeout(within):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


def losses_in(memory: Memory | None) -> int:
    assert memory is not None
    return memory.routes[Family.IPV4].losses


@given(st.lists(st.floats(0, 50), min_size=1, max_size=300))
def test_no_hour_has_more_writes_than_its_budget(pauses: list[float]) -> None:
    """Whenever something happens, a write waits for its turn."""
    budget, now, writes = Budget(), 0.0, list[float]()
    for pause in pauses:
        now += pause
        now += budget.pause(now)
        budget = budget.spent(now)
        writes.append(now)
    for first, began in enumerate(writes):
        within = [at for at in writes[first:] if at < began + HOUR]
        assert len(within) <= BURST + (within[-1] - began) / REFILL + 1e-6


def test_an_incident_is_written_down_as_it_happens_until_the_burst_is_spent() -> None:
    budget = Budget()
    for _ in range(BURST):
        assert budget.pause(0.0) == 0.0
        budget = budget.spent(0.0)
    assert budget.pause(0.0) == REFILL
    assert budget.pause(REFILL) == 0.0
    assert Budget(left=0.0, at=0.0).spent(1e6).pause(1e6) == 0.0, "a long rest gives a whole burst, and no more"
    assert Budget(left=0.0, at=0.0).spent(1e6).left == BURST - 1


FLAPS, PER_INCIDENT = 1440, 360


def test_a_day_of_ten_thousand_transitions() -> None:
    """Four times the access point flaps for twelve minutes, and flannel dies each time; else nothing happens."""

    async def day(node: Node) -> int:
        async with node.recording():
            for flap in range(FLAPS):
                await node.flap()
                node.store.observe(replace(LOGS, restarts=(replace(RESTARTS, count=3 + flap),)))
                if flap % PER_INCIDENT == PER_INCIDENT - 1:
                    await asyncio.sleep(6 * HOUR - 2 * PER_INCIDENT)
            largest = sum((node.directory / f"{FILE}{suffix}").stat().st_size for suffix in ("", "-wal"))
        await node.finish()
        return largest

    async def main() -> tuple[Node, int]:
        node = Node(Path(directory))
        return node, await day(node)

    with TemporaryDirectory(dir=IN_MEMORY) as directory:
        node, largest = hurried(main())
        found = contents.read(Path(directory))
        with closing(sqlite3.connect(Path(directory, FILE))) as connection:
            (kept,) = connection.execute("SELECT count(*) FROM transitions").fetchone()
    writes = node.writes
    most = max(sum(began <= at < began + HOUR for at in writes) for began in writes)
    idle = sum(1.0 * HOUR <= at < 2.0 * HOUR for at in writes)
    print(
        f"{node.chronicle.count:,} transitions: {len(writes)} writes, at most {most} in an hour, "
        f"{idle} in an idle one; {largest / 2**20:.2f} MiB"
    )
    assert node.chronicle.count >= 10_000
    assert most <= BURST + HOUR / REFILL
    assert idle <= HOUR / TICK + 1
    assert all(later - earlier <= TICK + REFILL for earlier, later in pairwise(writes))
    assert largest < 5 * 2**20
    assert kept == KEPT_TRANSITIONS
    assert losses_in(found.memory) == FLAPS == node.history.losses
    assert found.chronicle.transitions[-MOST_TRANSITIONS:] == node.chronicle.transitions


def test_the_wall_clock_is_set_in_an_outage_and_no_second_of_it_is_lost_or_won(tmp_path: Path) -> None:
    async def main() -> None:
        node = Node(tmp_path)
        async with node.recording():
            node.store.observe(NETWORK)
            await asyncio.sleep(100)
            for set_by in (0.0, -YEARS, YEARS, 0.0):
                node.set_by = set_by
                node.store.observe(unplugged(NETWORK))
                await asyncio.sleep(15)
        await node.finish()
        # The next run has a clock of its own, which is then set right; a minute later the outage ends.
        again = Node(tmp_path, left=contents.read(tmp_path), set_by=YEARS, started=node.now().uptime)
        again.store.observe(unplugged(NETWORK))
        await asyncio.sleep(40)
        again.set_by = 0.0
        again.store.observe(NETWORK)
        lasted = pytest.approx(100, abs=0.1)
        assert again.history.losses == 1
        assert again.history.absent_seconds(again.now().uptime) == lasted
        (incident,) = incidents(again.chronicle, watching=again.now())
        assert incident.at_least == lasted
        assert incident.at_most == lasted

    hurried(main())


@contextmanager
def file_in_place_of_the_directory(directory: Path) -> Iterator[None]:
    moved = directory.rename(directory.with_name("moved"))
    directory.write_text("")
    yield
    directory.unlink()
    moved.rename(directory)


@contextmanager
def somebody_holds_it(directory: Path) -> Iterator[None]:
    with closing(sqlite3.connect(directory / FILE, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield


@pytest.mark.parametrize(
    ("broken", "reason", "says"),
    [
        pytest.param(file_in_place_of_the_directory, Reason.IO, "it must be a directory", id="a file in its place"),
        pytest.param(somebody_holds_it, Reason.TIMEOUT, "give each exporter a directory of its own", id="locked"),
    ],
)
def test_when_it_can_write_again_nothing_is_missing(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    broken: Callable[[Path], AbstractContextManager[None]],
    reason: Reason,
    says: str,
) -> None:
    directory = tmp_path / "state"

    async def main() -> Node:
        node = Node(directory)
        async with node.recording():
            await node.flap()
            await until(node.has_written_all)
            with broken(directory):
                node.store.observe(NETWORK)
                node.store.observe(unplugged(NETWORK))
                await until(lambda: node.errors().get(reason))
            await until(node.has_written_all, within=LONGEST_BACKOFF + REFILL)
        await node.finish()
        return node

    with caplog.at_level(logging.WARNING):
        node = hurried(main())
    said = [entry.__dict__["error"] for entry in caplog.records if entry.getMessage() == "source failed"]
    assert any(says in error for error in said), said
    assert all(error.startswith(f"--state.directory {directory}: ") for error in said)
    found = contents.read(directory)
    assert losses_in(found.memory) == 2
    assert found.chronicle.transitions == node.chronicle.transitions
    assert node.up()


def test_a_directory_that_is_removed_is_made_anew_with_all_that_is_at_hand(tmp_path: Path) -> None:
    directory = tmp_path / "state"

    async def main() -> Node:
        node = Node(directory)
        async with node.recording():
            await node.flap()
            await until(node.has_written_all)
            shutil.rmtree(directory)
            await node.flap()
            await until(node.has_written_all)
        await node.finish()
        return node

    node = hurried(main())
    found = contents.read(directory)
    assert losses_in(found.memory) == 2
    assert found.chronicle.transitions == node.chronicle.transitions
    assert node.errors() == {}


def test_a_recorder_that_cannot_write_is_down_at_once_and_tries_on(tmp_path: Path) -> None:
    async def main() -> Node:
        node = Node(tmp_path / "state")
        async with node.recording():
            await node.flap()
            await until(node.has_written_all)
            with file_in_place_of_the_directory(node.directory):
                await node.flap()
                await until(lambda: node.errors().get(Reason.IO), within=1)
                assert not node.up()
                await asyncio.sleep(10 * LONGEST_BACKOFF)
                assert not node.up()
                assert node.errors()[Reason.IO] >= 10
            await until(node.up, within=LONGEST_BACKOFF + 1)
        await node.finish()
        return node

    assert losses_in(contents.read(hurried(main()).directory).memory) == 2


def test_two_exporters_in_one_directory_are_told_and_the_first_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        first, second = Node(tmp_path), Node(tmp_path)
        async with first.recording():
            await first.flap()
            await until(first.has_written_all)
            async with second.recording():
                second.store.observe(NETWORK)
                await until(lambda: second.errors().get(Reason.TIMEOUT))
                await first.flap()
                await until(first.has_written_all)
                assert (first.up(), second.up()) == (True, False)
                assert first.errors() == {}
        await first.finish()
        async with second.recording():
            await until(second.up, within=LONGEST_BACKOFF + 1)
        await second.finish()

    with caplog.at_level(logging.WARNING):
        hurried(main())
    (said,) = {entry.__dict__["error"] for entry in caplog.records}
    assert said == f"--state.directory {tmp_path}: another exporter writes there: give each a directory of its own"
    assert losses_in(contents.read(tmp_path).memory) == 0, "the second one's, which has seen none"
    assert contents.begin(tmp_path).memory is not None


def test_what_could_not_be_read_at_the_start_is_not_forgotten_over_it(tmp_path: Path) -> None:
    """The disk was not to be had when the run began, and there is an outage."""

    async def main() -> None:
        node = Node(tmp_path)
        node.store.observe(NETWORK)
        await node.finish()
        blind = Node(tmp_path, started=node.now().uptime)
        blind.store.observe(booted(NETWORK))
        for _ in range(2):
            await blind.finish()

    hurried(main())
    found = contents.read(tmp_path)
    assert found.memory is not None
    assert found.memory.uplinks == {Family.IPV4: ("wlan0",)}


async def test_a_disk_that_stalls_holds_up_nothing_and_what_was_under_way_is_written_once(tmp_path: Path) -> None:
    node = Node(tmp_path)
    task = asyncio.create_task(supervise({Recorded.source: node.watch}, node.store))
    node.store.observe(NETWORK)
    await until(node.has_written_all)
    with node.progress.lock:  # as the thread has it that waits for the disk
        node.store.observe(unplugged(NETWORK))
        await until(lambda: any(thread.name == "write" for thread in threading.enumerate()))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await node.finish()
    await node.finish()
    await until(lambda: threading.active_count() == node.threads)
    found = contents.read(tmp_path)
    assert losses_in(found.memory) == 1
    assert found.chronicle.transitions == node.chronicle.transitions
    assert not (tmp_path / f"{FILE}-wal").exists(), "and the file is closed"


async def test_the_last_write_holds_what_came_before_it(tmp_path: Path) -> None:
    node = Node(tmp_path)
    node.store.observe(NETWORK)
    node.store.end()
    await node.finish()
    found = contents.begin(tmp_path)
    assert found.memory == remember(node.store.state, "b1", node.finished)
    assert found.chronicle.transitions == node.chronicle.transitions
    assert found.chronicle.transitions[-1].now == "ended"
