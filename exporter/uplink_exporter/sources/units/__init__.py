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
from uplink_exporter.sources.inotify import hints
from uplink_exporter.sources.unit_names import LINK, listed, wanted
from uplink_exporter.sources.units.openrc import services

RESCAN = 30.0
PAUSE = 0.25
"""Seconds between two looks, however many hints come."""


async def watch(
    systemd: Path, openrc: Path, patterns: Sequence[str], boot: str, *, rescan: float = RESCAN
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
            hint_at([str(systemd)])
            running, counted = await asyncio.to_thread(_look, systemd, openrc, patterns)
            hint_at(str(openrc / service.unit.removesuffix(".service")) for service in counted or ())
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


def _look(systemd: Path, openrc: Path, patterns: Sequence[str]) -> tuple[list[str] | None, list[UnitSeen] | None]:
    links = listed(systemd)
    running = None if links is None else [name.removeprefix(LINK) for name in links if name.startswith(LINK)]
    return None if running is None else wanted(running, patterns, MOST_UNITS), services(openrc, patterns)
