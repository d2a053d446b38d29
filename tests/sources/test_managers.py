"""Who manages which device, by the files that managers leave. Those of Debian are booted in tests/managers."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sources.test_host import root
from uplink_exporter.facts import Claim, Host, Manager
from uplink_exporter.files import LONGEST_FILE
from uplink_exporter.sources.host import syntax
from uplink_exporter.sources.host.managers import MOST_CLAIMS, claims

DEVICES = {"sys/class/net/eth0/ifindex": "2\n", "sys/class/net/wlan0/ifindex": "3\n"}
INTERFACES = {
    "etc/network/interfaces": "auto lo\niface lo inet loopback\n\nallow-hotplug wlan0\niface wlan0 inet dhcp\n"
}
IFUPDOWN = {**INTERFACES, "run/network/ifstate": "lo=lo\nwlan0=wlan0\n"}
YAML = "network:\n  version: 2\n  renderer: {}\n  ethernets:\n    {}:\n      dhcp4: true\n"


def running(*units: str) -> dict[str, str]:
    """What systemd keeps of units that are active: links to IDs, of which only the names are asked for."""
    return {f"run/systemd/units/invocation:{unit}.service": "" for unit in (*units, "dbus")}


NM = running("NetworkManager")
NETWORKD = running("systemd-networkd")


def link(index: int, state: str, file: str = "") -> dict[str, str]:
    """What networkd tells of a link."""
    named = f"NETWORK_FILE={file}\n" if file else ""
    text = f"# This is private data. Do not parse.\nADMIN_STATE={state}\nOPER_STATE=no-carrier\n{named}DNS=\n"
    return {f"run/systemd/netif/links/{index}": text}


def network(directory: str, name: str, device: str) -> dict[str, str]:
    """A file of networkd's."""
    return {f"{directory}/systemd/network/{name}": f"[Match]\nName={device}\n\n[Network]\nDHCP=ipv4\n"}


def plan(device: str, renderer: str = "networkd") -> dict[str, str]:
    """A netplan file, and that netplan is installed."""
    return {"etc/netplan/50-cloud-init.yaml": YAML.format(renderer, device), "usr/sbin/netplan": ""}


@pytest.mark.parametrize(
    ("trees", "manager"),
    [
        pytest.param([], Manager.UNKNOWN, id="nothing"),
        pytest.param(
            [plan("wlan0"), NETWORKD, link(3, "configuring", "/run/systemd/network/10-netplan-wlan0.network")],
            Manager.NETPLAN,
            id="netplan, by networkd",
        ),
        pytest.param(
            [plan("wlan0", "NetworkManager"), NM, {"run/NetworkManager/system-connections/netplan-wlan0": ""}],
            Manager.NETPLAN,
            id="netplan, by NetworkManager",
        ),
        pytest.param(
            [NM, {"run/NetworkManager/system-connections/netplan-wlan0-my-net.nmconnection": ""}],
            Manager.NETPLAN,
            id="netplan, by NetworkManager, with an SSID",
        ),
        pytest.param(
            [NM], Manager.NETWORK_MANAGER, id="NetworkManager, which has no file for a device without carrier"
        ),
        pytest.param(
            [NM, {"run/NetworkManager/devices/1": ""}, IFUPDOWN], Manager.IFUPDOWN, id="1: ifupdown beside it"
        ),
        pytest.param(
            [NETWORKD, network("etc", "eth0.network", "eth0"), link(3, "unmanaged"), IFUPDOWN],
            Manager.IFUPDOWN,
            id="2: networkd has eth0",
        ),
        pytest.param(
            [running(), {"run/systemd/netif/state": "OPER_STATE=off\n"}, IFUPDOWN],
            Manager.IFUPDOWN,
            id="3: networkd was stopped",
        ),
        pytest.param([plan("eth0"), NM], Manager.NETWORK_MANAGER, id="4: netplan has eth0, NetworkManager the rest"),
        pytest.param(
            [NM, {"etc/netplan/01.yaml": "network:\n  renderer: NetworkManager\n", "usr/sbin/netplan": ""}],
            Manager.NETWORK_MANAGER,
            id="5: netplan names nothing",
        ),
        pytest.param(
            [plan("eth0"), NETWORKD, link(3, "unmanaged"), IFUPDOWN], Manager.IFUPDOWN, id="6: netplan has eth0"
        ),
        pytest.param(
            [
                {"etc/netplan/50.yaml": YAML.format("networkd", "wlan0")},
                NETWORKD,
                link(3, "configured", "/etc/systemd/network/wlan0.network"),
            ],
            Manager.NETWORKD,
            id="7: netplan is not installed any more",
        ),
        pytest.param([running("dhcpcd"), {"run/dhcpcd/pid": "80"}], Manager.DHCPCD, id="8: dhcpcd"),
        pytest.param([running("connman")], Manager.CONNMAN, id="9: connman"),
        pytest.param([running("wickedd")], Manager.WICKED, id="wicked"),
        pytest.param([running("wpa_supplicant@wlan0")], Manager.WPA_SUPPLICANT, id="wpa_supplicant alone"),
        pytest.param([running("iwd")], Manager.IWD, id="iwd alone"),
        pytest.param([running("iwd", "NetworkManager")], Manager.NETWORK_MANAGER, id="iwd for NetworkManager"),
        pytest.param([IFUPDOWN], Manager.IFUPDOWN, id="ifupdown"),
        pytest.param([INTERFACES], Manager.UNKNOWN, id="a file for ifupdown, which is not there"),
        pytest.param([INTERFACES, {"sbin/ifup": ""}], Manager.IFUPDOWN, id="ifupdown that never ran"),
        pytest.param(
            [IFUPDOWN, {"etc/network/ifupdown2/addons.conf": ""}], Manager.IFUPDOWN2, id="ifupdown2, as on Proxmox"
        ),
        pytest.param(
            [IFUPDOWN, NM, {"etc/NetworkManager/NetworkManager.conf": "[ifupdown]\nmanaged=true\n"}],
            Manager.NETWORK_MANAGER,
            id="NetworkManager that was given what ifupdown has",
        ),
        pytest.param(
            [NM, {"etc/NetworkManager/conf.d/x.conf": "[keyfile]\nunmanaged-devices=mac:00:11;interface-name:wl*\n"}],
            Manager.UNKNOWN,
            id="NetworkManager that is kept from it",
        ),
        pytest.param(
            [NM, {"run/NetworkManager/devices/3": "[device]\nmanaged=false\n"}],
            Manager.UNKNOWN,
            id="NetworkManager from which it was taken",
        ),
        pytest.param(
            [running("dhcpcd"), {"etc/dhcpcd.conf": "denyinterfaces veth* wlan0\n"}],
            Manager.UNKNOWN,
            id="dhcpcd that is kept from it",
        ),
        pytest.param([{"run/NetworkManager/NetworkManager.pid": "4"}], Manager.NETWORK_MANAGER, id="without systemd"),
        pytest.param(
            [running(), {"run/NetworkManager/devices/3": "[device]\nmanaged=true\n"}],
            Manager.UNKNOWN,
            id="NetworkManager that was stopped: its files stay",
        ),
        pytest.param([plan("wlan0")], Manager.NETPLAN, id="a plan that was never applied"),
        pytest.param([{"proc/sys/kernel/osrelease": "6.6.60-talos\n"}, NETWORKD], Manager.TALOS, id="Talos, in a pod"),
        pytest.param([{"etc/os-release": 'NAME="Talos"\nID=talos\n'}], Manager.TALOS, id="Talos, by its root"),
    ],
)
def test_who_manages_wlan0(tmp_path: Path, trees: list[dict[str, str]], manager: Manager) -> None:
    assert Host(claims=claims(root(tmp_path, DEVICES, *trees))).claim("wlan0").manager is manager


def claim(path: Path, device: str, *trees: dict[str, str]) -> Claim:
    """The claim on a device that is not there."""
    return Host(claims=claims(root(path, *trees))).claim(device)


def test_of_a_device_that_is_not_there_it_is_known_where_it_is_written(tmp_path: Path) -> None:
    assert claim(tmp_path, "wlan7", plan("wlan7")) == Claim(
        manager=Manager.NETPLAN, device="wlan7", file="/etc/netplan/50-cloud-init.yaml", line=5
    )
    assert claim(tmp_path, "wlan0", IFUPDOWN) == Claim(
        manager=Manager.IFUPDOWN, device="wlan0", file="/etc/network/interfaces", line=5
    )


def test_networkd_s_files_name_devices_by_patterns(tmp_path: Path) -> None:
    found = claim(tmp_path, "enp4s0", network("etc", "lan.network", "!en9 eth* en*"), running())
    assert (found.manager, found.running, found.file, found.line) == (
        Manager.NETWORKD,
        False,
        "/etc/systemd/network/lan.network",
        2,
    )


def test_networkd_that_runs_wins_over_a_daemon_that_takes_what_is_there(tmp_path: Path) -> None:
    found = claim(
        tmp_path, "wlan7", network("run", "10-netplan-wlan7.network", "wlan7"), running("systemd-networkd", "dhcpcd")
    )
    assert (found.manager, found.running) == (Manager.NETPLAN, True)


def test_a_bridge_has_ports_and_pppd_a_provider(tmp_path: Path) -> None:
    text = (
        "auto vmbr0\niface vmbr0 inet static\n    address 192.0.2.10/24\n    bridge-ports eno1 \\\n      eno2\n"
        "iface br1 inet dhcp\n    bridge_ports none\n\niface dsl inet ppp\n    provider my dsl\n"
    )
    seen = Host(claims=claims(root(tmp_path, {"etc/network/interfaces": text}, {"usr/sbin/ifup": ""})))
    assert seen.claim("vmbr0").ports == ("eno1", "eno2")
    assert seen.claim("br1").ports == ()
    assert (seen.claim("ppp0").manager, seen.claim("ppp0").provider) == (Manager.PPPD, "my dsl")


@pytest.mark.parametrize(
    "text",
    ["source interfaces.d/*", "source /etc/network/interfaces.d/wlan*", "source-directory /etc/network/interfaces.d"],
)
def test_interfaces_includes_files(tmp_path: Path, text: str) -> None:
    tree = {"etc/network/interfaces": f"{text}\n", "etc/network/interfaces.d/wlan": "iface wlan0 inet dhcp\n"}
    found = claim(tmp_path, "wlan0", tree, {"usr/sbin/ifup": ""})
    assert (found.manager, found.file) == (Manager.IFUPDOWN, "/etc/network/interfaces.d/wlan")


def test_files_that_are_no_files_are_no_failure(tmp_path: Path) -> None:
    for directory in ("etc/network/interfaces", "etc/netplan/x.yaml", "run/systemd/netif/links/3", "usr/sbin/netplan"):
        (tmp_path / directory).mkdir(parents=True)
    assert Host(claims=claims(tmp_path)).claim("wlan0").manager is Manager.UNKNOWN


def test_what_is_read_has_a_bound(tmp_path: Path) -> None:
    beyond = {"etc/network/interfaces": "#" * LONGEST_FILE + INTERFACES["etc/network/interfaces"]}
    many = {"etc/network/interfaces": "\n".join(f"iface e{number} inet dhcp" for number in range(3000))}
    assert claim(tmp_path, "wlan0", beyond, {"usr/sbin/ifup": ""}).manager is Manager.UNKNOWN
    assert len(claims(root(tmp_path, many))) == MOST_CLAIMS


PARSERS = (
    syntax.parse_interfaces,
    syntax.parse_sources,
    syntax.parse_ini,
    syntax.parse_network,
    syntax.parse_unmanaged,
    syntax.parse_denied,
    syntax.parse_netplan,
)
_lines = st.lists(
    st.sampled_from(["iface", "iface a inet ppp", "[Match]", "Name=a", "\\", "a:", " b: ", "source", "=", "\0"])
)


@given(st.text() | _lines.map("\n".join))
def test_no_text_makes_a_parser_fail(text: str) -> None:
    for parse in PARSERS:
        list(parse(text))
    syntax.parse_takes_interfaces(text)
    syntax.parse_os_id(text)
