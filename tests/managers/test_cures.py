"""What doctor says is done on real machines, word for word: the route must come back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.kernel.namespace import eventually
from tests.managers.conftest import Boots
from tests.managers.setups import SETUPS, Setup
from tests.systemd.machine import Machine

PATIENCE = 15.0
NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
DOCTOR = ("uplink-exporter", "doctor", "--output=json", "--source.kubernetes=off", "--source.pod-logs=off")


def marked(setup: Setup) -> Any:
    return pytest.param(setup, id=setup.name, marks=pytest.mark.systemd if setup.telling else pytest.mark.managers)


@pytest.mark.parametrize("setup", [marked(setup) for setup in SETUPS])
def test_what_doctor_says_brings_the_route_back(boots: Boots, setup: Setup) -> None:
    with boots(setup) as machine:
        if setup.breaks:
            eventually(lambda: has_route(machine), PATIENCE)
        for command in setup.breaks:
            machine("sh", "-c", command)
        eventually(lambda: not has_route(machine), PATIENCE)
        cure, done = told(machine, setup.device)
        assert tuple(command.partition("   #")[0] for command in cure) == setup.commands
        assert not machine.run("sh", "-c", done).stdout
        for command in cure:
            machine("sh", "-c", command)
        eventually(lambda: machine.run("sh", "-c", done).stdout, PATIENCE)
        assert has_route(machine)


def told(machine: Machine, device: str) -> tuple[list[str], str]:
    """What doctor says to do, and how it says that one knows it is done; asked by nobody in particular."""
    answer = json.loads(machine.run(*NOBODY, *DOCTOR, f"--uplink.device={device}").stdout)
    remedy: list[str] = answer["remedy"]
    (last,) = (number for number, line in enumerate(remedy) if "done when" in line)
    return remedy[:last], remedy[last]


def has_route(machine: Machine) -> bool:
    return "via 192.0.2.1" in machine("ip", "-4", "route", "show", "default")
