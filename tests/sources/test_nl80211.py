"""What nl80211 says, decoded. The messages are those of real radios (mac80211_hwsim of Debian's 6.1), captured by
`python -m tests.wifi.capture`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uplink_exporter.facts import End, Happened, Mode
from uplink_exporter.sources.wireless.codec import (
    Generic,
    Heard,
    Station,
    parse_event,
    parse_family,
    parse_heard,
    parse_interface,
    parse_station,
    printable,
)
from uplink_exporter.sources.wireless.requests import (
    family_request,
    interfaces_request,
    scan_request,
    stations_request,
)

FIXTURE = Path(__file__).parents[1] / "fixtures/nl80211/messages.json"
MESSAGES: dict[str, list[str]] = json.loads(FIXTURE.read_text())
AP = "02:00:00:00:01:00"


def bodies(name: str) -> list[memoryview]:
    return [memoryview(bytes.fromhex(text)) for text in MESSAGES[name]]


def happenings(name: str) -> list[Happened]:
    return [told[1] for body in bodies(name) if (told := parse_event(body)) is not None]


def test_the_family_and_its_groups() -> None:
    (body,) = bodies("family")
    family = parse_family(body)
    assert family.id > 16
    assert {"mlme", "scan", "config", "regulatory"} <= family.groups.keys()
    assert all(family.groups.values())


def test_interfaces_by_what_they_are_for() -> None:
    found = [interface for body in bodies("interfaces") if (interface := parse_interface(body)) is not None]
    assert {(interface.name, interface.mode) for interface in found} == {
        ("wlan0", Mode.STATION),
        ("mon0", Mode.MONITOR),
    }
    assert len({interface.index for interface in found}) == 2
    assert len(bodies("interfaces")) == 3  # the supplicant's P2P device is no network interface


def test_a_station_that_was_let_in() -> None:
    (body,) = bodies("station")
    station = parse_station(body)
    assert station == Station(bssid=AP, authorized=True, signal=station.signal)
    assert station.signal is not None
    assert -100 < station.signal < 0


def test_what_the_last_scan_heard() -> None:
    (body,) = bodies("scan")
    heard = parse_heard(body)
    assert heard == Heard(bssid=AP, ssid="example-net", associated=True, age=heard.age)
    assert 0 <= heard.age < 60


@pytest.mark.parametrize(
    ("situation", "told"),
    [
        ("joins", [Happened(device="", bssid=AP)]),
        ("out of range", [Happened(device="", end=End.SIGNAL_LOST)]),
        ("access point stopped", [Happened(device="", end=End.ACCESS_POINT)]),
        ("kicked", [Happened(device="", end=End.ACCESS_POINT)]),
        ("supplicant ended", [Happened(device="", end=End.LOCAL)]),
    ],
)
def test_how_a_connection_begins_and_ends(situation: str, told: list[Happened]) -> None:
    assert happenings(situation) == told


def test_a_wrong_passphrase_of_wpa2_is_a_handshake_that_fails() -> None:
    told = happenings("wrong passphrase, WPA2")
    assert {one.end for one in told} == {None, End.HANDSHAKE}


def test_a_wrong_passphrase_of_wpa3_is_a_refusal() -> None:
    told = happenings("wrong passphrase, WPA3")
    assert told
    assert {one.end for one in told} == {End.REFUSED}


def test_an_event_names_its_device() -> None:
    (interface,) = [i for body in bodies("interfaces") if (i := parse_interface(body)) and i.name == "wlan0"]
    (told,) = [told for body in bodies("joins") if (told := parse_event(body))]
    assert told[0] == interface.index


def test_an_ssid_may_be_any_bytes() -> None:
    assert printable(b"caf\xc3\xa9 \x1b[2J\\") == "caf\\xc3\\xa9 \\x1b[2J\\x5c"
    assert printable(b"\0" * 32) == ""  # hidden


@given(st.sampled_from([body for name in MESSAGES for body in bodies(name)]), st.data())
def test_whatever_the_bytes_nothing_but_a_value_error_is_raised(body: memoryview, data: st.DataObject) -> None:
    mangled = bytearray(body)
    for _ in range(data.draw(st.integers(1, 8))):
        mangled[data.draw(st.integers(0, len(mangled) - 1))] = data.draw(st.integers(0, 255))
    cut = memoryview(bytes(mangled))[: data.draw(st.integers(4, len(mangled)))]
    for parse in (parse_family, parse_interface, parse_station, parse_heard, parse_event):
        try:
            parse(cut)
        except ValueError:
            continue


def test_requests_are_those_that_the_kernel_answered() -> None:
    """Byte for byte what tests/wifi/guest/listen.py sent when the fixture was captured, but for the sequence."""
    nl80211 = Generic(id=28, groups={})
    assert family_request(1)[16:] == bytes.fromhex("03010000") + b"\x0c\0\x02\0nl80211\0"
    assert interfaces_request(7, nl80211)[4:8] == b"\x1c\0\x01\x03"
    assert stations_request(7, nl80211, 3)[16:] == bytes.fromhex("110100000800030003000000")
    assert scan_request(7, nl80211, 3)[16:] == bytes.fromhex("200100000800030003000000")
