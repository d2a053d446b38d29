"""The dashboard as Grafana loads it: its panels, and every query in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tests.grafana.documents import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A query of a panel or an annotation; `instant` asks for the end of the time that is shown only."""

    ref: str
    expr: str
    instant: bool
    legend: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """A panel, where it stands, and its queries. `model` is its JSON."""

    row: str
    title: str
    kind: str
    queries: Sequence[Query]
    model: Json

    @property
    def where(self) -> str:
        """Its name among all panels."""
        return f"{self.row} / {self.title} ({self.kind})"


def panels(dashboard: Json) -> Iterator[Panel]:
    """All panels that ask something, also those of rows that are closed."""
    row = "Top"
    for model in dashboard["panels"]:
        if model["type"] != "row":
            yield _panel(row, model)
            continue
        row = model["title"]
        yield from (_panel(row, inner) for inner in model.get("panels", ()))


def _panel(row: str, model: Json) -> Panel:
    queries = [_query(target) for target in model.get("targets", ()) if not target.get("hide")]
    return Panel(row=row, title=model["title"], kind=model["type"], queries=queries, model=model)


def _query(target: Json) -> Query:
    return Query(
        ref=target["refId"],
        expr=target["expr"],
        instant=bool(target.get("instant")),
        legend=target.get("legendFormat", ""),
    )


def marks(dashboard: Json) -> Mapping[str, Query]:
    """The annotations that ask Prometheus, by their names; Grafana's own is none."""
    listed = dashboard["annotations"]["list"]
    found = [mark for mark in listed if mark.get("datasource", {}).get("type") == "prometheus"]
    return {mark["name"]: Query(ref=mark["name"], expr=_expr(mark), instant=False) for mark in found}


def _expr(mark: Json) -> str:
    expr: str = mark.get("expr") or mark["target"]["expr"]
    return expr


def variables(dashboard: Json) -> Mapping[str, Json]:
    """The variables, by their names."""
    return {variable["name"]: variable for variable in dashboard["templating"]["list"]}
