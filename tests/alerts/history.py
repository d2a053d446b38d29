"""Histories of scrapes as promtool's unit tests have them: written by code where they are long."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

import yaml

from tests.alerts.rules import RULES
from tests.alerts.tools import run

Samples = Sequence[float | None]
"""The value of a series at each scrape; None where the scrape failed, or the page did not have it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A query at a moment, and what it must give: labels as PromQL writes them, and a value, for each series."""

    expr: str
    at: float
    answer: Mapping[str, float] = field(default_factory=dict)


def ask(promtool: Path, directory: Path, series: Mapping[str, Samples], every: int, *questions: Question) -> str:
    """What promtool holds against the answers after it played the history under the shipped rules; empty if nothing."""
    test = {
        "interval": f"{every}s",
        "input_series": [{"series": name, "values": notation(samples)} for name, samples in series.items()],
        "promql_expr_test": [
            {
                "expr": question.expr,
                "eval_time": f"{question.at:.0f}s",
                "exp_samples": [{"labels": labels, "value": value} for labels, value in question.answer.items()],
            }
            for question in questions
        ],
    }
    document = {"rule_files": [str(RULES)], "evaluation_interval": f"{every}s", "tests": [test]}
    path = directory / "history.test.yml"
    path.write_text(yaml.safe_dump(document, width=1000))
    tested = run(promtool, "test", "rules", path)
    return "" if tested.returncode == 0 else tested.stdout


def notation(samples: Samples) -> str:
    """The samples in promtool's words; a series that is left out goes stale, as Prometheus marks it."""
    return " ".join(_runs(samples))


def _runs(samples: Samples) -> Iterator[str]:
    begun = False
    for value, equal in groupby(samples):
        count = len(list(equal))
        if value is not None:
            yield f"{value!r}x{count - 1}"
        elif begun:
            yield "stale" if count == 1 else f"stale _x{count - 1}"
        else:
            yield f"_x{count}"
        begun = begun or value is not None


def columns(pages: Iterable[Mapping[str, float]]) -> dict[str, list[float | None]]:
    """Pages, one a scrape, as series."""
    kept = list(pages)
    names = dict.fromkeys(name for page in kept for name in page)
    return {name: [page.get(name) for page in kept] for name in names}
