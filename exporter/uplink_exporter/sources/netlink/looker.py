"""Dumps beside the events: on a starving node one takes seconds, in which what happens is told all the same."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from uplink_exporter.facts import Network, Reason, SourceError
from uplink_exporter.sources.netlink.kernel import Kernel
from uplink_exporter.sources.wire import Message, Wire

MOST_INTERRUPTIONS = 3


@dataclass(slots=True)
class Looker:
    """Asks for dumps, one at a time, and listens meanwhile."""

    kernel: Kernel
    events: Wire
    dump: asyncio.Task[Network] | None = None

    def begin(self) -> None:
        """Begin a dump."""
        self.dump = asyncio.create_task(look(self.kernel))

    def take(self) -> Network | None:
        """The dump, if it has come to its end. Raises what it raised."""
        if self.dump is None or not self.dump.done():
            return None
        dump, self.dump = self.dump, None
        return dump.result()

    async def heard(self, within: float) -> Iterable[Message]:
        """The events of one burst; none if none came within so many seconds, or until the dump came to its end."""
        if self.dump is None:
            return await self.events.received(within)
        receiving = asyncio.create_task(self.events.received(within))
        try:
            await asyncio.wait({receiving, self.dump}, return_when=asyncio.FIRST_COMPLETED)
            return receiving.result() if receiving.done() else ()
        finally:
            await _ended(receiving)


@asynccontextmanager
async def looking(kernel: Kernel, events: Wire) -> AsyncGenerator[Looker, None]:
    """A looker, whose dump goes with it."""
    looker = Looker(kernel, events)
    try:
        yield looker
    finally:
        if looker.dump is not None:
            await _ended(looker.dump)


async def _ended(task: asyncio.Task[object]) -> None:
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled():
        task.exception()  # it was looked at: what came too late is nobody's


async def look(kernel: Kernel) -> Network:
    """A dump; one that the kernel's tables changed under is made again at once, while the events are still heard."""
    for _ in range(MOST_INTERRUPTIONS):
        try:
            return await kernel.dump()
        except SourceError as error:
            if error.reason is not Reason.INTERRUPTED:
                raise
    return await kernel.dump()
