"""What the tests of the web config share."""

from __future__ import annotations

import pytest

from tests.web.pki import Pki, made


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    """Certificates; whoever would change one copies it first."""
    return made(tmp_path_factory.mktemp("pki"))
