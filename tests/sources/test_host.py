"""The host: whose command brings its network back, what holds its radio off, and whose network this is."""

from __future__ import annotations

import platform
from contextlib import aclosing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fixtures import FIXTURES
from uplink_exporter.facts import Host, Manager
from uplink_exporter.sources import host

NETPLAN = {"etc/netplan/50-cloud-init.yaml": "network: {version: 2}\n"}
NETWORK_MANAGER = {"run/NetworkManager/NetworkManager.pid": "412\n"}
NETWORKD = {"run/systemd/netif/state": "OPER_STATE=routable\n"}
IFUPDOWN = {"etc/network/interfaces": "auto lo\niface lo inet loopback\n\nallow-hotplug wlan0\niface wlan0 inet dhcp\n"}
ONLY_LOOPBACK = {"etc/network/interfaces": "source /etc/network/interfaces.d/*\nauto lo\niface lo inet loopback\n"}


def root(path: Path, *trees: dict[str, str]) -> Path:
    """A root with these files in it."""
    for name, text in (item for tree in trees for item in tree.items()):
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(text)
    return path


@pytest.mark.parametrize(
    ("trees", "manager"),
    [
        pytest.param([NETPLAN], Manager.NETPLAN, id="netplan"),
        pytest.param([NETPLAN, NETWORKD], Manager.NETPLAN, id="netplan that steers networkd"),
        pytest.param([NETPLAN, NETWORK_MANAGER], Manager.NETPLAN, id="netplan that steers NetworkManager"),
        pytest.param([{"etc/netplan/README": "empty"}, NETWORKD], Manager.NETWORKD, id="netplan without a plan"),
        pytest.param([NETWORK_MANAGER], Manager.NETWORK_MANAGER, id="NetworkManager"),
        pytest.param([NETWORK_MANAGER, IFUPDOWN], Manager.NETWORK_MANAGER, id="NetworkManager beside a file of old"),
        pytest.param([NETWORKD], Manager.NETWORKD, id="systemd-networkd"),
        pytest.param([{"run/systemd/netif/leases/x": ""}], Manager.UNKNOWN, id="its directory, as tmpfiles.d makes it"),
        pytest.param([IFUPDOWN], Manager.IFUPDOWN, id="ifupdown"),
        pytest.param([{"etc/network/interfaces.d/eth0": "iface eth0 inet dhcp"}], Manager.IFUPDOWN, id="interfaces.d"),
        pytest.param([ONLY_LOOPBACK], Manager.UNKNOWN, id="interfaces with the loopback only"),
        pytest.param([], Manager.UNKNOWN, id="nothing"),
    ],
)
def test_who_configures_the_network(tmp_path: Path, trees: list[dict[str, str]], manager: Manager) -> None:
    assert host.manager(root(tmp_path, *trees)) is manager


def switch(number: int, kind: str, soft: int, hard: int) -> dict[str, str]:
    directory = f"sys/class/rfkill/rfkill{number}"
    return {f"{directory}/type": f"{kind}\n", f"{directory}/soft": f"{soft}\n", f"{directory}/hard": f"{hard}\n"}


@pytest.mark.parametrize(
    ("trees", "soft", "hard"),
    [
        pytest.param([], False, False, id="no switch"),
        pytest.param([switch(0, "wlan", 0, 0)], False, False, id="Wi-Fi is on"),
        pytest.param([switch(0, "wlan", 1, 0)], True, False, id="off by software"),
        pytest.param([switch(0, "wlan", 0, 1)], False, True, id="off by hardware"),
        pytest.param([switch(0, "bluetooth", 1, 1), switch(1, "wlan", 0, 0)], False, False, id="only Bluetooth is off"),
        pytest.param([switch(0, "wlan", 0, 0), switch(1, "wlan", 1, 0)], True, False, id="one of two is off"),
    ],
)
def test_rfkill(tmp_path: Path, trees: list[dict[str, str]], soft: bool, hard: bool) -> None:
    seen = host.read(root(tmp_path, *trees), tmp_path / "hosts")
    assert (seen.rfkill_soft, seen.rfkill_hard) == (soft, hard)


@pytest.mark.parametrize(
    ("file", "host_network"),
    [
        pytest.param("hosts.pod", False, id="a pod with a network of its own"),
        pytest.param("hosts.host-network", True, id="a pod on the host's network"),
        pytest.param("hosts.node", True, id="no pod at all"),
        pytest.param("no such file", True, id="no hosts file"),
    ],
)
def test_whose_network_this_is(tmp_path: Path, file: str, host_network: bool) -> None:
    assert host.read(tmp_path, FIXTURES / "etc" / file).host_network is host_network


def test_a_root_that_holds_nothing_is_no_failure(tmp_path: Path) -> None:
    assert host.read(tmp_path / "absent", tmp_path / "hosts") == Host(name=platform.node())


def test_files_that_are_no_files_are_no_failure(tmp_path: Path) -> None:
    for directory in ("etc/network/interfaces", "sys/class/rfkill/rfkill0/type", "etc/netplan/x.yaml"):
        (tmp_path / directory).mkdir(parents=True)
    assert host.read(tmp_path, tmp_path).manager is Manager.NETPLAN


def test_a_file_is_read_up_to_a_bound(tmp_path: Path) -> None:
    beyond = "#" * host.LONGEST_FILE + IFUPDOWN["etc/network/interfaces"]
    assert host.manager(root(tmp_path, {"etc/network/interfaces": beyond})) is Manager.UNKNOWN


@given(st.text())
def test_no_text_makes_a_parser_fail(text: str) -> None:
    assert host.parse_interfaces(text) in (True, False)
    assert host.parse_hosts(text) in (True, False)


async def test_the_first_look_is_at_once(tmp_path: Path) -> None:
    async with aclosing(host.watch(tmp_path, tmp_path / "hosts")) as facts:
        assert (await anext(facts)).name == platform.node()
