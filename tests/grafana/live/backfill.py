"""What a fleet told, as blocks of Prometheus' store: hours of scrapes without the hours."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TextIO

from tests.alerts.history import columns
from tests.alerts.tools import run
from tests.grafana.live.fleet import SCRAPE, Node, Scrape, Target, scrapes

WINDOW = 1800
"""Seconds that are written at once: promtool holds its whole input in memory."""


def backfill(promtool: Path, nodes: Sequence[Node], blocks: Path) -> None:
    """Write all that the nodes told until now, and while this is done: they go on as they are."""
    end = int(time.time())
    written = end - int(max(scrape.age for node in nodes for scrape in scrapes(node)))
    while (now := int(time.time())) - written > SCRAPE:
        until = min(written + WINDOW, now)
        block(promtool, nodes, end, range(written, until), blocks)
        written = until


def block(promtool: Path, nodes: Sequence[Node], end: int, times: range, blocks: Path) -> None:
    """One more block."""
    text = blocks.with_suffix(".om")
    with text.open("w") as file:
        write(file, nodes, end, times)
    made = run(promtool, "tsdb", "create-blocks-from", "openmetrics", "--quiet", text, blocks)
    text.unlink()
    if made.returncode:
        raise RuntimeError(made.stdout)


def write(file: TextIO, nodes: Iterable[Node], end: int, times: range) -> None:
    """The samples of these times, in OpenMetrics. What nodes have in common is made once."""
    made: dict[object, Mapping[str, Sequence[str]]] = {}
    for node, target in ((each, target) for each in nodes for target in each.targets):
        key = tuple((life.name, life.until) for life in node.lives), target.since, target.until
        if key not in made:
            known = (scrape for scrape in scrapes(node, times[-1] - end) if target.knows(scrape.age))
            made[key] = dict(series([scrape for scrape in known if int(end - scrape.age) in times], end))
        for name, tails in made[key].items():
            prefix = targeted(name, target)
            file.writelines(prefix + tail for tail in tails)
    file.write("# EOF\n")


def series(known: Sequence[Scrape], end: int) -> Iterator[tuple[str, Sequence[str]]]:
    """Each series with its samples: all of a line but the name and the labels."""
    pages = [{"up": float(bool(scrape.page)), **scrape.page} for scrape in known]
    for name, values in columns(pages).items():
        told = ((scrape, value) for scrape, value in zip(known, values, strict=True) if value is not None)
        absolute = "timestamp_seconds" in name or name == "uplink_boot_time_seconds"
        yield name, [tail(end - scrape.age, value + (end - scrape.booted) * absolute) for scrape, value in told]


def tail(at: float, value: float) -> str:
    """The end of a line."""
    return f" {value!r} {int(at)}\n"


def targeted(sample: str, target: Target) -> str:
    """The sample as Prometheus stores it: with the target's labels, which the exporter's own make way for."""
    name, _, inner = sample.partition("{")
    own = inner.removesuffix("}").split(",") if inner else []
    moved = [f"exported_{label}" if label.partition("=")[0] in target.labels else label for label in own]
    told = [f'{label}="{value}"' for label, value in target.labels.items()]
    return f"{name}{{{','.join((*moved, *told))}}}"
