"""What tests of the shell share: the time zone, as the environment has it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

Zone = Callable[[str], None]


@pytest.fixture
def zone() -> Iterator[Zone]:
    """Sets the zone of local time; UTC until it is called."""
    with pytest.MonkeyPatch.context() as patch:

        def move(name: str) -> None:
            patch.setenv("TZ", name)
            time.tzset()

        move("UTC")
        yield move
    time.tzset()
