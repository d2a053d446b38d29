"""Machines whose network is set up by the managers of Debian: what is written there, and what is right for wlan0."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

DOWN = "ip link set wlan0 down"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """A machine: its files, the units that are enabled, what happens to wlan0, and which commands must mend it."""

    name: str
    commands: tuple[str, ...]
    files: Mapping[str, str] = field(default_factory=dict)
    modes: Mapping[str, int] = field(default_factory=dict)
    units: tuple[str, ...] = ()
    breaks: tuple[str, ...] = (DOWN,)
    """Shell commands, run once wlan0 has its route; empty if it never has one."""
    removed: tuple[str, ...] = ()
    """What is not installed there after all."""
    ifupdown2: bool = False
    """Whether ifupdown2 is there in place of ifupdown."""
    device: str = "wlan0"
    """What the exporter is told to be the uplink."""
    telling: bool = False
    """Whether `make test` boots it, too."""


NETWORKD = "systemd-networkd.service"
NETWORK_MANAGER = "NetworkManager.service"
IFUPDOWN = "networking.service"

LOOPBACK = "auto lo\niface lo inet loopback\n"
INTERFACES = {"etc/network/interfaces": f"{LOOPBACK}auto wlan0\niface wlan0 inet dhcp\n"}


def network(device: str) -> dict[str, str]:
    """systemd-networkd's file for a device."""
    text = f"[Match]\nName={device}\n[Network]\nDHCP=ipv4\nLinkLocalAddressing=no\n[Link]\nRequiredForOnline=no\n"
    return {f"etc/systemd/network/{device}.network": text}


def netplan(device: str, renderer: str) -> dict[str, str]:
    """A plan for one device."""
    lines = ("network:", f"  renderer: {renderer}", "  ethernets:", f"    {device}:", "      dhcp4: true")
    return {"etc/netplan/50-node.yaml": "\n".join((*lines, ""))}


ONLY_A_RENDERER = {"etc/netplan/01-network-manager-all.yaml": "network:\n  version: 2\n  renderer: NetworkManager\n"}
# There is no udev inside, by which dhcpcd would learn that a device is ready.
DHCPCD = {"etc/dhcpcd.conf": "duid\npersistent\nnodev\nnoipv4ll\nnoarp\noption domain_name_servers\nslaac private\n"}

PROXMOX = f"""{LOOPBACK}
iface wlan0 inet manual

auto vmbr0
iface vmbr0 inet static
    address 192.0.2.10/24
    gateway 192.0.2.1
    bridge-ports wlan0
    bridge-stp off
    bridge-fd 0
"""


def lost_port(bridge: str) -> tuple[str, ...]:
    """What leaves a bridge as it is without its port from the boot on."""
    flush = (f"ip route flush dev {bridge}", f"ip address flush dev {bridge}")
    return ("ip link set wlan0 nomaster", DOWN, *flush)


IFUP = ("sudo ifdown --force wlan0", "sudo ifup wlan0")
NMCLI = ("sudo nmcli device connect wlan0",)
NETWORKCTL = ("sudo networkctl reconfigure wlan0", "sudo networkctl up wlan0")
APPLY = ("sudo netplan apply",)

SETUPS = (
    Setup(
        name="netplan, by networkd",
        files=netplan("wlan0", "networkd"),
        commands=APPLY,
        telling=True,
    ),
    Setup(
        name="netplan, by NetworkManager",
        files=netplan("wlan0", "NetworkManager"),
        modes={"etc/netplan/50-node.yaml": 0o644},
        units=(NETWORK_MANAGER,),
        commands=APPLY,
    ),
    Setup(
        name="netplan, by NetworkManager, in a plan that only root may read",
        files=netplan("wlan0", "NetworkManager"),
        units=(NETWORK_MANAGER,),
        commands=NMCLI,
    ),
    Setup(name="NetworkManager alone", units=(NETWORK_MANAGER,), commands=NMCLI),
    Setup(name="networkd alone", files=network("wlan0"), units=(NETWORKD,), commands=NETWORKCTL),
    Setup(name="ifupdown alone", files=INTERFACES, units=(IFUPDOWN,), commands=IFUP),
    Setup(
        name="ifupdown beside NetworkManager, as Debian installs both",
        files=INTERFACES,
        units=(IFUPDOWN, NETWORK_MANAGER),
        commands=IFUP,
        telling=True,
    ),
    Setup(
        name="ifupdown, and networkd for eth0",
        files={**INTERFACES, **network("eth0")},
        units=(IFUPDOWN, NETWORKD),
        commands=IFUP,
        telling=True,
    ),
    Setup(
        name="ifupdown, and a networkd that was stopped",
        files={**INTERFACES, **network("eth0")},
        units=(IFUPDOWN, NETWORKD),
        breaks=("systemctl stop systemd-networkd.socket systemd-networkd", DOWN),
        commands=IFUP,
    ),
    Setup(
        name="NetworkManager, and netplan for eth0",
        files=netplan("eth0", "networkd"),
        units=(NETWORK_MANAGER,),
        commands=NMCLI,
        telling=True,
    ),
    Setup(
        name="NetworkManager, and netplan for nothing, as a desktop has it",
        files=ONLY_A_RENDERER,
        units=(NETWORK_MANAGER,),
        commands=NMCLI,
    ),
    Setup(
        name="ifupdown, and netplan for eth0",
        files={**INTERFACES, **netplan("eth0", "networkd")},
        units=(IFUPDOWN,),
        commands=IFUP,
    ),
    Setup(
        name="networkd, and what a removed netplan left",
        files={**network("wlan0"), **netplan("wlan0", "networkd")},
        units=(NETWORKD,),
        removed=("usr/sbin/netplan", "lib/netplan", "lib/systemd/system-generators/netplan"),
        commands=NETWORKCTL,
        telling=True,
    ),
    Setup(
        name="dhcpcd alone",
        files=DHCPCD,
        units=("dhcpcd.service",),
        commands=("sudo dhcpcd -n wlan0",),
        telling=True,
    ),
    Setup(name="connman alone", units=("connman.service",), commands=("sudo systemctl restart connman",)),
    Setup(
        name="networkd, which was stopped",
        files=network("wlan0"),
        units=(NETWORKD,),
        breaks=("systemctl disable --now systemd-networkd.socket systemd-networkd", DOWN),
        commands=("sudo systemctl enable --now systemd-networkd", *NETWORKCTL),
    ),
    Setup(
        name="a device that ifupdown knows under another name",
        files={"etc/network/interfaces": f"{LOOPBACK}allow-hotplug wlan7\niface wlan7 inet dhcp\n"},
        units=(IFUPDOWN,),
        device="wlan7",
        breaks=(),
        commands=("sudo sed -i 's/\\bwlan7\\b/wlan0/g' /etc/network/interfaces", *IFUP),
    ),
    Setup(
        name="a device that netplan knows under another name",
        files=netplan("wlan7", "networkd"),
        device="wlan7",
        breaks=(),
        commands=("sudo sed -i 's/\\bwlan7\\b/wlan0/g' /etc/netplan/*.yaml", *APPLY),
    ),
    Setup(
        name="a bridge of ifupdown that lost its port",
        files={
            "etc/network/interfaces": f"{LOOPBACK}auto br0\niface br0 inet dhcp\n bridge_ports wlan0\n bridge_fd 0\n"
        },
        units=(IFUPDOWN,),
        device="br0",
        breaks=lost_port("br0"),
        commands=("sudo ip link set dev wlan0 up master br0", "sudo ifup --force br0"),
    ),
    Setup(
        name="ifupdown2", files=INTERFACES, units=(IFUPDOWN,), ifupdown2=True, commands=("sudo ifdown wlan0", IFUP[1])
    ),
    Setup(
        name="a bridge of ifupdown2 that lost its port, as on Proxmox",
        files={"etc/network/interfaces": PROXMOX},
        units=(IFUPDOWN,),
        ifupdown2=True,
        device="vmbr0",
        breaks=lost_port("vmbr0"),
        commands=("sudo ip link set dev wlan0 up master vmbr0", "sudo ifreload -a"),
    ),
)
