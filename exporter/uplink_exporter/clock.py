"""The clock: seconds since boot, and when that boot was by the wall clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from uplink_exporter.facts import Instant

# Two clocks are read one after the other, so their difference trembles by microseconds. Kept until it moves by more,
# it changes only when somebody sets the wall clock, and the timestamps made from it stay the same over scrapes.
TREMBLE = 0.01


def system_clock(
    wall: Callable[[], float] = time.time,
    boot: Callable[[], float] = lambda: time.clock_gettime(time.CLOCK_BOOTTIME),
) -> Callable[[], Instant]:
    """The node's clock. CLOCK_BOOTTIME goes on through sleep, and nobody can set it."""
    boot_time = wall() - boot()

    def now() -> Instant:
        nonlocal boot_time
        uptime = boot()
        if abs(wall() - uptime - boot_time) > TREMBLE:
            boot_time = wall() - uptime
        return Instant(uptime=uptime, boot_time=boot_time)

    return now


def boot_id(procfs: Path) -> str:
    """The kernel's name for this boot, empty if it does not tell (random(4))."""
    try:
        return (procfs / "sys/kernel/random/boot_id").read_text()[:64].strip()
    except OSError:
        return ""
