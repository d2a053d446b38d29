"""The same files in the toolkit: what the table says of it is so."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.web.pki import Pki
from tests.web.probes import asked
from tests.web.rows import ROWS, Row
from tests.web.toolkit.conftest import serving

pytestmark = pytest.mark.toolkit


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.key)
def test_the_toolkit_does_what_the_table_says_of_it(row: Row, toolkit: Path, pki: Pki, tmp_path: Path) -> None:
    config = tmp_path / "web.yml"
    config.write_text(row.text(pki))
    if not row.theirs:
        command = [str(toolkit), "-listen=127.0.0.1:0", f"-config={config}"]
        refused = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
        assert (refused.returncode, refused.stdout) == (1, "")
        return
    with serving(toolkit, config) as port:
        answers = [asked(probe, port, pki) for probe in row.probes]
    assert tuple(answers) == row.theirs
