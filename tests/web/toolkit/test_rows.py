"""The same files in the toolkit: what the table says of it is so."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cluster.tools import ENVIRONMENT, go
from tests.web.pki import Pki
from tests.web.probes import asked, wait_for
from tests.web.rows import ROWS, Row

pytestmark = pytest.mark.toolkit

MODULE = Path(__file__).parent / "go"


@pytest.fixture(scope="module")
def toolkit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program that serves by the toolkit, at the version of go.mod."""
    program = tmp_path_factory.mktemp("go") / "toolkit"
    subprocess.run([go(), "build", "-o", program, "."], cwd=MODULE, env={**os.environ, **ENVIRONMENT}, check=True)
    return program


@contextmanager
def serving(toolkit: Path, config: Path) -> Iterator[int]:
    """The port on which it serves."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    with subprocess.Popen([toolkit, f"-listen=127.0.0.1:{port}", f"-config={config}"]) as process:
        try:
            wait_for(port)
            yield port
        finally:
            process.kill()


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
