"""One check of a password at a time, and whoever waits for one takes turns by address.

So that somebody who tries passwords, however many at once, delays another address by one check, not by all of them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from uplink_exporter.threads import in_thread

Check = Callable[[], bool]


@dataclass(slots=True)
class Turns:
    """Those who wait, by address: the first one is next that is not the last again."""

    waiting: dict[str, deque[tuple[asyncio.Future[bool], Check]]] = field(default_factory=dict)
    last: str = ""
    working: asyncio.Task[None] | None = None

    async def take(self, address: str, check: Check) -> bool:
        """What the check gives, made in a thread once it is its turn. Cancelled, it waits no more."""
        result: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.waiting.setdefault(address, deque()).append((result, check))
        if self.working is None:
            self.working = asyncio.create_task(self._work())
        return await result

    async def _work(self) -> None:
        while self.waiting:
            result, check = self._next()
            if result.done():
                continue  # whoever asked is gone
            try:
                right = await in_thread(check)
            except Exception as error:
                _tell(result, error)
            else:
                _tell(result, right)
        self.working = None

    def _next(self) -> tuple[asyncio.Future[bool], Check]:
        self.last = next((address for address in self.waiting if address != self.last), self.last)
        queue = self.waiting.pop(self.last)
        first = queue.popleft()
        if queue:
            self.waiting[self.last] = queue  # behind all the others
        return first


def _tell(result: asyncio.Future[bool], told: bool | Exception) -> None:
    if result.done():
        return
    if isinstance(told, Exception):
        result.set_exception(told)
    else:
        result.set_result(told)
