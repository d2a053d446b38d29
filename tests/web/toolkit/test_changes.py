"""What changes while a server runs: the toolkit and ours go through the same, step by step."""

from __future__ import annotations

import shutil
import ssl
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPSConnection
from pathlib import Path

import pytest

from tests.shell.test_app import exporting
from tests.web.pki import Pki
from tests.web.probes import Probe, asked
from tests.web.rows import USERS
from tests.web.served import TLS
from tests.web.toolkit.conftest import serving

pytestmark = pytest.mark.toolkit


@contextmanager
def ours(config: Path) -> Iterator[int]:
    with exporting("--web.listen-address=127.0.0.1:0", f"--web.config.file={config}") as exporter:
        yield exporter.ports[0]


@pytest.mark.parametrize("who", ["ours", "theirs"])
def test_both_follow_the_files(who: str, toolkit: Path, pki: Pki, tmp_path: Path) -> None:
    config = tmp_path / "web.yml"

    def certify(name: str) -> None:
        shutil.copyfile(pki.crt(name), tmp_path / "server.crt")
        shutil.copyfile(pki.key(name), tmp_path / "server.key")

    config.write_text(TLS)
    certify("server")
    with ours(config) if who == "ours" else serving(toolkit, config) as port, closing(connected(port, pki)) as kept:

        def on_the_old_connection() -> int:
            kept.request("GET", "/metrics")
            answer = kept.getresponse()
            answer.read()
            return answer.status

        def now() -> tuple[int, str]:
            return on_the_old_connection(), asked(Probe(), port, pki)

        assert now() == (200, "200")
        before = serial(port, pki)
        certify("renewed")
        assert (now(), serial(port, pki) != before) == ((200, "200"), True)
        (tmp_path / "server.crt").write_text("rubbish")
        assert now() == (200, "alert")
        certify("renewed")
        config.write_text("rubbish: 1")
        assert now() == (500, "alert")
        config.write_text(USERS)
        assert now() == (500 if who == "ours" else 401, "alert")
        config.write_text(TLS + USERS)
        assert now() == (401, "401")
        config.write_text(TLS)
        assert now() == (200, "200")


def connected(port: int, pki: Pki) -> HTTPSConnection:
    """A connection after its handshake."""
    context = ssl.create_default_context(cafile=pki.crt("ca"))
    connection = HTTPSConnection("localhost", port, context=context, timeout=10)
    connection.connect()
    return connection


def serial(port: int, pki: Pki) -> object:
    """The number of the certificate that a handshake is given."""
    with closing(connected(port, pki)) as connection:
        return (connection.sock.getpeercert() or {})["serialNumber"]
