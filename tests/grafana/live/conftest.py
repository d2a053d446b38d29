"""A Prometheus of each generation with the shipped rules, that knows what a fleet of 200 told in the last hours."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from tests.alerts.tools import generations
from tests.grafana.live.backfill import backfill
from tests.grafana.live.fleet import Node, fleet
from tests.grafana.live.prometheus import Prometheus
from tests.grafana.live.server import STORE, serving


def refuse(program: str) -> NoReturn:
    """Skip, or fail in CI: what is missing can be had."""
    say = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
    say(f"there is no {program}: tests/setup gets Debian's")


@pytest.fixture(scope="package")
def nodes() -> tuple[Node, ...]:
    """The fleet."""
    return fleet(200)


@pytest.fixture(scope="package")
def blocks(nodes: tuple[Node, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What it told, up to now, as both generations read it."""
    promtool = generations()[0].promtool
    if promtool is None:
        refuse("promtool")
    blocks = tmp_path_factory.mktemp("fleet") / "blocks"
    backfill(promtool, nodes, blocks)
    return blocks


@pytest.fixture(scope="package", params=generations(), ids=lambda tools: tools.generation)
def prometheus(
    request: pytest.FixtureRequest, blocks: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    """The server, from when its rules have been evaluated on."""
    program = request.param.prometheus
    if program is None:
        refuse("prometheus")
    directory = tmp_path_factory.mktemp(request.param.generation)
    shutil.copytree(blocks, directory / STORE)
    with serving(program, directory) as server:
        yield server
