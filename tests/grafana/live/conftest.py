"""A Prometheus of each generation with the shipped rules, that knows what a fleet of 200 told in the last hours."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.alerts.tools import generations, there
from tests.grafana.live.backfill import backfill
from tests.grafana.live.fleet import Node, fleet
from tests.grafana.live.prometheus import Prometheus
from tests.grafana.live.server import STORE, serving


@pytest.fixture(scope="package")
def nodes() -> tuple[Node, ...]:
    """The fleet."""
    return fleet(200)


@pytest.fixture(scope="package")
def blocks(nodes: tuple[Node, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What it told, up to now, as both generations read it."""
    promtool = there(generations()[0].promtool, "promtool")
    blocks = tmp_path_factory.mktemp("fleet") / "blocks"
    backfill(promtool, nodes, blocks)
    return blocks


@pytest.fixture(scope="package", params=generations(), ids=lambda tools: tools.generation)
def prometheus(
    request: pytest.FixtureRequest, blocks: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    """The server, from when its rules have been evaluated on."""
    program = there(request.param.prometheus, "prometheus")
    directory = tmp_path_factory.mktemp(request.param.generation)
    shutil.copytree(blocks, directory / STORE)
    with serving(program, directory) as server:
        yield server
