"""What the verdict says of a radio that has joined nobody, and what cures it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.builders import (
    HOST,
    NETWORK,
    ROUTE,
    WLAN0,
    at,
    blocked,
    booted,
    no_carrier,
    node,
    with_links,
    with_routes,
)
from uplink_exporter.diagnosis import Diagnosis, Verdict, diagnose
from uplink_exporter.facts import (
    Claim,
    End,
    Happened,
    Joined,
    Manager,
    Mode,
    Policy,
    Radio,
    Rfkill,
    Wireless,
)

SEARCHING = replace(no_carrier(WLAN0), supplicant=True, carrier_ups=1)
HOME = Joined(bssid="02:00:00:00:01:00", ssid="example-net", authorized=True, signal=-50)


def wlan0(joined: Joined | None = None, *heard: str, scanned: bool = True) -> Wireless:
    radio = Radio(device="wlan0", mode=Mode.STATION, joined=joined, heard=frozenset(heard), scanned=scanned)
    return Wireless(radios=(radio,))


def happened(*ends: End) -> Wireless:
    return replace(wlan0(), happened=tuple(Happened(device="wlan0", end=end) for end in ends))


def judged(*looks: Wireless, manager: Manager = Manager.NETPLAN, uptime: float = 60.0) -> Diagnosis:
    network = with_links(booted(NETWORK), SEARCHING)
    host = replace(HOST, claims=(Claim(manager=manager, device="*"),))
    return diagnose(node(network, host, *looks, policy=Policy(devices=("wlan0",))), at(uptime))


def said(diagnosis: Diagnosis) -> list[str]:
    return [evidence.observed for evidence in diagnosis.evidence if evidence.subject == "radio of wlan0"]


@pytest.mark.parametrize("end", [End.HANDSHAKE, End.REFUSED])
@pytest.mark.parametrize(
    ("manager", "where"),
    [
        (Manager.NETPLAN, "/etc/netplan"),
        (Manager.NETWORK_MANAGER, "nmcli"),
        (Manager.IWD, "/var/lib/iwd"),
        (Manager.WPA_SUPPLICANT, "/etc/wpa_supplicant"),
    ],
)
def test_a_wrong_passphrase_is_said_and_is_corrected_before_anything_is_applied(
    end: End, manager: Manager, where: str
) -> None:
    diagnosis = judged(happened(end), manager=manager)
    assert diagnosis.verdict is Verdict.UPLINK_DOWN
    assert "wrong passphrase" in said(diagnosis)[0]
    assert where in diagnosis.remedy[0]
    assert "passphrase" in diagnosis.remedy[0] or "psk" in diagnosis.remedy[0]


def test_how_often_it_failed_is_said() -> None:
    assert "3x" in said(judged(happened(End.HANDSHAKE, End.HANDSHAKE, End.HANDSHAKE)))[0]


def test_an_end_of_long_ago_explains_nothing() -> None:
    network, policy = with_links(booted(NETWORK), SEARCHING), Policy(devices=("wlan0",))
    state = node(network, happened(End.HANDSHAKE), policy=policy, uptime=60.0)
    state = state.observe(network, at(900)).observe(wlan0(), at(900))
    assert not said(diagnose(state, at(900)))


def test_an_access_point_that_nobody_hears_is_out_of_reach() -> None:
    diagnosis = judged(wlan0(HOME), wlan0(None, "another-net"))
    assert "not in reach" in said(diagnosis)[-1]
    assert diagnosis.remedy[0].startswith("sudo iw dev wlan0 scan")


def test_one_that_is_heard_is_in_reach() -> None:
    assert "is in reach" in said(judged(wlan0(HOME), wlan0(None, "example-net")))[-1]


def test_without_a_scan_nobody_knows() -> None:
    assert not said(judged(wlan0(HOME), wlan0(None, scanned=False)))


@pytest.mark.parametrize(
    ("end", "words"),
    [
        (End.SIGNAL_LOST, "heard no more"),
        (End.ACCESS_POINT, "its access point ended"),
    ],
)
def test_how_the_last_connection_ended_is_said(end: End, words: str) -> None:
    assert words in said(judged(happened(end)))[0]


def test_a_radio_that_is_held_off_is_told_by_its_own_switch_alone() -> None:
    diagnosis = diagnose(node(blocked(Rfkill.SOFTWARE), HOST, policy=Policy(devices=("wlan0",))), at(60))
    assert diagnosis.remedy[0] == "sudo rfkill unblock wifi"
    others = diagnose(node(booted(NETWORK), replace(HOST, rfkill_soft=True), policy=Policy(devices=("wlan0",))), at(60))
    assert "rfkill" not in " ".join((*others.remedy, *(e.observed + e.subject for e in others.evidence)))


def test_a_radio_without_an_interface_is_seen_where_the_uplink_is_missing() -> None:
    network = replace(booted(NETWORK), links=tuple(link for link in NETWORK.links if link.name != "wlan0"))
    host = replace(HOST, radios=("phy0",))
    diagnosis = diagnose(node(network, host, policy=Policy(devices=("wlan0",))), at(60))
    assert diagnosis.verdict is Verdict.UPLINK_MISSING
    assert any("phy0 is there, without an interface" in evidence.observed for evidence in diagnosis.evidence)


def test_a_route_out_of_a_radio_that_lost_its_access_point_says_so_too() -> None:
    network = with_links(NETWORK, SEARCHING)
    network = with_routes(network, replace(ROUTE, next_hops=(replace(ROUTE.next_hops[0], linkdown=True),)))
    diagnosis = diagnose(node(network, HOST, wlan0(HOME), happened(End.SIGNAL_LOST)), at(60))
    assert diagnosis.verdict is Verdict.ROUTE_DEAD
    assert "heard no more" in said(diagnosis)[0]
