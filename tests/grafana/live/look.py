"""What is seen on the dashboard at a moment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from tests.grafana.documents import Json
from tests.grafana.live.dashboard import Panel, Query, variables
from tests.grafana.live.frames import Cell, Row, named, rows, worded
from tests.grafana.live.prometheus import Prometheus, Series
from tests.grafana.live.variables import Raw, Times, Value, filled

Values = Mapping[str, Value | Raw]
Answers = Mapping[str, Sequence[Series]]
Seen = Mapping[str, Cell] | Sequence[Row]
"""What is seen of a panel: its values by their names, or the rows of its table."""


class TwiceError(Exception):
    """Two series of a panel have the same name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The dashboard, over which time and with which variables, in front of a Prometheus."""

    prometheus: Prometheus
    times: Times
    values: Values

    def series(self, query: Query) -> Sequence[Series]:
        """What a query returns."""
        expr = filled(query.expr, {**self.times.variables, **self.values})
        if query.instant:
            return self.prometheus.instant(expr, self.times.end)
        return self.prometheus.ranged(expr, self.times)

    def answers(self, panel: Panel) -> Answers:
        """What the queries of a panel return."""
        return {query.ref: self.series(query) for query in panel.queries}

    def shown(self, panel: Panel, answers: Answers) -> Seen:
        """What is seen of that at the end of the time that is shown."""
        if panel.kind == "table":
            return rows(panel, answers)
        now = self.prometheus.last_point(self.times)
        found = ((query, one) for query in panel.queries for one in answers[query.ref])
        there = ((query, one) for query, one in found if query.instant or now in one.values)
        return distinct((named(panel, query, one), said(panel, query, one, one.last)) for query, one in there)

    def panel(self, panel: Panel) -> Seen:
        """What is seen of a panel."""
        return self.shown(panel, self.answers(panel))

    def history(self, panel: Panel) -> Mapping[str, Sequence[Cell]]:
        """What a panel over time shows, one after the other, of each series; gaps are left out."""
        found = ((query, one) for query in panel.queries for one in self.series(query))
        return {
            named(panel, query, one): [said(panel, query, one, value) for value, _ in groupby(one.values.values())]
            for query, one in found
        }


def said(panel: Panel, query: Query, series: Series, value: float) -> Cell:
    """A value of a series, in the panel's words."""
    words = worded(panel, named(panel, query, series), value, query.ref)
    assert words is not None, "only what is missing has none"
    return words


def distinct(pairs: Iterable[tuple[str, Cell]]) -> Mapping[str, Cell]:
    """As a mapping. Raises TwiceError if a name is there twice."""
    found: dict[str, Cell] = {}
    for name, cell in pairs:
        if name in found:
            raise TwiceError(f"{name}: {found[name]} and {cell}")
        found[name] = cell
    return found


def choose(dashboard: Json, prometheus: Prometheus, times: Times, **chosen: str) -> Values:
    """The variables: what is chosen, else all. Raises ValueError for what is not on offer."""
    values: dict[str, Value | Raw] = {}
    for name, variable in variables(dashboard).items():
        if variable["type"] == "datasource":
            values[name] = "prometheus"
        elif name in chosen:
            offered = prometheus.label_values(filled(variable["query"]["query"], values), times)
            if chosen[name] not in offered:
                raise ValueError(f"{name}: {chosen[name]} is none of {offered}")
            # Grafana makes a pattern of what may be more than one value.
            values[name] = [chosen[name]] if variable.get("multi") or variable.get("includeAll") else chosen[name]
        else:
            values[name] = Raw(text=variable["allValue"])
    return values
