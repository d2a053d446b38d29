"""The node around the network: its name, who manages its devices, rfkill, and whose network this is."""

from __future__ import annotations

import asyncio
import platform
from collections.abc import AsyncGenerator, Iterator
from itertools import islice
from pathlib import Path

from uplink_exporter.facts import Host
from uplink_exporter.files import names, text
from uplink_exporter.sources.host.managers import claims, unreadable
from uplink_exporter.threads import in_thread

PERIOD = 60.0
MOST_RADIOS = 4
MOST_UNREADABLE = 4


def host_name() -> str:
    """This machine's name. The kernel takes any bytes for it; those that are no text are spelled out."""
    return platform.node().encode(errors="surrogateescape").decode(errors="backslashreplace")


async def watch(name: str, root: Path, hosts: Path) -> AsyncGenerator[Host, None]:
    """Yield the host now and every minute. `root` is where the node's root is seen, `hosts` our own /etc/hosts."""
    while True:
        yield await in_thread(read, name, root, hosts)
        await asyncio.sleep(PERIOD)


def read(name: str, root: Path, hosts: Path) -> Host:
    """The host as its files have it now; what cannot be read is unknown, not an error."""
    switches = list(_rfkill(root / "sys/class/rfkill"))
    return Host(
        name=name,
        claims=claims(root),
        unreadable=tuple(islice(unreadable(root), MOST_UNREADABLE)),
        radios=tuple(sorted(names(root / "sys/class/ieee80211"))[:MOST_RADIOS]),
        rfkill_soft=any(soft for soft, _ in switches),
        rfkill_hard=any(hard for _, hard in switches),
        host_network=parse_hosts(text(hosts)),
    )


def parse_hosts(content: str) -> bool:
    """Whether we are on the host's network: the kubelet says so in the first line of the hosts file that it mounts.

    `# Kubernetes-managed hosts file (host network).`, or without the bracket in a pod's own network; a host's own
    file has neither (kubernetes pkg/kubelet/kubelet_pods.go).
    """
    first = content.partition("\n")[0]
    return not first.startswith("# Kubernetes-managed hosts file") or "(host network)" in first


def _rfkill(directory: Path) -> Iterator[tuple[bool, bool]]:
    """For each Wi-Fi switch: blocked in software, blocked in hardware (Documentation/driver-api/rfkill.rst)."""
    for name in names(directory):
        switch = directory / name
        if text(switch / "type").strip() == "wlan":
            yield text(switch / "soft").strip() == "1", text(switch / "hard").strip() == "1"
