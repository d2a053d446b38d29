"""The flight recorder: what must outlive a restart of ours, written when something changed, and on a slow tick.

Never for a scrape, and never faster than a bound, for the sake of SD cards.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from sqlite3 import Connection
from typing import ParamSpec

from uplink_exporter import record
from uplink_exporter.facts import Instant, NodeState
from uplink_exporter.history.chronicle import Chronicle
from uplink_exporter.history.memory import TICK, Recorded, remember

P = ParamSpec("P")

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


async def watch(
    directory: Path, state: Callable[[], NodeState], clock: Callable[[], Instant], progress: Progress
) -> AsyncGenerator[Recorded, None]:
    """Write at each change and each tick, and yield what was written. Raises SourceError."""
    loop = asyncio.get_running_loop()
    # In a thread: the disk may stall for seconds in the very outage, and a scrape must not wait for it.
    connection = await asyncio.to_thread(record.connect, directory)
    try:
        while True:
            await asyncio.sleep(progress.budget.pause(loop.time()))
            progress.changed.clear()
            progress.budget = progress.budget.spent(loop.time())
            yield await _whole(write, connection, directory, state(), clock(), progress)
            try:
                async with asyncio.timeout(TICK):
                    await progress.changed.wait()
            except TimeoutError:
                continue
    finally:
        connection.close()


async def _whole(write: Callable[P, Recorded], *args: P.args, **kwargs: P.kwargs) -> Recorded:
    """What it gives, run in a thread, and never left alone with the connection: a cancellation waits for it."""
    writing = asyncio.create_task(asyncio.to_thread(write, *args, **kwargs))
    try:
        return await asyncio.shield(writing)
    except asyncio.CancelledError:
        await asyncio.wait([writing])
        raise


def finish(directory: Path, state: NodeState, now: Instant, progress: Progress) -> None:
    """Write once more. Raises SourceError."""
    with closing(record.connect(directory)) as connection:
        write(connection, directory, state, now, progress)


def write(connection: Connection, directory: Path, state: NodeState, now: Instant, progress: Progress) -> Recorded:
    """Write what is new. Raises SourceError."""
    chronicle = state.last(Chronicle) or Chronicle()
    new = min(chronicle.count - progress.transitions, len(chronicle.transitions))
    transitions = chronicle.transitions[len(chronicle.transitions) - new :]
    record.write(connection, directory, remember(state, chronicle.boot, now), transitions, now)
    progress.transitions = chronicle.count
    return Recorded(set_aside=len(record.set_aside(directory)))
