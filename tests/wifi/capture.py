"""Writes the fixture of the pure tests, what nl80211 says in each situation: `python -m tests.wifi.capture`."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.kernel.namespace import eventually
from tests.wifi.air import PASSPHRASE, SLOW, Air
from tests.wifi.machine import Machine, booted

FIXTURE = Path(__file__).parents[1] / "fixtures/nl80211/messages.json"
LISTEN = ("python3", "/guest/listen.py")
INTERFACES, STATIONS, SCAN = 5, 17, 32


def ask(machine: Machine, *words: str) -> list[str]:
    """The answers to one request."""
    return machine(*LISTEN, *words).split()


def of_wlan0(machine: Machine) -> str:
    """NL80211_ATTR_IFINDEX of wlan0, as it stands in a request."""
    index = int(machine.sh("cat /sys/class/net/wlan0/ifindex"))
    return (b"\x08\0\x03\0" + index.to_bytes(4, "little")).hex()


def heard(air: Air, happen: Callable[[], None], done: Callable[[], bool]) -> list[str]:
    """The events from before something happens until it is done, and a little longer."""
    listener = air.machine.start(*LISTEN, "hear", log="/run/heard")
    eventually(lambda: "ready" in air.machine.sh("cat /run/heard"), SLOW)
    happen()
    eventually(done, SLOW)
    time.sleep(3)
    air.machine.sh(f"kill {listener}")
    return air.machine.sh("cat /run/heard").split()[1:]


def waited(seconds: float) -> bool:
    """True, after so many seconds: what never happens has no end to wait for."""
    time.sleep(seconds)
    return True


def captured(machine: Machine) -> dict[str, list[str]]:
    """All of it."""
    found: dict[str, list[str]] = {}

    def down() -> bool:
        return machine.sh("cat /sys/class/net/wlan0/operstate") == "down"

    def joined(air: Air) -> None:
        air.access_point()
        air.supplicant()
        eventually(air.associated, SLOW)

    def kicked(air: Air) -> None:
        air.kick()
        air.no_access_point()  # else it is let in again before anybody looks

    def events(name: str, happen: Callable[[Air], None], prepare: Callable[[Air], None] = joined) -> None:
        with Air.fresh(machine) as air:
            prepare(air)
            found[name] = heard(air, lambda: happen(air), down)

    with Air.fresh(machine) as air:
        found["family"] = ask(machine, "family")
        found["joins"] = heard(air, lambda: joined(air), air.associated)
        machine.sh("iw dev wlan0 interface add mon0 type monitor")
        found["interfaces"] = ask(machine, "ask", str(INTERFACES))
        found["station"] = ask(machine, "ask", str(STATIONS), of_wlan0(machine))
        found["scan"] = ask(machine, "ask", str(SCAN), of_wlan0(machine))
    events("out of range", Air.out_of_range)
    events("access point stopped", Air.no_access_point)
    events("kicked", kicked)
    events("supplicant ended", Air.no_supplicant)
    for name, sae in (("wrong passphrase, WPA2", False), ("wrong passphrase, WPA3", True)):
        with Air.fresh(machine) as air:
            air.access_point(sae=sae)
            found[name] = heard(air, partial(air.supplicant, passphrase=PASSPHRASE + "?", sae=sae), partial(waited, 25))
    return found


if __name__ == "__main__":
    with TemporaryDirectory() as directory, booted(Path(directory)) as machine:
        FIXTURE.parent.mkdir(exist_ok=True)
        FIXTURE.write_text(json.dumps(captured(machine), indent=1) + "\n")
