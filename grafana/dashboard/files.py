"""The dashboard's JSON: one file to provision, and one for grafana.com, which asks for its data source."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NotRequired, TypedDict, cast

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from grafana.dashboard.board import NODE_ROW, dashboard
from grafana.dashboard.marks import found_in

HERE = Path(__file__).parents[1]
PROVISIONED, SHARED = HERE / "uplink-exporter.json", HERE / "uplink-exporter.grafana-com.json"
# The oldest Grafana that it is for: with an older one, grafana.com's import says so.
OLDEST = "10.0.0"

Json = dict[str, object]


class Document(TypedDict):
    """The parts of the JSON that are looked at here."""

    panels: list[Json]
    templating: dict[str, list[Json]]
    annotations: NotRequired[dict[str, list[Json]]]


def provisioned() -> Document:
    """The dashboard for a provider of files, or for the sidecar: its data source is a variable."""
    document = cast("Document", json.loads(json.dumps(dashboard().build(), cls=JSONEncoder)))
    for variable in document["templating"]["list"]:
        _only_its_own(variable)
    titles = [panel["title"] for panel in document["panels"]]
    of_node = document["panels"][titles.index(NODE_ROW) + 1 :]
    document["annotations"] = {"list": found_in({str(panel["title"]): cast("int", panel["id"]) for panel in of_node})}
    for panel in document["panels"]:
        _without_defaults(panel)
    return document


def _only_its_own(variable: Json) -> None:
    """Leaves out what only a variable of type interval has; the SDK gives it to all."""
    for key in ("auto", "auto_min", "auto_count"):
        del variable[key]


def _without_defaults(panel: Json) -> None:
    """Leaves out two options that the SDK always gives.

    The size of a timeline's page: the pager would take half of the height. A table's footer: Grafana 13 has none.
    """
    unwanted = {"state-timeline": "perPage", "table": "footer"}.get(str(panel["type"]))
    if unwanted is not None:
        del cast("Json", panel["options"])[unwanted]


def shared() -> Json:
    """The dashboard for grafana.com, whose import asks which data source to take."""
    text = json.dumps(provisioned()).replace("&var-datasource=${datasource}", "")
    document = cast("Document", json.loads(text.replace("${datasource}", "${DS_PROMETHEUS}")))
    variables = document["templating"]
    variables["list"] = [variable for variable in variables["list"] if variable["type"] != "datasource"]
    source = {
        "name": "DS_PROMETHEUS",
        "label": "Prometheus",
        "description": "The Prometheus that scrapes uplink-exporter",
        "type": "datasource",
        "pluginId": "prometheus",
        "pluginName": "Prometheus",
    }
    return {"__inputs": [source], "__elements": {}, "__requires": list(_requires(document)), **document}


def _requires(document: Document) -> Iterator[dict[str, str]]:
    yield {"type": "grafana", "id": "grafana", "name": "Grafana", "version": OLDEST}
    yield {"type": "datasource", "id": "prometheus", "name": "Prometheus", "version": "1.0.0"}
    for kind in sorted({str(panel["type"]) for panel in document["panels"]} - {"row"}):
        yield {"type": "panel", "id": kind, "name": kind.replace("-", " ").capitalize(), "version": ""}


def written() -> dict[Path, str]:
    """What each file has to say."""
    documents = {PROVISIONED: provisioned(), SHARED: shared()}
    return {path: json.dumps(document, indent=2, ensure_ascii=False) + "\n" for path, document in documents.items()}
