"""From series to what a panel shows: names, tables and their transformations, and words for values."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.grafana.documents import Json
from tests.grafana.live.dashboard import Panel, Query
from tests.grafana.live.prometheus import Series

Cell = str | float
Row = Mapping[str, Cell]
_LEGEND = re.compile(r"\{\{\s*(\w+)\s*\}\}")


class UnmappedError(Exception):
    """A field says its values in words, and has none for this one."""


def rows(panel: Panel, answers: Mapping[str, Sequence[Series]]) -> Sequence[Row]:
    """A table's rows as they are seen, by the names of its columns."""
    value = "Value" if len(panel.queries) == 1 else "Value #{}"
    frames: list[Sequence[Row]] = [
        [{**one.labels, value.format(ref): one.last} for one in found] for ref, found in answers.items()
    ]
    for transformation in panel.model.get("transformations", ()):
        frames = TRANSFORMATIONS[transformation["id"]](frames, transformation["options"])
    (seen,) = frames
    told = ({name: worded(panel, name, row.get(name)) for name in columns(seen)} for row in seen)
    return [{name: cell for name, cell in row.items() if cell is not None} for row in told]


def merged(frames: Sequence[Sequence[Row]], options: Json) -> list[Sequence[Row]]:
    """Rows that agree in all columns that they have in common, as one (mergeTransformer of @grafana/data)."""
    key = set.intersection(*(columns(frame) for frame in frames if frame)) if any(frames) else set()
    found: list[dict[str, Cell]] = []
    for row in (row for frame in frames for row in frame):
        same = (one for one in found if all(one.get(name) == row.get(name) for name in key))
        fitting = (one for one in same if all(one.get(name, cell) == cell for name, cell in row.items()))
        known = next(fitting, None)
        if known is None:
            found.append(dict(row))
        else:
            known.update(row)
    return [found]


def columns(frame: Sequence[Row]) -> set[str]:
    """The columns of a frame."""
    return {name for row in frame for name in row}


def ordered(frames: Sequence[Sequence[Row]], options: Json) -> list[Sequence[Row]]:
    """Sorted by one column; a row without it comes last."""
    (by,) = options["sort"]
    name, worst_first = by["field"], bool(by.get("desc"))

    def place(row: Row) -> tuple[bool, float, str]:
        cell = row.get(name)
        number = cell if isinstance(cell, float) else 0.0
        return (cell is None) != worst_first, number, cell if isinstance(cell, str) else ""

    return [sorted(frame, key=place, reverse=worst_first) for frame in frames]


def organized(frames: Sequence[Sequence[Row]], options: Json) -> list[Sequence[Row]]:
    """With other names for some columns, and without some."""
    unseen = {name for name, excluded in options.get("excludeByName", {}).items() if excluded}
    names = options.get("renameByName", {})
    return [
        [{names.get(name, name): cell for name, cell in row.items() if name not in unseen} for row in frame]
        for frame in frames
    ]


TRANSFORMATIONS: Mapping[str, Callable[[Sequence[Sequence[Row]], Json], list[Sequence[Row]]]] = {
    "merge": merged,
    "sortBy": ordered,
    "organize": organized,
}
"""Those that the dashboard uses; any other raises KeyError."""


def named(panel: Panel, query: Query, series: Series) -> str:
    """The name of a series as its legend has it, and as an override may change it."""
    name = _LEGEND.sub(lambda match: series.labels.get(match[1], ""), query.legend)
    other: str = config(panel, name, query.ref).get("displayName", name)
    return other


def worded(panel: Panel, name: str, value: Cell | None, ref: str = "") -> Cell | None:
    """The value in words, where the field has words. Raises UnmappedError if it has none for this one, and no unit."""
    field = config(panel, name, ref)
    mappings = field.get("mappings", ())
    if value is None:
        special = (mapping["options"] for mapping in mappings if mapping["type"] == "special")
        return next((options["result"]["text"] for options in special if options["match"] == "null"), None)
    words = {
        key: result["text"]
        for mapping in mappings
        if mapping["type"] == "value"
        for key, result in mapping["options"].items()
    }
    said: Cell | None = words.get(f"{value:.15g}" if isinstance(value, float) else value)
    if said is None and words and field.get("unit", "short") == "short":
        raise UnmappedError(f"{panel.where}: {name} is {value!r}")
    return value if said is None else said


def config(panel: Panel, name: str, ref: str = "") -> dict[str, Any]:
    """A field's settings: the panel's, and what overrides them for this name or query."""
    field = panel.model["fieldConfig"]
    found = dict(field["defaults"])
    for override in field.get("overrides", ()):
        kind, wanted = override["matcher"]["id"], override["matcher"]["options"]
        if (kind == "byName" and wanted == name) or (kind == "byFrameRefID" and wanted == ref):
            found |= {setting["id"]: setting["value"] for setting in override["properties"]}
    return found
