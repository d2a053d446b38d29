"""Services that OpenRC's supervise-daemon keeps: `<directory>/<service>/start_count` counts its respawns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from uplink_exporter.flannel.units import MOST_UNITS, UnitSeen
from uplink_exporter.sources.unit_names import SUFFIX, listed, start_count, wanted


def services(directory: Path, patterns: Sequence[str]) -> list[UnitSeen]:
    """The services that are wanted and were started, by the names of their units.

    supervise-daemon removes the directory when a service is stopped.
    """
    units = wanted((name + SUFFIX for name in listed(directory) or ()), patterns, MOST_UNITS)
    counts = ((unit, start_count(directory, unit)) for unit in units)
    return [UnitSeen(unit=unit, running=True, restarts=count) for unit, count in counts if count is not None]
