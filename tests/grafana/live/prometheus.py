"""Questions to a Prometheus, by its HTTP API, as Grafana puts them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from tests.grafana.live.variables import Times

_LABEL_VALUES = re.compile(r"label_values\((?:(?P<series>.+),)?\s*(?P<label>\w+)\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A series that came back: values by their Unix times."""

    labels: Mapping[str, str]
    values: Mapping[float, float]

    @property
    def last(self) -> float:
        """The newest value."""
        return self.values[max(self.values)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prometheus:
    """A server: what it answers to the path and query of a URL, and how much faster than life its data are."""

    get: Callable[[str], Any]
    scaled: Callable[[str], str] = str
    faster: int = 1

    def instant(self, expr: str, at: float) -> Sequence[Series]:
        """The query at a moment."""
        found = self._ask("query", query=self.scaled(expr), time=at)["result"]
        return [Series(labels=one["metric"], values=dict([_sample(one["value"])])) for one in found]

    def ranged(self, expr: str, times: Times) -> Sequence[Series]:
        """The query over a time. Points lie at multiples of the step, as Grafana aligns them."""
        step, end = times.step / self.faster, self.last_point(times)
        start = end - (times.end - times.start) / self.faster // step * step
        found = self._ask("query_range", query=self.scaled(expr), start=start, end=end, step=step)["result"]
        return [Series(labels=one["metric"], values=dict(map(_sample, one["values"]))) for one in found]

    def last_point(self, times: Times) -> float:
        """The Unix time of the last point of a range."""
        step = times.step / self.faster
        return times.end // step * step

    def label_values(self, query: str, times: Times) -> Sequence[str]:
        """What a variable may be. Raises ValueError for any other kind of query."""
        match = _LABEL_VALUES.fullmatch(query)
        if match is None:
            raise ValueError(f"not label_values(): {query}")
        start = times.end - (times.end - times.start) / self.faster
        choice = {"match[]": match["series"]} if match["series"] else {}
        found: Sequence[str] = self._ask(f"label/{match['label']}/values", start=start, end=times.end, **choice)
        return found

    def _ask(self, path: str, **parameters: object) -> Any:
        return self.get(f"/api/v1/{path}?{urlencode(parameters)}")["data"]


def _sample(pair: tuple[float, str]) -> tuple[float, float]:
    return float(pair[0]), float(pair[1])
