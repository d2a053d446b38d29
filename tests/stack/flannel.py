"""A stand-in for flanneld, where there is no real one: flannel's question, put to the kernel by ip(8).

It speaks as v0.28.9 does, as far as this incident goes: what carries the default route of the main table, and with
which address. Without one it dies; with one it writes subnet.env and stays until it is told to stop.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FLAGS = (
    "CLI flags config: {{kubeSubnetMgr:true iface:[] ifaceRegex:[] ipMasq:true ifaceCanReach: subnetFile:{} "
    "publicIP: publicIPv6: subnetLeaseRenewMargin:60}}"
)
SUBNET = "FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.0.1/24\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n"


def main(node: str, subnet_file: Path) -> int:
    """Start, and run for as long as flannel would."""
    say("I", "main.go:229", FLAGS.format(subnet_file))
    say("I", "main.go:255", f"Created subnet manager: Kubernetes Subnet Manager - {node}")
    say("I", "match.go:211", "Determining IP address of default interface")
    routes = ip("route", "show", "default", "table", "main")
    if not routes:
        error = "failed to get default interface: unable to find default route"
        say("E", "main.go:328", f"Failed to find any valid interface to use: {error}")
        return 1
    device = routes[0]["dev"]
    (link,) = ip("address", "show", "dev", device)
    address = link["addr_info"][0]["local"]
    say("I", "match.go:269", f"Using interface with name {device} and address {address}")
    say("I", "match.go:291", f"Defaulting external address to interface address ({address})")
    subnet_file.write_text(SUBNET)
    say("I", "main.go:481", f"Wrote subnet file to {subnet_file}")
    say("I", "main.go:488", "Running backend.")
    signal.sigwait({signal.SIGTERM})
    say("I", "main.go:524", "shutdownHandler sent cancel signal...")
    say("I", "main.go:512", "Exiting cleanly...")
    return 0


def ip(*arguments: str) -> list[dict[str, Any]]:
    """What ip(8) answers."""
    answer: list[dict[str, Any]] = json.loads(subprocess.check_output(("ip", "-4", "-json", *arguments)) or "[]")
    return answer


def say(severity: str, place: str, message: str) -> None:
    """A line as klog writes it; in its container flanneld is process 1."""
    print(f"{severity}{datetime.now(UTC):%m%d %H:%M:%S.%f}       1 {place}] {message}", flush=True)


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
