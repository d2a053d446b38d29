"""What the exporter makes of a radio's situations: verdict, words, cure and metrics, as nobody sees them."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from tests.kernel.namespace import eventually
from tests.wifi.air import PASSPHRASE, SLOW, Air, Exporter

pytestmark = pytest.mark.wifi

WRONG = PASSPHRASE + "?"


def ends(exporter: Exporter) -> Mapping[str, float]:
    """How often connections of wlan0 ended, by reason."""
    prefix = 'uplink_wireless_disconnects_total{device="wlan0",reason="'
    return {
        name.removeprefix(prefix).removesuffix('"}'): value
        for name, value in exporter.page().items()
        if name.startswith(prefix) and value
    }


def told(air: Air, exporter: Exporter) -> str:
    """The evidence and the remedy of the verdict as it was logged last, or as the status page has it."""
    return air.machine("busybox", "wget", "-q", "-O", "-", f"http://127.0.0.1:{exporter.port}/")


def says(air: Air, exporter: Exporter, *words: str) -> None:
    """Wait until the status page says all of this."""
    eventually(lambda: all(word in told(air, exporter) for word in words), SLOW)


def test_never_brought_up(air: Air) -> None:
    with air.exporter() as exporter:
        assert exporter.verdict() == "uplink_down"
        says(air, exporter, "nothing has brought it up")
        assert exporter.page()['uplink_interface_carrier{device="wlan0"}'] == 0  # the kernel says 1 (F9)


def test_a_monitor_hides_nothing(air: Air) -> None:
    air.machine.sh("iw dev wlan0 interface add mon0 type monitor; ip link set mon0 up")
    answer = json.loads(air.doctor("--output=json"))
    assert answer["verdict"] == "uplink_down"
    assert answer["summary"].startswith("the uplink wlan0 is down")


def test_up_without_a_supplicant(air: Air) -> None:
    air.machine.sh("ip link set wlan0 up")
    with air.exporter() as exporter:
        assert exporter.verdict() == "uplink_down"
        says(air, exporter, "and no supplicant has it")


def test_a_supplicant_without_an_access_point(air: Air) -> None:
    air.supplicant()
    with air.exporter() as exporter:
        assert exporter.verdict() == "uplink_down"
        says(air, exporter, "though a supplicant has it")


@pytest.mark.parametrize(("sae", "reason"), [(False, "handshake"), (True, "refused")], ids=["WPA2", "WPA3"])
def test_a_wrong_passphrase(air: Air, sae: bool, reason: str) -> None:
    air.access_point(sae=sae)
    with air.exporter() as exporter:
        air.supplicant(passphrase=WRONG, sae=sae)
        eventually(lambda: reason in ends(exporter), SLOW)
        says(air, exporter, "wrong passphrase", "correct the passphrase there")
        assert exporter.verdict() == "uplink_down"
        assert ends(exporter).keys() == {reason}


def test_associated_and_dhcp_is_silent(air: Air) -> None:
    air.access_point()
    air.supplicant()
    eventually(air.associated, SLOW)
    with air.exporter() as exporter:
        assert exporter.verdict() == "route_missing"


def test_all_well_then_out_of_range_and_back(air: Air) -> None:
    air.joined()
    with air.exporter() as exporter:
        assert exporter.verdict() == "healthy"
        page = exporter.page()
        assert page['uplink_wireless_connected{device="wlan0"}'] == 1
        assert -100 < page['uplink_wireless_signal_dbm{device="wlan0"}'] < 0
        air.out_of_range()
        eventually(lambda: exporter.verdict() == "route_dead", SLOW)
        says(air, exporter, "its access point was heard no more")
        assert ends(exporter) == {"signal_lost": 1}
        air.in_range()
        eventually(lambda: exporter.verdict() == "healthy", SLOW)
        assert exporter.page()['uplink_default_route_losses_total{family="ipv4"}'] == 1


def test_the_access_point_stops(air: Air) -> None:
    air.joined()
    with air.exporter() as exporter:
        air.no_access_point()
        eventually(lambda: ends(exporter) == {"access_point": 1}, SLOW)
        says(air, exporter, "its access point ended the connection")
        # Others' scans hear nobody: what was joined last is not in reach.
        says(air, exporter, "is not in reach", "scan | grep SSID")


def test_its_own_rfkill_is_known_at_once_and_everywhere(air: Air) -> None:
    air.joined()
    with air.exporter() as exporter:
        own = air.machine.sh("basename /sys/class/net/wlan0/phy80211/rfkill*").removeprefix("rfkill")
        air.machine("rfkill", "block", own)
        eventually(lambda: exporter.verdict() == "uplink_down", SLOW)
        says(air, exporter, "rfkill holds its radio off", "sudo rfkill unblock wifi")
        changed = [line for line in exporter.log().splitlines() if "verdict changed" in line and "uplink_down" in line]
        assert changed
        assert all("rfkill" in line for line in changed)
        air.machine("rfkill", "unblock", own)
        eventually(air.associated, SLOW)


def test_the_rfkill_of_another_radio_is_not_blamed(air: Air) -> None:
    air.machine.sh("modprobe -r mac80211_hwsim; modprobe mac80211_hwsim radios=2; ip link set wlan0 up")
    other = air.machine.sh("basename /sys/class/net/wlan1/phy80211/rfkill*").removeprefix("rfkill")
    air.machine("rfkill", "block", other)
    answer = air.doctor("--uplink.device=wlan0")
    assert "wlan0 is down" in answer
    assert "rfkill" not in answer


def test_kicks_are_counted_each(air: Air) -> None:
    air.joined()
    with air.exporter() as exporter:
        for count in (1, 2, 3):
            air.kick()
            eventually(lambda count=count: ends(exporter) == {"access_point": count}, SLOW)  # type: ignore[misc]
            eventually(air.associated, SLOW)


def test_roaming_is_told_and_is_no_end(air: Air) -> None:
    air.joined()
    air.access_point("wlan2")
    other = air.inside("cat", "/sys/class/net/wlan2/address")
    with air.exporter() as exporter:
        air.machine.sh("wpa_cli -p /run/wpa_supplicant -i wlan0 scan")
        eventually(lambda: other in air.machine.sh("wpa_cli -p /run/wpa_supplicant -i wlan0 scan_results"), SLOW)
        air.machine.sh(f"wpa_cli -p /run/wpa_supplicant -i wlan0 roam {other}")
        eventually(lambda: exporter.page()['uplink_wireless_roams_total{device="wlan0"}'] == 1, SLOW)
        assert ends(exporter) == {}
        assert exporter.verdict() == "healthy"


@pytest.mark.parametrize("signal", ["TERM", "KILL"])
def test_the_supplicant_ends(air: Air, signal: str) -> None:
    air.joined()
    with air.exporter() as exporter:
        air.no_supplicant(signal)
        eventually(lambda: ends(exporter) == {"local": 1}, SLOW)
        assert exporter.verdict() in {"route_dead", "uplink_down"}
        says(air, exporter, "this node ended the connection")


def test_renamed(air: Air) -> None:
    air.machine.sh("ip link set wlan0 name wlx020000000000")
    answer = air.doctor("--uplink.device=wlan0")
    assert "wlan0 does not exist" in answer
    assert "wlx020000000000" in answer


def test_a_radio_without_an_interface(air: Air) -> None:
    air.machine.sh("iw dev wlan0 del")
    answer = air.doctor("--uplink.device=wlan0")
    assert "wlan0 does not exist" in answer
    assert "without an interface" in answer
