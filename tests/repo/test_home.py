"""The project's address and version are written down once, and all that repeats them follows."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import yaml

from tests.repo.home import CHART, PLACES, ROOT, image, main, texts
from uplink_exporter import HOME, __version__

OTHER = "https://git.example.org/team/uplink"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The files that repeat them."""
    for place in (*PLACES, "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "pyproject.toml"):
        if (ROOT / place).is_dir():
            shutil.copytree(ROOT / place, tmp_path / place, ignore=shutil.ignore_patterns("__pycache__", "*.png"))
        else:
            shutil.copy(ROOT / place, tmp_path)
    return tmp_path


def contents(root: Path) -> dict[str, str]:
    return {str(path.relative_to(root)): path.read_text() for path in texts(root)}


def test_all_that_repeats_them_is_current(copy: Path) -> None:
    before = contents(copy)
    main(copy)
    assert contents(copy) == before, "run `make docs`"
    chart = yaml.safe_load((copy / CHART).read_text())
    assert (chart["home"], chart["version"], chart["appVersion"]) == (HOME, __version__, __version__)


def test_a_fork_changes_one_line(copy: Path) -> None:
    main(copy, OTHER, "2.0.1")
    olds = (HOME, image(), f":{__version__}")
    left = {name for name, text in contents(copy).items() if any(old in text for old in olds)}
    assert left == set()
    rules = (copy / "alerts/uplink.rules.yml").read_text()
    assert set(re.findall(r"runbook_url: (.*)/\w+\.md", rules)) == {f"{OTHER}/blob/main/alerts/runbooks"}
    chart = yaml.safe_load((copy / CHART).read_text())
    assert (chart["version"], chart["appVersion"]) == ("2.0.1", "2.0.1")
    main(copy)
    assert contents(copy) == contents(ROOT), "and back"


def test_the_address_is_nowhere_in_python_but_once() -> None:
    sources = [path for place in ("exporter", "grafana", "tests") for path in (ROOT / place).rglob("*.py")]
    assert [path.relative_to(ROOT).as_posix() for path in sources if HOME in path.read_text()] == [
        "exporter/uplink_exporter/__init__.py"
    ]


def test_what_a_link_to_the_project_leads_to_is_there() -> None:
    """On the branch that it names; a page that is not there is of no use at night."""
    files = [*texts(), ROOT / "grafana/uplink-exporter.json", ROOT / "grafana/uplink-exporter.grafana-com.json"]
    linked = {
        link for path in files for link in re.findall(rf"{HOME}/(?:blob|tree)/main/([\w./-]*\w)", path.read_text())
    }
    assert linked
    assert {link for link in linked if not (ROOT / link).exists()} == set()


def test_the_changelog_begins_with_this_version() -> None:
    first = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert first is not None
    assert first[1] == __version__


@pytest.mark.parametrize(
    ("home", "name"),
    [
        ("https://github.com/Some-One/Up", "ghcr.io/some-one/up"),
        ("https://gitlab.com/group/sub/up", "registry.gitlab.com/group/sub/up"),
        ("https://git.example.org/team/up", "git.example.org/team/up"),
    ],
)
def test_where_the_image_is(home: str, name: str) -> None:
    assert image(home) == name
