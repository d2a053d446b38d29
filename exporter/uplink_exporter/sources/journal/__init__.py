"""Units that may be flannel's home as the journal's files tell of them: no service is asked, no library is needed.

journald writes to the file that everybody in the group `systemd-journal` or `adm` may read. A unit that starts or ends
shows in its manager's run-time directory, which is watched for a hint; where that is not to be seen, the journal is
looked at more often.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from uplink_exporter.facts import Reason, SourceError
from uplink_exporter.flannel.units import MOST_UNITS, FlannelJournal, UnitState
from uplink_exporter.sources.inotify import HintAt, hints
from uplink_exporter.sources.journal.boot import Boot
from uplink_exporter.sources.journal.file import NotYetError
from uplink_exporter.sources.journal.look import Journal, Look
from uplink_exporter.sources.journal.openrc import read_service
from uplink_exporter.sources.unit_names import LINK, PATTERN, SUFFIX, listed, wanted
from uplink_exporter.threads import in_thread

RESCAN = 60.0
STARTING = 30.0
"""Seconds between two looks at a unit that is not through its start: nothing hints at what it says."""
UNHINTED = 5.0
"""Seconds between two looks where nothing hints at a change."""
PAUSE = 0.25
UNSETTLED = 0.6
MOST_NAMES = 32
MOST_NOT_YET = 5
"""Looks in a row that may find a file in the making; one that stays so is damaged."""


async def watch(
    roots: Sequence[Path],
    units: Sequence[Path],
    patterns: Sequence[str],
    boot: str,
    known: set[str],
    *,
    rescan: float = RESCAN,
    uptime: Callable[[], float] = time.monotonic,
) -> AsyncGenerator[FlannelJournal, None]:
    """Yield what the journal has of the units now, at each change, and every `rescan` seconds. Raises SourceError.

    `known` are the units that were ever seen; it outlives a failure. What was not allowed is raised after the fact that
    had to do without it was told, and after the usual wait.
    """
    loop = asyncio.get_running_loop()
    if not boot:
        raise SourceError(Reason.IO, "the kernel does not tell which boot this is: look at --path.procfs")
    journal = Journal(name=boot, boot=Boot(bytes.fromhex(boot.replace("-", ""))))
    changed, told, due = asyncio.Event(), None, loop.time()

    def came(link: str) -> None:
        known.update(wanted([link.removeprefix(LINK)], patterns, 1))

    with hints(changed, came) as hint_at:

        def look_now() -> Look:
            return _look(journal, roots, units, patterns, known, uptime(), hint_at)

        while True:
            changed.clear()
            look = await _whole(look_now)
            if look.denied and not journal.seen and look.wanted:
                raise _refused(look.denied)
            if look.fact != told or loop.time() >= due:
                told, due = look.fact, loop.time() + rescan - PAUSE
                yield look.fact
            await _wait(changed, min(rescan, _longest(look)))
            if look.denied and look.wanted:
                raise _refused(look.denied)


async def _whole(look: Callable[[], Look]) -> Look:
    """A look that met no file in the making. In a thread, as the disk may stall: nobody else touches what was read."""
    for _ in range(MOST_NOT_YET - 1):
        with suppress(NotYetError):
            return await in_thread(look)
        await asyncio.sleep(UNSETTLED)
    try:
        return await in_thread(look)
    except NotYetError as error:
        raise SourceError(Reason.PARSE, f"the journal cannot be read: {error}") from error


def _look(
    journal: Journal,
    roots: Sequence[Path],
    units: Sequence[Path],
    patterns: Sequence[str],
    known: set[str],
    uptime: float,
    hint_at: HintAt,
) -> Look:
    hint_at(map(str, units))
    links = [found for found in map(listed, units) if found is not None]
    known.update(wanted((link.removeprefix(LINK) for found in links for link in found), patterns, MOST_UNITS))
    exact = (pattern for pattern in patterns if not PATTERN.search(pattern))
    names = tuple(dict.fromkeys((*exact, *sorted(known))))[:MOST_NAMES]
    look = journal.look(roots, names, uptime)
    services = [log for log in (read_service(root, units, patterns, journal.name) for root in roots) if log]
    hint_at(str(path / log.unit.removesuffix(SUFFIX)) for path in units for log in services)
    fact = replace(look.fact, listed=look.fact.listed or bool(services), units=(*look.fact.units, *services))
    # A machine without such a unit has nothing in its journal that is missed.
    return replace(look, fact=fact, hinted=bool(links), wanted=bool(known) or not links)


def _longest(look: Look) -> float:
    """Seconds until the next look, if there is no hint."""
    if not look.settled:
        return UNSETTLED
    if not look.hinted:
        return UNHINTED
    starts = any(unit.state is UnitState.RUNNING and not unit.started for unit in look.fact.units)
    return STARTING if starts else RESCAN


async def _wait(changed: asyncio.Event, longest: float) -> None:
    await asyncio.sleep(PAUSE)
    with suppress(TimeoutError):
        async with asyncio.timeout(longest - PAUSE):
            await changed.wait()


def _refused(path: str) -> SourceError:
    remedy = "the journal is readable for the groups systemd-journal and adm: run with one of them"
    return SourceError(Reason.PERMISSION, f"{path}: permission denied; {remedy}")
