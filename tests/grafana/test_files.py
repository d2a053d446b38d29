"""The files are what the code makes, and Grafana finds in them what it needs to load them."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from grafana.dashboard.files import written
from tests.grafana.documents import PROVISIONED, ROOT, SHARED, Json, document, panels

BOTH = pytest.mark.parametrize("path", [PROVISIONED, SHARED], ids=lambda path: path.name)


@pytest.mark.parametrize(("path", "text"), written().items(), ids=lambda value: getattr(value, "name", ""))
def test_the_file_is_current(path: Path, text: str) -> None:
    assert path.read_text() == text, "run `make docs`"


@BOTH
def test_the_dashboard_is_found_again_under_its_address(path: Path) -> None:
    board = document(path)
    assert (board["uid"], board["title"]) == ("uplink-exporter", "Uplink")
    assert "uplink-exporter" in board["tags"]
    assert "id" not in board, "an id is of one Grafana alone"


@BOTH
def test_it_follows_the_clock_of_who_looks(path: Path) -> None:
    board = document(path)
    assert (board["timezone"], board["refresh"]) == ("browser", "30s")
    assert board["time"] == {"from": "now-6h", "to": "now"}
    assert board["graphTooltip"] == 1, "a shared crosshair"


@BOTH
def test_the_schema_is_one_that_grafana_10_to_13_load(path: Path) -> None:
    # Migrations at load begin at 9 and end at 42 in Grafana 13; an older Grafana takes a newer file as it is.
    assert 38 <= document(path)["schemaVersion"] <= 42


@BOTH
def test_every_panel_has_an_id_of_its_own(path: Path) -> None:
    ids = [panel["id"] for panel in document(path)["panels"]]
    assert sorted(ids) == list(range(1, len(ids) + 1))


def test_the_provisioned_file_asks_for_nothing() -> None:
    board = document(PROVISIONED)
    assert not [key for key in board if key.startswith("__")]
    assert "DS_PROMETHEUS" not in PROVISIONED.read_text()


def test_the_file_for_grafana_com_asks_for_its_data_source_and_says_what_it_needs() -> None:
    board = document(SHARED)
    (wanted,) = board["__inputs"]
    assert (wanted["name"], wanted["pluginId"]) == ("DS_PROMETHEUS", "prometheus")
    kinds = {each["id"] for each in board["__requires"] if each["type"] == "panel"}
    assert kinds == {panel["type"] for panel in panels(SHARED)}
    assert "${datasource}" not in SHARED.read_text()
    assert {panel["datasource"]["uid"] for panel in panels(SHARED)} == {"${DS_PROMETHEUS}"}


def test_both_have_the_same_panels() -> None:
    assert [_without_source(panel) for panel in panels(PROVISIONED)] == [_without_source(p) for p in panels(SHARED)]


def _without_source(panel: Json) -> str:
    return str(panel).replace("${datasource}", "").replace("${DS_PROMETHEUS}", "").replace("&var-datasource=", "")


def test_the_providers_load_the_provisioned_file_from_a_directory_of_its_own() -> None:
    provisioning = ROOT / "grafana/provisioning"
    (provider,) = yaml.safe_load((provisioning / "dashboards/uplink-exporter.yaml").read_text())["providers"]
    (source,) = yaml.safe_load((provisioning / "datasources/prometheus.yaml").read_text())["datasources"]
    readme = (ROOT / "grafana/README.md").read_text()
    assert f"-t {provider['options']['path']} grafana/uplink-exporter.json" in readme
    assert (provider["type"], source["type"]) == ("file", "prometheus")
