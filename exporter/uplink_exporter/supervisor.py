"""Runs the sources for ever, and is the only place that judges, counts and retries their failures."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing

from uplink_exporter.facts import Fact, Reason, SourceError
from uplink_exporter.store import Store

Watch = Callable[[], AsyncGenerator[Fact, None]]
Sleep = Callable[[float], Awaitable[None]]

FIRST_BACKOFF = 0.05
LONGEST_BACKOFF = 30.0

log = logging.getLogger(__name__)


async def supervise(sources: Mapping[str, Watch], store: Store, sleep: Sleep = asyncio.sleep) -> None:
    """Run every source until cancelled. One that fails does not touch another."""
    async with asyncio.TaskGroup() as group:
        for name, watch in sources.items():
            group.create_task(_keep(name, watch, store, sleep), name=f"source {name}")


async def _keep(name: str, watch: Watch, store: Store, sleep: Sleep) -> None:
    failures, pause, told = 0, 0.0, None
    while True:
        started = store.clock().uptime
        reason, text = await _run(watch, store)
        store.fail(name, reason)
        last = store.state.health[name].last_fact
        # A source that went on for longer than it was held back was well. To yield once and fail again is not enough.
        well = last is not None and last.uptime - started > pause
        failures = 1 if well else failures + 1
        pause = backoff(failures)
        # The counter tells how often; the log, what it is. An API server may be gone for days.
        level = logging.WARNING if well or reason is not told else logging.DEBUG
        log.log(
            level, "source failed", extra={"source": name, "reason": reason, "error": text, "retry": f"{pause:.1f}s"}
        )
        told = reason
        await sleep(pause)


async def _run(watch: Watch, store: Store) -> tuple[Reason, str]:
    try:
        async with aclosing(watch()) as facts:
            async for fact in facts:
                store.observe(fact)
    except SourceError as error:
        return error.reason, str(error)
    except asyncio.CancelledError:
        # A task group takes a child that ends so for one that is done, and would never miss it.
        if (task := asyncio.current_task()) and task.cancelling():
            raise
        return Reason.INTERNAL, "something in it was cancelled"
    except Exception as error:  # a fault of ours in one source must not end the others
        log.exception("source is broken")
        return Reason.INTERNAL, repr(error)
    return Reason.FINISHED, "a source must not end"


def backoff(failures: int) -> float:
    """Seconds to wait after so many failures in a row: doubling, bounded, with jitter so that nodes do not march."""
    longest = min(LONGEST_BACKOFF, FIRST_BACKOFF * 2.0 ** min(failures - 1, 20))
    return longest * random.uniform(0.5, 1.0)
