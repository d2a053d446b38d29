"""Scrape after scrape, ours and theirs by turns: latency, CPU, memory, start-up, series."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.bench.exporters import Exporter, Memory, Running, node_exporter, running, uplink_exporter
from tests.bench.nodes import Size, node
from tests.bench.report import Goal, Report, ms, percentile
from tests.kernel.namespace import Namespace

SIZES = tuple(Size(interfaces, routes) for routes in (10, 1_000, 100_000) for interfaces in (5, 50, 500))
QUICK_SIZE = Size(50, 1_000)
SCRAPES = 1_000
LEAST = 100  # of fewer scrapes there is no p99
BUDGET = 10.0
STARTS = 5
REST = 0.002  # what is left to do when the answer is out belongs to it

HEAD = (
    "interfaces / routes",
    "turns",
    "p50 ms",
    "p99 ms",
    "CPU ms",
    "scrapes",
    "PSS MiB",
    "RSS MiB",
    "start-up ms",
    "series",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One scrape: seconds of the wall clock, and of CPU."""

    latency: float
    cpu: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What one exporter cost on one node."""

    turns: Sequence[Turn]
    scrapes: int
    memory: Memory
    start_up: float
    series: int

    def latency(self, share: float) -> float:
        """The latency that this share of the scrapes did not exceed."""
        return percentile((turn.latency for turn in self.turns), share)

    @property
    def cpu(self) -> float:
        """CPU seconds for each scrape, on average."""
        return statistics.fmean(turn.cpu for turn in self.turns)


def measure(*, quick: bool) -> Report:
    """Compare them on nodes of every size."""
    sizes = (QUICK_SIZE,) if quick else SIZES
    found = {size: compare(size, budget=5.0 if quick else BUDGET) for size in sizes}
    return Report(
        title="Scrapes as Prometheus makes them (OpenMetrics, gzip, one connection), by turns",
        head=HEAD,
        rows=[row for size, pair in found.items() for row in rows(size, *pair)],
        goals=[goal for size, pair in found.items() for goal in goals(size, *pair)],
    )


def compare(size: Size, budget: float) -> tuple[Figures, Figures]:
    """Ours and theirs on one node."""
    ours, theirs = uplink_exporter(), node_exporter()
    with node(size) as namespace:
        starts = [(start_up(ours, namespace), start_up(theirs, namespace)) for _ in range(STARTS)]
        our_start, their_start = (statistics.median(times) for times in zip(*starts, strict=True))
        with running(ours, namespace) as us, running(theirs, namespace) as them:
            our_turns, their_turns = zip(*by_turns(us, them, budget), strict=True)
            return figures(us, our_turns, our_start, budget), figures(them, their_turns, their_start, budget)


def start_up(exporter: Exporter, namespace: Namespace) -> float:
    """Seconds from exec to the first answered scrape that tells of the network."""
    with running(exporter, namespace) as started:
        return started.start_up


def by_turns(ours: Running, theirs: Running, budget: float) -> Iterator[tuple[Turn, Turn]]:
    """Scrape both, one after the other, until the time is up and there are enough."""
    ends = time.monotonic() + budget
    for number in range(SCRAPES):
        if number >= LEAST and time.monotonic() > ends:
            return
        yield scrape(ours), scrape(theirs)


def scrape(exporter: Running) -> Turn:
    """One scrape, and what it cost."""
    cpu, started = exporter.cpu(), time.perf_counter()
    exporter.connection.scrape()
    latency = time.perf_counter() - started
    time.sleep(REST)
    return Turn(latency=latency, cpu=exporter.cpu() - cpu)


def figures(exporter: Running, turns: Sequence[Turn], start: float, budget: float) -> Figures:
    """The figures; memory is read after 1,000 scrapes, or as many as there is time for."""
    scrapes, ends = len(turns), time.monotonic() + budget
    while scrapes < SCRAPES and time.monotonic() < ends:
        exporter.connection.scrape()
        scrapes += 1
    return Figures(
        turns=turns,
        scrapes=scrapes,
        memory=exporter.memory(),
        start_up=start,
        series=len(exporter.connection.samples()),
    )


def rows(size: Size, ours: Figures, theirs: Figures) -> Iterator[tuple[str, ...]]:
    """Ours above theirs."""
    for name, found in (("uplink-exporter", ours), ("node_exporter", theirs)):
        yield (
            f"{size} {name}",
            f"{len(found.turns):,}",
            ms(found.latency(0.5)),
            ms(found.latency(0.99)),
            ms(found.cpu),
            f"{found.scrapes:,}",
            f"{found.memory.pss:.1f}",
            f"{found.memory.rss:.1f}",
            ms(found.start_up),
            f"{found.series:,}",
        )


def goals(size: Size, ours: Figures, theirs: Figures) -> Iterator[Goal]:
    """Latency beside theirs, and memory on its own."""
    part, words = (0.1, "a tenth") if size.interfaces >= 50 else (0.5, "half")
    yield Goal(
        text=f"{size}: scrape p99 at most {words} of node_exporter's",
        value=ours.latency(0.99) * 1000,
        limit=theirs.latency(0.99) * 1000 * part,
        unit=" ms",
    )
    # PSS is at most RSS; the stricter one, because this bench shares the pages of its own Python with ours.
    yield Goal(text=f"{size}: memory (RSS) at most 32 MiB", value=ours.memory.rss, limit=32, unit=" MiB")
