"""A minute of an ordinary life: both at work on one node, each scraped every 15 s."""

from __future__ import annotations

import time
from collections.abc import Sequence

from tests.bench.exporters import Running, node_exporter, running, uplink_exporter
from tests.bench.nodes import Size, node
from tests.bench.report import Goal, Report, ms
from tests.bench.scraping import scrape

SIZE = Size(50, 1_000)
INTERVAL = 15.0
SCRAPES = 4
STARTED = 5.0  # what is done once after the start is over by then
TITLE = f"CPU of a minute at one scrape each 15 s, {SIZE} interfaces / routes"
HEAD = ("", "CPU ms", "of which scrapes")


def measure(*, quick: bool) -> Report:
    """CPU of a real minute: a part of one would say nothing about what happens twice in it."""
    if quick:
        return Report(title=TITLE, head=HEAD, rows=[("not measured: --quick", "", "")])
    with (
        node(SIZE) as namespace,
        running(uplink_exporter(), namespace) as us,
        running(node_exporter(), namespace) as them,
    ):
        time.sleep(STARTED)
        ours, theirs = live((us, them))
    goal = Goal(
        text="CPU of an idle minute at most 5 % of node_exporter's",
        value=ours[0] * 1000,
        limit=theirs[0] * 1000 * 0.05,
        unit=" ms",
    )
    rows = [("uplink-exporter", *map(ms, ours)), ("node_exporter", *map(ms, theirs))]
    return Report(title=TITLE, head=HEAD, rows=rows, goals=[goal])


def live(exporters: Sequence[Running]) -> list[tuple[float, float]]:
    """CPU seconds of each in a minute: all, and those of its scrapes."""
    began = [exporter.cpu() for exporter in exporters]
    scrapes = [0.0] * len(exporters)
    for _ in range(SCRAPES):
        time.sleep(INTERVAL)
        for place, exporter in enumerate(exporters):
            scrapes[place] += scrape(exporter).cpu
    return [(exporter.cpu() - before, part) for exporter, before, part in zip(exporters, began, scrapes, strict=True)]
