"""The node that starves: 5 % and 2 % of one CPU, 100,000 routes, and a device that goes up and down."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.exporters import BrokenRunError, Running, running, uplink_exporter
from tests.bench.nodes import Size, node
from tests.bench.report import Goal, Report, percentile
from tests.kernel.namespace import Namespace

SIZE = Size(5, 100_000)
SHARES = (0.05, 0.02)
TURNS, QUICK_TURNS = 20, 3
EACH = 6.0
"""Seconds between two changes: fewer than a dump takes at 2 %, so that there is no rest for it."""

LOOK = 0.5
PERIOD = 100_000
OLDEST = 10.0
CGROUPS = Path("/sys/fs/cgroup")

UP = 'uplink_source_up{source="netlink"}'
FACT = 'uplink_source_last_fact_timestamp_seconds{source="netlink"}'
ADMIN = 'uplink_interface_admin_up{device="net1"}'


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the page showed, and when it came to agree with the kernel."""

    lags: list[float] = field(default_factory=list)
    ages: list[float] = field(default_factory=list)
    ups: list[float] = field(default_factory=list)
    scrapes: list[float] = field(default_factory=list)

    def row(self, share: float) -> tuple[str, ...]:
        """As it is printed."""
        figures = (percentile(self.lags, 0.5), max(self.lags), max(self.ages), percentile(self.scrapes, 0.99))
        return f"{share:.0%} of one CPU", *(f"{figure:.1f}" for figure in figures), f"{min(self.ups):g}"


def measure(*, quick: bool) -> Report:
    """How old the page becomes."""
    with node(SIZE) as namespace:
        seen = {share: starve(namespace, share, QUICK_TURNS if quick else TURNS) for share in SHARES}
    return Report(
        title=f"Starving, at {SIZE.routes:,} routes; a device changes each {EACH:g} s",
        head=("", "median s to the page", "longest", "oldest fact s", "scrape p99 s", "source up"),
        rows=[found.row(share) for share, found in seen.items()],
        goals=[
            goal
            for share, found in seen.items()
            for goal in (
                Goal(text=f"page behind the kernel at {share:.0%}", value=max(found.lags), limit=OLDEST, unit=" s"),
                Goal(text=f"looks that found the source down at {share:.0%}", value=found.ups.count(0), limit=0),
            )
        ],
    )


def starve(namespace: Namespace, share: float, turns: int) -> Seen:
    """Let it starve, change a device so many times, and look."""
    seen = Seen()
    with running(uplink_exporter("--source.kubernetes=off", "--source.pod-logs=off"), namespace) as us:
        time.sleep(EACH)  # it has read what there is
        with limited(us.pid, share):
            for turn in range(turns):
                is_up = turn % 2
                namespace.ip(f"link set net1 {'up' if is_up else 'down'}")
                seen.lags.append(agrees(us, is_up, seen))
    return seen


def agrees(us: Running, is_up: int, seen: Seen) -> float:
    """Look on until it is time for the next change; seconds until the page agreed, or all of them if it did not."""
    changed, agreed = time.monotonic(), 0.0
    while (now := time.monotonic()) < changed + EACH or not agreed:
        samples = us.connection.samples()
        answered = time.monotonic()
        seen.scrapes.append(answered - now)
        seen.ups.append(samples[UP])
        seen.ages.append(time.time() - samples[FACT])
        if samples.get(ADMIN) == is_up and not agreed:
            agreed = answered - changed
        if answered > changed + 20 * EACH:
            return answered - changed
        time.sleep(LOOK)
    return agreed


@contextmanager
def limited(pid: int, share: float) -> Iterator[None]:
    """A process that gets no more than that share of one CPU, by whichever cgroups there are."""
    own = f"uplink-exporter-bench-{os.getpid()}"
    old = CGROUPS / "cpu"
    try:
        group = (old if old.is_dir() else CGROUPS) / own
        group.mkdir()
        if old.is_dir():
            (group / "cpu.cfs_period_us").write_text(str(PERIOD))
            (group / "cpu.cfs_quota_us").write_text(str(round(PERIOD * share)))
        else:
            (group / "cpu.max").write_text(f"{round(PERIOD * share)} {PERIOD}")
        for thread in Path(f"/proc/{pid}/task").iterdir():  # the bench goes first, and what it starts as well
            os.sched_setscheduler(int(thread.name), os.SCHED_OTHER, os.sched_param(0))
        (group / "cgroup.procs").write_text(str(pid))
    except OSError as error:
        raise BrokenRunError(f"no CPU can be kept from a process here (it takes cgroups): {error}") from error
    try:
        yield
    finally:
        (group.parent / "cgroup.procs").write_text(str(pid))
        group.rmdir()
