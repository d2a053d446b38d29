"""The tests of the journal need what writes one."""

from __future__ import annotations

import os
import shutil

import pytest

from tests.sources.journal.written import REMOTE


@pytest.fixture(autouse=True, scope="session")
def writers() -> None:
    """journalctl and systemd-journal-remote are here."""
    if shutil.which("journalctl") is None or not REMOTE.exists():
        refuse = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        refuse("missing: apt-get install --no-install-recommends systemd systemd-journal-remote")
