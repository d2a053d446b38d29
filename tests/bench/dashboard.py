"""What the dashboard costs a Prometheus that watches 500 nodes: each panel beside the cheapest query of all."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.alerts.tools import generations
from tests.bench.exporters import BrokenRunError
from tests.bench.report import Goal, Report, ms
from tests.grafana.documents import document
from tests.grafana.live.backfill import backfill
from tests.grafana.live.dashboard import Panel, panels
from tests.grafana.live.fleet import fleet, older
from tests.grafana.live.look import Look, choose
from tests.grafana.live.prometheus import Prometheus
from tests.grafana.live.server import STORE, serving
from tests.grafana.live.variables import Times

NODES, QUICK_NODES = 500, 50
SHOWN = 3 * 3600
"""Seconds that the dashboard shows, and for which there are samples."""
LAST_LIFE = 3600
TIMES, QUICK_TIMES = 9, 3
NODE = "rebooted"
BASELINE = "count(up)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Of some queries: seconds in Prometheus' engine, and samples that it read."""

    seconds: float
    samples: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Turns:
    """A panel and the baseline, one after the other, again and again: the medians."""

    panel: Cost
    baseline: Cost

    @property
    def ratio(self) -> float:
        """How many times the baseline the panel costs."""
        return self.panel.seconds / self.baseline.seconds


def measure(*, quick: bool) -> Report:
    """Fill a Prometheus with what the fleet told, and ask it what each panel asks, by turns with the baseline."""
    size, times = (QUICK_NODES, QUICK_TIMES) if quick else (NODES, TIMES)
    with watching(size, before=0 if quick else SHOWN - LAST_LIFE, every=2 if quick else 30) as server:
        rules = server.get("/api/v1/rules")["data"]["groups"][0]["evaluationTime"]
        found = {
            panel.where: (turns(server, panel, times), turns(server, panel, times)) for panel in panels(document())
        }
    return report(size, found, rules)


@contextmanager
def watching(size: int, before: float, every: int) -> Iterator[Prometheus]:
    """A Prometheus that knows what so many nodes told, each of which was well for some time before."""
    debian = generations()[0]
    if debian.promtool is None or debian.prometheus is None:
        raise BrokenRunError("there is no prometheus or no promtool; to get them: tests/setup")
    with TemporaryDirectory() as name:
        nodes = [older(node, before) if before else node for node in fleet(size)]
        backfill(debian.promtool, nodes, Path(name) / STORE)
        with serving(debian.prometheus, Path(name), every) as server:
            yield server


def turns(server: Prometheus, panel: Panel, times: int) -> Turns:
    """What a panel costs, and what the baseline."""
    told: list[Cost] = []
    asked, shown = counting(server, told), Times(start=time.time() - SHOWN, end=time.time())
    look = Look(prometheus=asked, times=shown, values=choose(document(), server, shown, node=NODE))
    pairs = [
        (cost(told, lambda: look.answers(panel)), cost(told, lambda: asked.instant(BASELINE, shown.end)))
        for _ in range(times)
    ]
    costs, baselines = zip(*pairs, strict=True)
    return Turns(panel=median(costs), baseline=median(baselines))


def counting(server: Prometheus, told: list[Cost]) -> Prometheus:
    """The server, which tells what each query cost."""

    def get(path: str) -> Any:
        answer = server.get(f"{path}&stats=all")
        stats = answer["data"]["stats"]
        told.append(Cost(seconds=stats["timings"]["execTotalTime"], samples=stats["samples"]["totalQueryableSamples"]))
        return answer

    return replace(server, get=get)


def cost(told: list[Cost], ask: Callable[[], object]) -> Cost:
    """What was told of the queries that this asks."""
    told.clear()
    ask()
    return total(told)


def total(costs: Sequence[Cost]) -> Cost:
    """All of them."""
    return Cost(seconds=sum(cost.seconds for cost in costs), samples=sum(cost.samples for cost in costs))


def median(costs: Sequence[Cost]) -> Cost:
    """The usual one."""
    return Cost(seconds=statistics.median(cost.seconds for cost in costs), samples=costs[0].samples)


def report(size: int, found: Mapping[str, tuple[Turns, Turns]], rules: float) -> Report:
    """The table, the dearest panel first, and the sum."""
    rows = sorted(found.items(), key=lambda pair: -pair[1][0].panel.seconds)
    sums = [total([run[n].panel for run in found.values()]) for n in range(2)]
    return Report(
        title=f"The dashboard at {size} nodes: the queries of each panel over 3 hours, once, in Prometheus' engine",
        head=("", "samples", "ms", "again", f"x {BASELINE}", "again"),
        rows=[
            *(row(where, *runs) for where, runs in rows),
            ("all panels", f"{sums[0].samples:,}", ms(sums[0].seconds), ms(sums[1].seconds), "", ""),
            ("alerts/uplink.rules.yml, for comparison", "", ms(rules), "", "", ""),
        ],
        goals=[
            Goal(
                text=f"dashboard at {size} nodes: all its queries take no longer than the rules, once",
                value=sums[0].seconds * 1000,
                limit=rules * 1000,
                unit=" ms",
            )
        ],
    )


def row(where: str, first: Turns, second: Turns) -> tuple[str, ...]:
    """A panel's costs, and how they come out when they are measured again."""
    return (
        where,
        f"{first.panel.samples:,}",
        ms(first.panel.seconds),
        ms(second.panel.seconds),
        f"{first.ratio:,.1f}",
        f"{second.ratio:,.1f}",
    )
