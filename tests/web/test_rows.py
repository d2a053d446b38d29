"""Every row of the table of keys, with a real server and real handshakes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.builders import NETWORK, node
from tests.shell.http import served
from tests.web.pki import Pki
from tests.web.probes import asked
from tests.web.rows import ROWS, Kind, Row
from uplink_exporter.web.secure import ConfigError, guarded


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.key)
async def test_the_file_does_what_the_table_says(row: Row, pki: Pki, tmp_path: Path) -> None:
    path = tmp_path / "web.yml"
    path.write_text(row.text(pki))
    if not row.ours:
        with pytest.raises(ConfigError, match=r"^line \d+: \S+: .{20,}"):
            guarded(path)
        return
    guard = guarded(path)
    async with served(node(NETWORK), guard=guard) as server:
        answers = [await asyncio.to_thread(asked, probe, server.port, pki) for probe in row.probes]
    assert tuple(answers) == row.ours


def test_the_table_says_of_each_row_what_it_is() -> None:
    for row in ROWS:
        if row.kind is Kind.SAME:
            assert row.ours == row.theirs, row.key
        if row.kind is Kind.REFUSED:
            assert (row.ours, bool(row.theirs)) == ((), True), row.key
        if row.kind is Kind.BETTER:
            assert row.ours, row.key
