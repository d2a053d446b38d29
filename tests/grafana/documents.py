"""The dashboard's two files, as Grafana reads them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

Json = Mapping[str, Any]

ROOT = Path(__file__).parents[2]
PROVISIONED = ROOT / "grafana/uplink-exporter.json"
SHARED = ROOT / "grafana/uplink-exporter.grafana-com.json"


def document(path: Path = PROVISIONED) -> Json:
    """One of the files."""
    loaded: Json = json.loads(path.read_text())
    return loaded


def panels(path: Path = PROVISIONED) -> tuple[Json, ...]:
    """The panels, without the rows."""
    return tuple(panel for panel in document(path)["panels"] if panel["type"] != "row")


def name(panel: Json) -> str:
    """What a test calls the panel."""
    return f"{panel['id']}-{panel['title']}"


def targets(panel: Json) -> tuple[str, ...]:
    """The panel's expressions."""
    return tuple(target["expr"] for target in panel["targets"])


def overrides(panel: Json, setting: str) -> Iterator[tuple[str, Any]]:
    """The settings of that name that fields have of their own, with what the fields are found by."""
    for override in panel["fieldConfig"]["overrides"]:
        for each in override["properties"]:
            if each["id"] == setting:
                yield override["matcher"]["options"], each["value"]


def mappings(panel: Json) -> Iterator[tuple[str, Json]]:
    """Each value that has words, with its words and colour, in the panel and its columns."""
    defaults = panel["fieldConfig"]["defaults"].get("mappings", [])
    for listed in (defaults, *(value for _, value in overrides(panel, "mappings"))):
        for mapping in listed:
            if mapping["type"] == "special":
                yield mapping["options"]["match"], mapping["options"]["result"]
            else:
                yield from mapping["options"].items()


def marks() -> tuple[Json, ...]:
    """What is marked in the panels."""
    return tuple(document()["annotations"]["list"])


def expressions() -> Iterator[str]:
    """Every expression of the dashboard: of panels, of annotations, and the selectors of variables."""
    for panel in panels():
        yield from targets(panel)
    for mark in marks():
        yield mark["expr"]
    for variable in document()["templating"]["list"]:
        if variable["type"] == "query":
            yield selector(variable)


def selector(variable: Json) -> str:
    """The series whose labels a variable has for values."""
    query: str = variable["query"]["query"]
    found, _, label = query.removeprefix("label_values(").removesuffix(")").rpartition(", ")
    assert label == variable["name"]
    return found
