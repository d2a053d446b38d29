"""A program that serves by the toolkit."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cluster.tools import ENVIRONMENT, go
from tests.web.probes import wait_for

MODULE = Path(__file__).parent / "go"


@pytest.fixture(scope="session")
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
