"""What every tier of the tests shares: the option that takes goldens for right, and a clock that can be moved."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

import hypothesis
import pytest

hypothesis.settings.register_profile("default", deadline=None)  # other processes share the machine's CPUs
hypothesis.settings.register_profile("ci", parent=hypothesis.settings.get_profile("default"), derandomize=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") == "true" else "default")

Later = Callable[[float], None]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="take the pages as they are now for right")


@pytest.fixture
async def later(monkeypatch: pytest.MonkeyPatch) -> Later:
    """Moves the clock of the event loop on: timers that are due then go off, and nobody waits."""
    loop = asyncio.get_running_loop()
    real, ahead = loop.time, 0.0

    def move(seconds: float) -> None:
        nonlocal ahead
        ahead += seconds

    monkeypatch.setattr(loop, "time", lambda: real() + ahead)
    return move
