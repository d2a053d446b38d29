"""What to run on this machine: one command a line, each as it can be pasted."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from shlex import quote

from uplink_exporter.diagnosis.likely import addressed, candidates
from uplink_exporter.diagnosis.radio import Trouble, trouble
from uplink_exporter.diagnosis.view import View
from uplink_exporter.facts import Claim, Family, Link, Manager, Rfkill, Way

OPTION = {Family.IPV4: "-4", Family.IPV6: "-6"}

# {device} and {provider} are quoted for the shell.
_BRING_UP: Mapping[Manager, tuple[str, ...]] = {
    Manager.NETPLAN: ("sudo netplan apply",),
    Manager.NETWORK_MANAGER: ("sudo nmcli device connect {device}",),
    # In this order: a lease that comes by `up` may be lost for good to a `reconfigure` right after it (systemd 252).
    Manager.NETWORKD: ("sudo networkctl reconfigure {device}", "sudo networkctl up {device}"),
    Manager.IFUPDOWN: ("sudo ifdown --force {device}", "sudo ifup {device}"),
    Manager.IFUPDOWN2: ("sudo ifdown {device}", "sudo ifup {device}"),
    Manager.DHCPCD: ("sudo dhcpcd -n {device}",),
    Manager.CONNMAN: ("sudo systemctl restart connman",),
    Manager.WICKED: ("sudo wicked ifup {device}",),
    Manager.PPPD: (
        "sudo poff {provider}",
        "sudo pon {provider}",
        "sudo journalctl -b -t pppd -n 20   # what pppd says",
    ),
    Manager.WPA_SUPPLICANT: ("sudo systemctl restart wpa_supplicant@{device}",),
    Manager.IWD: ("sudo systemctl restart iwd",),
    Manager.TALOS: (
        "talosctl -n NODE dmesg   # NODE is this node's address",
        "talosctl -n NODE get links,addresses,routes",
        "talosctl -n NODE reboot",
    ),
    Manager.UNKNOWN: (
        "sudo netplan apply   # if netplan manages {device}: who does is not known",
        "sudo nmcli device connect {device}   # if NetworkManager does",
        "sudo networkctl reconfigure {device}   # if systemd-networkd does",
        "sudo ifup {device}   # if ifupdown does",
        "sudo dhcpcd -n {device}   # if dhcpcd does",
    ),
}
_OF_BRIDGES = {Manager.IFUPDOWN: "sudo ifup --force {device}", Manager.IFUPDOWN2: "sudo ifreload -a"}
# A manager that does not run cannot be told anything. `netplan apply` starts what it needs.
_START = {Manager.NETWORKD: ("sudo systemctl enable --now systemd-networkd",)}
# Where each has the names of devices, if it is not known better.
_FILES = {
    Manager.NETPLAN: "/etc/netplan/*.yaml",
    Manager.NETWORKD: "/etc/systemd/network/*.network",
    Manager.IFUPDOWN: "/etc/network/interfaces",
    Manager.IFUPDOWN2: "/etc/network/interfaces",
}


def missing_device(view: View, device: str) -> Iterator[str]:
    """How to get a device that is not there: as what it is called now, or by finding why it is not there at all."""
    new = renamed(view, device)
    if new is not None:
        yield from rename(view.host.claim(device), device, new.name)
    elif view.host.claim(device).manager is not Manager.TALOS:
        yield f"sudo dmesg | grep -i -e {quote(device)} -e firmware -e usb   # why the device did not appear"
    yield from bring_up(view, new.name if new else device, _as_if(view.host.claim(device), new))
    yield done(view)


def _as_if(claim: Claim, new: Link | None) -> Claim | None:
    """Who has the device once its new name is written down."""
    return claim if new is not None and claim.manager is not Manager.UNKNOWN else None


def renamed(view: View, device: str) -> Link | None:
    """The one device that may be this one under another name: nobody manages it by its name, and it brought nothing."""
    known = {claim.device for claim in view.host.claims if "*" not in claim.device}
    new = [
        link
        for link in candidates(view.network)
        if _radio(link.name) is _radio(device)
        and link.name not in known
        and not any(addressed(view.network, link, family) for family in Family)
    ]
    return new[0] if len(new) == 1 and device not in {link.name for link in view.network.links} else None


def _radio(name: str) -> bool:
    """Whether it is a Wi-Fi device's name, as the kernel and systemd give them."""
    return name.startswith("wl")


def rename(claim: Claim, old: str, new: str) -> Iterator[str]:
    """The line to change, where a file names the device."""
    why = f"{quote(new)} may be {quote(old)} under another name"
    file = claim.file or _FILES.get(claim.manager, "")
    if claim.manager is Manager.NETWORK_MANAGER:
        yield f"nmcli -f NAME,DEVICE,TYPE connection show   # {why}: find its connection"
        yield f"sudo nmcli connection modify NAME connection.interface-name {quote(new)}"
    elif file and re.fullmatch(r"[\w.-]+", old + new):
        where = f"; {file}, line {claim.line}, names it" if claim.line else ""
        path = file if "*" in file else quote(file)
        yield f"sudo sed -i 's/\\b{re.escape(old)}\\b/{new}/g' {path}   # {why}{where}"
    else:
        yield f"ip -br link   # {why}"


def device_down(view: View, links: tuple[Link, ...]) -> Iterator[str]:
    """How to bring up the one device that is down, or one of some. What a radio tells comes first."""
    for link in links[:4]:
        yield from _of_radio(view, link)
    known = all(view.host.claim(link.name).manager is not Manager.UNKNOWN for link in links)
    names = [link.name for link in links[:4]] if known or len(links) == 1 else [""]
    yield from dict.fromkeys(command for name in names for command in bring_up(view, name))
    yield done(view)
    for link in links[:4]:
        yield from _look_closer(view, link)


def route_missing(view: View, link: Link | None, family: Family) -> Iterator[str]:
    """How to get a route by a device that is up. One that has an address may never have been offered a gateway."""
    yield from bring_up(view, link.name if link else "")
    yield done(view)
    if link is not None and addressed(view.network, link, family) and not _on_talos(view):
        yield (
            f"sudo ip {OPTION[family]} route add default via GATEWAY dev {quote(link.name)}"
            "   # still no route? No gateway is offered or configured: this helps until one is"
        )


def dead_link(view: View, link: Link | None) -> Iterator[str]:
    """How to revive the link that a default route leads out of: the route itself is there already."""
    if link is not None:
        yield from _of_radio(view, link)
    yield from bring_up(view, link.name if link else "")
    if link is not None and not _on_talos(view):
        yield f"ip -br link show dev {quote(link.name)}   # done when this says UP, and LOWER_UP"
        yield from _look_closer(view, link)


def dead_gateway(view: View, device: str, gateway: str) -> Iterator[str]:
    """How to find a gateway again: the route to it is there already."""
    if not _on_talos(view):
        yield f"ping -c 3 -I {quote(device)} {gateway}   # is the router up, and on this network?"
        yield f"ip neigh show {gateway} dev {quote(device)}   # done when this says REACHABLE"
    yield from bring_up(view, device)


def bring_up(view: View, device: str, claim: Claim | None = None) -> Iterator[str]:
    """The commands that bring the device back, by whoever manages it."""
    link = view.network.link(device)
    yield from _unblock(view, link)
    claim = claim or view.host.claim(device)
    if claim.manager is Manager.UNKNOWN and view.host.unreadable:
        file = quote(view.host.unreadable[0])
        yield f"sudo uplink-exporter doctor   # {file} may not be read by this user, so who manages it is not known"
    yield from () if claim.running else _START.get(claim.manager, ())
    yield from _attach(view, claim, link)
    if claim.manager in _OF_BRIDGES and (claim.ports or (link is not None and link.kind == "bridge")):
        # To take it down would take down all guests on it.
        yield _OF_BRIDGES[claim.manager].format(device=quote(device))
        return
    words = {"device": quote(device) if device else "DEVICE", "provider": quote(claim.provider or "PROVIDER")}
    yield from (command.format(**words) for command in _BRING_UP[claim.manager])


def _unblock(view: View, link: Link | None) -> Iterator[str]:
    """How to switch this radio on; any, if the device is not there to tell which is its own."""
    hard = link.rfkill is Rfkill.HARDWARE if link else view.host.rfkill_hard
    soft = link.rfkill is Rfkill.SOFTWARE if link else view.host.rfkill_soft
    if hard:
        yield "rfkill list   # a hardware switch holds the radio off: flip it"
    elif soft:
        yield "sudo rfkill unblock wifi"


def _of_radio(view: View, link: Link) -> Iterator[str]:
    """What cures a radio that has joined nobody: to apply its configuration again does not, if that is wrong."""
    match trouble(view, link):
        case Trouble.PASSPHRASE:
            yield _PASSPHRASES.get(view.host.claim(link.name).manager, _PASSPHRASE)
        case Trouble.OUT_OF_REACH:
            yield f"sudo iw dev {quote(link.name)} scan | grep SSID   # is its network on, and in reach?"


_PASSPHRASES = {
    Manager.NETPLAN: "sudo grep -rn -A 4 access-points /etc/netplan   # correct the passphrase there, then:",
    Manager.NETWORK_MANAGER: "sudo nmcli connection edit type wifi   # correct wifi-sec.psk of its connection, then:",
    Manager.IWD: "sudo ls /var/lib/iwd   # correct the passphrase in the file of its network, then:",
}
_PASSPHRASE = "sudo grep -rn -e psk -e sae_password /etc/wpa_supplicant   # correct the passphrase there, then:"


def _attach(view: View, claim: Claim, bridge: Link | None) -> Iterator[str]:
    """How to get the ports of a bridge that has no carrier."""
    if bridge is None or bridge.kind != "bridge" or bridge.carrier:
        return
    for port in claim.ports:
        if view.network.link(port) is not None:
            yield f"sudo ip link set dev {quote(port)} up master {quote(bridge.name)}   # its port"
        elif (new := renamed(view, port)) is not None:
            yield from rename(claim, port, new.name)
        else:
            yield f"sudo dmesg | grep -i -e {quote(port)} -e firmware   # why the port of {bridge.name} did not appear"


def done(view: View) -> str:
    """How to know that there is a route again. A route that is there to refuse is none."""
    if _on_talos(view):
        return "talosctl -n NODE get routes   # done when this lists a default route"
    family = view.routeless() or view.cut_off() or next(iter(view.required), Family.IPV4)
    return f"ip {OPTION[family]} route show default type unicast   # done when this prints a route"


def leaves(family: Family, way: Way) -> str:
    """How to know that traffic leaves again, where the route was there all the time."""
    return f"ip {OPTION[family]} route get {way.address}   # done when this names the uplink"


def _on_talos(view: View) -> bool:
    """Talos has no shell."""
    return view.host.claim("").manager is Manager.TALOS


def _look_closer(view: View, link: Link) -> Iterator[str]:
    """Where to look if that does not help."""
    name = quote(link.name)
    if _on_talos(view):
        return
    if link.admin_up and link.wireless:
        yield f"iw dev {name} link"
        yield "sudo journalctl -b -u 'wpa_supplicant*' -u 'netplan-wpa-*' -u iwd"
    elif link.admin_up:
        yield f"ip -d link show dev {name}   # cable, switch port, or the link below it"
    else:
        yield f"sudo journalctl -b | grep -i -e {name}   # why it did not come up by itself"
