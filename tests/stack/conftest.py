"""The incident, played once for all tests of this package; it needs what the kernel's tests need."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.alerts.tools import Tools, generations, there
from tests.kernel.conftest import namespaces
from tests.stack.incident import Record, replaying
from tests.stack.servers import Servers
from tests.stack.telling import Telling

__all__ = ["namespaces"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The incident, the lines of its story, and the servers, which are still there to be asked."""

    record: Record
    lines: list[str]
    servers: Servers


@pytest.fixture(scope="package", params=generations(), ids=lambda tools: tools.generation)
def told(request: pytest.FixtureRequest, namespaces: None) -> Iterator[Told]:
    """The incident as these servers tell it."""
    tools: Tools = request.param
    there(tools.prometheus, "prometheus")
    there(tools.alertmanager, "alertmanager")
    lines: list[str] = []
    with replaying(Telling(out=lines.append), tools) as (record, servers):
        yield Told(record=record, lines=lines, servers=servers)


@pytest.fixture
def record(told: Told) -> Record:
    """What there is to be asserted."""
    return told.record
