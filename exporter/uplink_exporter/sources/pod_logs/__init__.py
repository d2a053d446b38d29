"""Flannel as the kubelet's log directory tells it, which works while no API server does.

The kubelet keeps `<root>/<namespace>_<pod>_<uid>/<container>/<N>.log`, where N is the container's restart count. It
deletes old files, so the highest N counts and the number of files means nothing. Events of inotify are hints; a scan
of the directories is the truth, and a slow rescan makes up for hints that never come.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from uplink_exporter.facts import Reason, SourceError
from uplink_exporter.flannel.observed import FlannelLogs, Selection
from uplink_exporter.sources.inotify import hints
from uplink_exporter.sources.pod_logs.attempt import read_attempt
from uplink_exporter.sources.pod_logs.scan import MAX_READ, scan
from uplink_exporter.threads import in_thread

RESCAN = 30.0
PAUSE = 0.25
"""Seconds between two scans, however many hints come."""


async def watch(
    root: Path,
    subnet_file: Path,
    selection: Selection,
    rootfs: Path = Path("/"),
    *,
    required: bool = False,
    rescan: float = RESCAN,
) -> AsyncGenerator[FlannelLogs, None]:
    """Yield flannel's logs now, at each change, and every `rescan` seconds. Raises SourceError.

    If the logs are `required`, there must be a directory of them: it may be that no kubelet ever ran here.

    What was in the way is raised after the fact that had to do without it was told, and after the usual wait.
    """
    loop = asyncio.get_running_loop()
    read = lru_cache(maxsize=4 * MAX_READ)(read_attempt)
    changed = asyncio.Event()
    told, due = None, loop.time()
    with hints(changed) as hint_at:
        while True:
            changed.clear()
            # In a thread: the logs lie on the disk that a starving etcd fights for in the very outage, and a read that
            # stalls there must not stall a scrape. The scan shares nothing, so no lock is needed.
            seen = await in_thread(scan, root, subnet_file, selection, read, rootfs)
            if required and not seen.fact.listed:
                raise SourceError(Reason.IO, f"{root}: no such directory; --path.pod-logs names it")
            if await in_thread(hint_at, seen.directories):
                changed.set()
            if seen.fact != told or loop.time() >= due:
                told, due = seen.fact, loop.time() + rescan - PAUSE
                yield seen.fact
            await asyncio.sleep(PAUSE)
            with suppress(TimeoutError):
                async with asyncio.timeout(rescan - PAUSE):
                    await changed.wait()
            if seen.fault:
                raise seen.fault
