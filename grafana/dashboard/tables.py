"""Tables: their columns, and how the series of several queries become rows."""

from __future__ import annotations

from collections.abc import Iterable

from grafana_foundation_sdk.builders import table
from grafana_foundation_sdk.models.dashboard import (
    DataTransformerConfig,
    DynamicConfigValue,
    MatcherConfig,
    ValueMapping,
)

# What an empty cell shows: without it, that would be what the whole table says if it has no rows.
NOTHING = "–"  # noqa: RUF001
NOWHERE = {"viz": True, "legend": True, "tooltip": True}
# For counts; all else reads from the left.
NUMERIC = {"custom.align": "right"}
IN_COLOUR = {"type": "color-background", "mode": "basic"}


def column(panel: table.Panel, name: str, **settings: object) -> table.Panel:
    """Settings of a column, by the name that is seen."""
    properties = {"noValue": NOTHING, "custom.align": "left", **settings}
    return panel.with_override(
        MatcherConfig(id_val="byName", options=name),
        [DynamicConfigValue(id_val=key, value=value) for key, value in properties.items()],
    )


def coloured(panel: table.Panel, name: str, mappings: list[ValueMapping], **settings: object) -> table.Panel:
    """A column whose cells have the colour of what they say."""
    return column(panel, name, mappings=mappings, **{"custom.cellOptions": IN_COLOUR}, **settings)


def hidden(panel: table.Panel, name: str) -> table.Panel:
    """A column that nobody sees, but that a link may read."""
    # The former is for Grafana up to 12, the latter for those after it.
    return column(panel, name, **{"custom.hidden": True, "custom.hideFrom": NOWHERE})


def merged() -> DataTransformerConfig:
    """One row for what several queries say of the same labels."""
    return DataTransformerConfig(id_val="merge", options={})


def sorted_by(field: str, *, descending: bool = False) -> DataTransformerConfig:
    """Sorted by a column, which need not be seen."""
    return DataTransformerConfig(
        id_val="sortBy", options={"fields": {}, "sort": [{"field": field, "desc": descending}]}
    )


def named(columns: dict[str, str], dropped: tuple[str, ...] = ("Time",)) -> DataTransformerConfig:
    """The columns in this order and with these names, without those that are dropped."""
    options = {
        "excludeByName": dict.fromkeys(dropped, True),
        "indexByName": {name: index for index, name in enumerate(columns)},
        "renameByName": columns,
    }
    return DataTransformerConfig(id_val="organize", options=options)


def of_labels(panel: table.Panel, labels: Iterable[str]) -> table.Panel:
    """A table of labels alone, whose values say nothing."""
    columns = {label: label.capitalize() for label in labels}
    for name in columns.values():
        column(panel, name, **{"custom.minWidth": 60})
    return panel.with_transformation(named(columns, ("Time", "Value")))


def link(title: str, url: str) -> dict[str, object]:
    """A link of a cell; it opens beside the dashboard unless it leads to the dashboard itself."""
    return {"title": title, "url": url, "targetBlank": not url.startswith("/")}
