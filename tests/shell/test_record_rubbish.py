"""Whatever the record holds, the exporter starts and goes on: a sample of what `make bench` does at length."""

from __future__ import annotations

import pytest

from tests.bench.rubbish import Spoil, cut, flip, outcomes
from uplink_exporter import record
from uplink_exporter.app import recalled
from uplink_exporter.facts import Fact, Instant
from uplink_exporter.history.chronicle import Chronicle
from uplink_exporter.settings import parse


@pytest.mark.parametrize("spoil", [flip, cut])
def test_no_spoiled_record_keeps_it_from_starting(spoil: Spoil) -> None:
    told = outcomes(spoil, 40)
    assert not [outcome for outcome in told if outcome.startswith("failed")]
    assert told["kept"] > 0, "some hold all the same"
    assert told["anew"] > 0, "and some cannot"


async def test_not_even_a_fault_of_ours_keeps_it_from_starting(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(directory: object) -> record.Record:
        raise RuntimeError("a fault")

    monkeypatch.setattr(record, "begin", broken)
    state = await recalled(parse(["--state.directory=/nowhere"], {}), Instant(uptime=1.0, boot_time=0.0))
    kinds: list[type[Fact]] = list(state.facts)
    assert kinds == [Chronicle]
