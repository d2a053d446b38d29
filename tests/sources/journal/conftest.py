"""The tests of the journal need what writes one."""

from __future__ import annotations

import shutil

import pytest

from tests.lacking import refuse
from tests.sources.journal.written import REMOTE


@pytest.fixture(autouse=True, scope="session")
def writers() -> None:
    """journalctl and systemd-journal-remote are here."""
    if shutil.which("journalctl") is None or not REMOTE.exists():
        refuse("missing: apt-get install --no-install-recommends systemd systemd-journal-remote")
