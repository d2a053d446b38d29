"""One machine for all: a boot under software emulation takes longer than most of what is tried on it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.wifi.air import Air
from tests.wifi.machine import Machine, booted, unavailable


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """The virtual machine."""
    if reason := unavailable():
        pytest.fail(reason)  # nobody comes here but by `make wifi`, which installs what is missing
    with booted(tmp_path_factory.mktemp("wifi")) as machine:
        yield machine


@pytest.fixture
def air(machine: Machine) -> Iterator[Air]:
    """The air, with nothing in it: no access point, no supplicant, wlan0 as after a boot."""
    with Air.fresh(machine) as air:
        yield air
