"""Each generation of Prometheus' and Alertmanager's programs that is here, in turn."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.alerts.tools import Tools, generations, there


@dataclass(frozen=True, slots=True, kw_only=True)
class Servers:
    """Both servers of one generation."""

    prometheus: Path
    alertmanager: Path


@pytest.fixture(params=generations(), ids=lambda tools: tools.generation)
def tools(request: pytest.FixtureRequest) -> Tools:
    """One generation of the programs."""
    generation: Tools = request.param
    return generation


@pytest.fixture
def promtool(tools: Tools) -> Path:
    """Prometheus' own."""
    return there(tools.promtool, "promtool")


@pytest.fixture
def amtool(tools: Tools) -> Path:
    """Alertmanager's own."""
    return there(tools.amtool, "amtool")


@pytest.fixture
def servers(tools: Tools) -> Servers:
    """Both servers."""
    return Servers(
        prometheus=there(tools.prometheus, "prometheus"), alertmanager=there(tools.alertmanager, "alertmanager")
    )
