"""The node around the network: its name, what configures its network, rfkill, and whose network this is."""

from __future__ import annotations

import asyncio
import platform
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

from uplink_exporter.facts import Host, Manager

PERIOD = 60.0
LONGEST_FILE = 65536


async def watch(root: Path, hosts: Path) -> AsyncGenerator[Host, None]:
    """Yield the host now and every minute. `root` is where the node's root is seen, `hosts` our own /etc/hosts."""
    while True:
        yield read(root, hosts)
        await asyncio.sleep(PERIOD)


def read(root: Path, hosts: Path) -> Host:
    """The host as its files have it now; what cannot be read is unknown, not an error."""
    switches = list(_rfkill(root / "sys/class/rfkill"))
    return Host(
        name=platform.node(),
        manager=manager(root),
        rfkill_soft=any(soft for soft, _ in switches),
        rfkill_hard=any(hard for _, hard in switches),
        host_network=parse_hosts(_text(hosts)),
    )


def manager(root: Path) -> Manager:
    """Who configures the network: netplan before those that it steers, a running daemon before files at rest."""
    if any(name.endswith(".yaml") for name in _names(root / "etc/netplan")):
        return Manager.NETPLAN
    if _names(root / "run/NetworkManager"):
        return Manager.NETWORK_MANAGER
    # The directory alone says nothing: tmpfiles.d makes it on every systemd machine.
    if "state" in _names(root / "run/systemd/netif"):
        return Manager.NETWORKD
    if parse_interfaces(_text(root / "etc/network/interfaces")) or _names(root / "etc/network/interfaces.d"):
        return Manager.IFUPDOWN
    return Manager.UNKNOWN


def _names(directory: Path) -> set[str]:
    try:
        return {entry.name for entry in directory.iterdir()}
    except OSError:
        return set()


def parse_interfaces(text: str) -> bool:
    """Whether interfaces(5) configures anything but the loopback."""
    lines = (line.split() for line in text.splitlines())
    return any(words[0] == "iface" and words[1] != "lo" for words in lines if len(words) > 1)


def parse_hosts(text: str) -> bool:
    """Whether we are on the host's network: the kubelet says so in the first line of the hosts file that it mounts.

    `# Kubernetes-managed hosts file (host network).`, or without the bracket in a pod's own network; a host's own
    file has neither (kubernetes pkg/kubelet/kubelet_pods.go).
    """
    first = text.partition("\n")[0]
    return not first.startswith("# Kubernetes-managed hosts file") or "(host network)" in first


def _rfkill(directory: Path) -> Iterator[tuple[bool, bool]]:
    """For each Wi-Fi switch: blocked in software, blocked in hardware (Documentation/driver-api/rfkill.rst)."""
    try:
        switches = sorted(directory.iterdir())
    except OSError:
        return
    for switch in switches:
        if _text(switch / "type").strip() == "wlan":
            yield _text(switch / "soft").strip() == "1", _text(switch / "hard").strip() == "1"


def _text(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(LONGEST_FILE)
    except OSError:
        return ""
