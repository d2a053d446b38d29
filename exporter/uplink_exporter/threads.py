"""Threads for what may stall: nothing that waits for a disk runs in the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


async def in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What it returns, called in a thread for which nobody waits any more once this is cancelled.

    The disk may stall in the very outage. A scrape must not wait for it, nor may the end of the process, as it does
    for the threads of asyncio.to_thread().
    """
    future: Future[T] = Future()

    def call() -> None:
        try:
            future.set_result(function(*args, **kwargs))
        except BaseException as error:
            future.set_exception(error)

    future.set_running_or_notify_cancel()
    name = getattr(function, "__name__", None)  # a partial has none
    Thread(target=call, name=name, daemon=True).start()
    return await asyncio.wrap_future(future)
