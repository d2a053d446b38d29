"""Services that OpenRC's supervise-daemon keeps: `<directory>/<service>/start_count` counts its respawns."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from uplink_exporter.flannel.units import MOST_UNITS, UnitSeen
from uplink_exporter.sources.unit_names import listed, wanted

SUFFIX = ".service"
"""What the names of systemd's units have and those of OpenRC's services have not."""


def services(directory: Path, patterns: Sequence[str]) -> list[UnitSeen] | None:
    """The services that are wanted and were started, by the names of their units; None without OpenRC.

    supervise-daemon removes the directory when a service is stopped.
    """
    names = listed(directory)
    if names is None:
        return None
    units = wanted((name + SUFFIX for name in names), patterns, MOST_UNITS)
    counts = ((unit, start_count(directory, unit)) for unit in units)
    return [UnitSeen(unit=unit, running=True, restarts=count) for unit, count in counts if count is not None]


def start_count(directory: Path, unit: str) -> int | None:
    """How often a service was started anew; None if nobody counts."""
    try:
        with (directory / unit.removesuffix(SUFFIX) / "start_count").open("rb") as file:
            text = file.read(32)
    except OSError:
        return None
    return int(text) if re.fullmatch(rb"[0-9]{1,10}\s*", text) else None
