"""Each generation of Prometheus' and Alertmanager's programs that is here, in turn."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.alerts.tools import Tools, generations


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
    """The program, or a skip that says how to get it."""
    return _there(tools.promtool, "promtool")


@pytest.fixture
def amtool(tools: Tools) -> Path:
    """The program, or a skip that says how to get it."""
    return _there(tools.amtool, "amtool")


@pytest.fixture
def servers(tools: Tools) -> Servers:
    """Both servers, or a skip that says how to get them."""
    return Servers(
        prometheus=_there(tools.prometheus, "prometheus"), alertmanager=_there(tools.alertmanager, "alertmanager")
    )


def _there(program: Path | None, name: str) -> Path:
    if program is None:
        pytest.skip(f"no {name}: tests/setup gets Debian's")
    return program
