"""What to run on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from shlex import quote

from uplink_exporter.diagnosis.view import View
from uplink_exporter.facts import Family, Link, Manager

OPTION = {Family.IPV4: "-4", Family.IPV6: "-6"}


_BRING_UP = {
    Manager.NETPLAN: "sudo netplan apply",
    Manager.NETWORK_MANAGER: "sudo nmcli device connect {device}",
    Manager.NETWORKD: "sudo networkctl up {device} && sudo networkctl reconfigure {device}",
    Manager.IFUPDOWN: "sudo ifdown --force {device}; sudo ifup {device}",
    Manager.UNKNOWN: "apply the node's network configuration again: netplan apply, nmcli device connect {device}, "
    "networkctl reconfigure {device}, or ifup {device}",
}


def bring_up(view: View, device: str) -> Iterator[str]:
    """The commands that bring the device back, by whoever configures this machine."""
    if view.host.rfkill_hard:
        yield "rfkill list   # a hardware switch holds the radio off: flip it"
    elif view.host.rfkill_soft:
        yield "sudo rfkill unblock wifi"
    yield _BRING_UP[view.host.manager].format(device=quote(device) if device else "DEVICE")
    family = next(iter(view.required), Family.IPV4)
    yield f"ip {OPTION[family]} route show default   # done when this prints a route"


def look_closer(link: Link) -> Iterator[str]:
    """Where to look if that does not help."""
    if link.admin_up and link.wireless:
        yield f"iw dev {quote(link.name)} link; sudo journalctl -b -u 'wpa_supplicant*' -u 'netplan-wpa-*' -u iwd"
    elif link.admin_up:
        yield f"ip -d link show dev {quote(link.name)}   # cable, switch port, or the link below it"
    else:
        yield f"sudo journalctl -b | grep -i -e {quote(link.name)}   # why it did not come up by itself"
