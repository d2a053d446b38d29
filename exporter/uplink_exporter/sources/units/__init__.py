"""Units that may be flannel's home as their manager's run-time directory has them: readable for all, by anybody.

systemd keeps a link for each unit that runs, and makes a new one at each start: every start shows in inotify(7),
however short the run. That does not tell a restart by systemd from one by hand, nor what was before we looked: the
journal does. OpenRC's supervise-daemon keeps a count of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from pathlib import Path

from uplink_exporter.flannel.units import MOST_UNITS, FlannelUnits, UnitSeen
from uplink_exporter.sources.inotify import HintAt, hints
from uplink_exporter.sources.unit_names import LINK, SUFFIX, listed, wanted
from uplink_exporter.sources.units.openrc import services
from uplink_exporter.threads import in_thread

RESCAN = 60.0
PAUSE = 0.25
"""Seconds between two looks, however many hints come."""


async def watch(
    directories: Sequence[Path], patterns: Sequence[str], boot: str, *, rescan: float = RESCAN
) -> AsyncGenerator[FlannelUnits, None]:
    """Yield the units now, at each change, and every `rescan` seconds. Raises SourceError."""
    loop = asyncio.get_running_loop()
    changed, restarts = asyncio.Event(), dict[str, int]()
    told, due = None, loop.time()

    def came(name: str) -> None:
        for unit in wanted([name.removeprefix(LINK)], patterns, 1):
            # The first start of a unit that was not there before is no restart.
            restarts[unit] = restarts[unit] + 1 if unit in restarts else 0

    with hints(changed, came) as hint_at:
        while True:
            changed.clear()
            # One thread for all: on an idle node it costs more than what is done in it.
            running, counted, again = await in_thread(_look, directories, patterns, hint_at)
            if again:
                changed.set()
            restarts |= {unit: 0 for unit in running or () if unit not in restarts}
            units = (UnitSeen(unit=unit, running=unit in (running or ()), restarts=restarts[unit]) for unit in restarts)
            fact = FlannelUnits(
                boot=boot,
                listed=running is not None or counted is not None,
                units=(*units, *(counted or ()))[:MOST_UNITS],
            )
            if fact != told or loop.time() >= due:
                told, due = fact, loop.time() + rescan - PAUSE
                yield fact
            await asyncio.sleep(PAUSE)
            with suppress(TimeoutError):
                async with asyncio.timeout(rescan - PAUSE):
                    await changed.wait()


def _look(
    directories: Sequence[Path], patterns: Sequence[str], hint_at: HintAt
) -> tuple[list[str] | None, list[UnitSeen] | None, bool]:
    """The units that run by systemd's links, and those that OpenRC counts; None for what there is no directory of.

    And whether to look again, as a count may have changed before there was a hint of it.
    """
    hint_at(map(str, directories))
    names = [found for found in map(listed, directories) if found is not None]
    links = [name.removeprefix(LINK) for found in names for name in found if name.startswith(LINK)]
    counted = [service for directory in directories for service in services(directory, patterns)]
    again = hint_at(str(path / unit.unit.removesuffix(SUFFIX)) for path in directories for unit in counted)
    return wanted(links, patterns, MOST_UNITS) if names else None, counted or None, again
