"""Threads for what may stall: what they return or raise is told, and nobody waits for one that never ends."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from functools import partial

import pytest

from uplink_exporter.threads import in_thread


async def test_what_is_called_may_be_any_callable_and_runs_elsewhere() -> None:
    assert await in_thread(max, 1, 2) == 2
    assert await in_thread(partial(max, 3), 1) == 3
    assert await in_thread(threading.current_thread) is not threading.current_thread()


async def test_what_it_raises_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        await in_thread(divmod, 1, 0)


async def test_who_is_cancelled_does_not_wait() -> None:
    stalls = threading.Event()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await in_thread(stalls.wait)
    stalls.set()


def test_the_end_of_the_process_does_not_wait_either() -> None:
    program = (
        "import asyncio, threading\n"
        "from uplink_exporter.threads import in_thread\n"
        "async def main():\n"
        "    asyncio.create_task(in_thread(threading.Event().wait))\n"
        "    await asyncio.sleep(0.1)\n"
        "asyncio.run(main())\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30, env={"PYTHONPATH": "exporter"})
