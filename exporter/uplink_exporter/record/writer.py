"""The flight recorder: what must outlive a restart of ours, written when something changed, and on a slow tick.

Never for a scrape, and never faster than a bound, for the sake of SD cards.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from sqlite3 import Connection
from threading import Lock

from uplink_exporter.facts import Instant, NodeState
from uplink_exporter.history.chronicle import Chronicle, Transition
from uplink_exporter.history.memory import TICK, Memory, Recorded, inheriting, remember
from uplink_exporter.record.claim import claim
from uplink_exporter.record.contents import Record, held
from uplink_exporter.record.contents import write as write_contents
from uplink_exporter.record.file import connect, gone, set_aside
from uplink_exporter.threads import in_thread

BURST = 30
"""Writes that may follow upon each other at once, as an incident's transitions do."""

REFILL = 10.0
"""Seconds until one more write is allowed: 390 in an hour at most, and what the loss of power can take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How many writes may follow at once: BURST, and one more each REFILL seconds. `at` is by any steady clock."""

    left: float = BURST
    at: float = 0.0

    def spent(self, now: float) -> Budget:
        """The budget after a write."""
        return Budget(left=self._left(now) - 1, at=now)

    def pause(self, now: float) -> float:
        """Seconds until a write is allowed."""
        return max(0.0, (1 - self._left(now)) * REFILL)

    def _left(self, now: float) -> float:
        return min(float(BURST), self.left + (now - self.at) / REFILL)


@dataclass(slots=True, kw_only=True)
class Progress:
    """What outlives a failure of the recorder: how much is written, and the event that says that there is more."""

    changed: asyncio.Event = field(default_factory=asyncio.Event)
    budget: Budget = Budget()
    transitions: int = 0
    connection: Connection | None = None
    claim: int | None = None
    """The descriptor by which no other exporter writes there, while the file is open."""
    found: Memory | None = None
    """What the file held when it was opened. When this run began it may not have been readable."""
    lock: Lock = field(default_factory=Lock)
    """Held by the thread that is at the file. Nobody waits for it who must not: a disk may stall for ever."""


async def watch(
    directory: Path, state: Callable[[], NodeState], clock: Callable[[], Instant], progress: Progress
) -> AsyncGenerator[Recorded, None]:
    """Write at each change and each tick, and yield what was written. Raises SourceError."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(progress.budget.pause(loop.time()))
        progress.changed.clear()
        progress.budget = progress.budget.spent(loop.time())
        yield await in_thread(write, directory, state(), clock(), progress)
        try:
            async with asyncio.timeout(TICK):
                await progress.changed.wait()
        except TimeoutError:
            continue


async def finish(directory: Path, state: NodeState, now: Instant, progress: Progress) -> None:
    """Write once more, and close the file. Raises SourceError."""

    def write_and_close() -> None:
        write(directory, state, now, progress)
        close(progress)

    await in_thread(write_and_close)


def write(directory: Path, state: NodeState, now: Instant, progress: Progress) -> Recorded:
    """Write what is new; connect, if need be. Raises SourceError."""
    with progress.lock:
        try:
            return _write(directory, state, now, progress)
        except Exception:
            _close(progress)
            raise


def close(progress: Progress) -> None:
    """Close the file, if it is open."""
    with progress.lock:
        _close(progress)


def _close(progress: Progress) -> None:
    connection, progress.connection = progress.connection, None
    descriptor, progress.claim = progress.claim, None
    try:
        if connection is not None:
            connection.close()
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _write(directory: Path, state: NodeState, now: Instant, progress: Progress) -> Recorded:
    if gone(directory):
        _close(progress)
    connection = progress.connection or _connect(directory, progress)
    chronicle = state.last(Chronicle) or Chronicle()
    memory = inheriting(remember(state, chronicle.boot, now), progress.found)
    write_contents(connection, directory, memory, _new(chronicle, progress.transitions), now)
    progress.transitions = chronicle.count
    return Recorded(set_aside=len(set_aside(directory)))


def _connect(directory: Path, progress: Progress) -> Connection:
    progress.claim = claim(directory)
    connection = progress.connection = connect(directory)
    found = held(connection, directory)
    progress.found = found.memory
    if found == Record():
        progress.transitions = 0  # one that was begun anew gets all that is at hand
    return connection


def _new(chronicle: Chronicle, written: int) -> tuple[Transition, ...]:
    """Those of this run's transitions that are at hand and not written yet."""
    new = min(chronicle.count - written, len(chronicle.transitions))
    return chronicle.transitions[len(chronicle.transitions) - new :]
