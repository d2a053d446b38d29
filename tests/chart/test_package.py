"""The packaged chart is complete, and renders what the directory renders."""

from __future__ import annotations

import shutil
import tarfile
from pathlib import Path

import pytest

from tests.alerts.rules import RULES
from tests.chart.helm import CHART, ROOT, Chart, HelmError, Object, helm
from tests.repo.release import chart
from uplink_exporter import __version__

SOURCES = {
    "files/uplink.rules.yml": RULES,
    "files/uplink-exporter.json": ROOT / "grafana/uplink-exporter.json",
}


@pytest.fixture
def package(tmp_path: Path, major: int) -> Path:
    helm(major, "package", CHART, "--destination", tmp_path)
    (found,) = tmp_path.glob("uplink-exporter-*.tgz")
    return found


def test_it_holds_what_the_directory_holds(package: Path) -> None:
    with tarfile.open(package) as archive:
        packed = {name.removeprefix("uplink-exporter/") for name in archive.getnames()}
    there = {str(path.relative_to(CHART)) for path in CHART.rglob("*") if path.is_file()}
    assert packed == there - {".helmignore"} or packed == there


@pytest.mark.parametrize("name", SOURCES)
def test_it_holds_the_rules_and_the_dashboard_as_they_are(package: Path, name: str) -> None:
    with tarfile.open(package) as archive:
        member = archive.extractfile(f"uplink-exporter/{name}")
        assert member is not None
        assert member.read() == SOURCES[name].read_bytes(), "run `make docs`"


def test_it_renders_the_same(package: Path, major: int) -> None:
    assert Chart(path=package, major=major).text() == Chart(major=major).text()


@pytest.mark.parametrize("name", SOURCES)
def test_a_chart_without_one_of_its_files_says_so(tmp_path: Path, name: str, major: int) -> None:
    copy = shutil.copytree(CHART, tmp_path / "uplink-exporter")
    (copy / name).unlink()
    with pytest.raises(HelmError, match=f"{name} is missing from the chart"):
        Chart(path=copy, major=major).text()


def test_the_published_chart_needs_no_image_to_be_named(tmp_path: Path) -> None:
    chart(tmp_path, "ghcr.io/some/where")
    package = tmp_path / f"uplink-exporter-{__version__}.tgz"
    (found,) = (one for one in Chart(path=package, image="").objects() if one["kind"] == "DaemonSet")
    container: Object = found["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == f"ghcr.io/some/where:{__version__}"
