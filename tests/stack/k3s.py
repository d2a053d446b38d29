"""A stand-in for k3s: its first question, put to the kernel by ip(8), and its words, with times of now.

k3s looks for the node's IP before it has flannel start; either takes what carries the default route. Without one it
dies, with one it goes on until it is told to stop.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

WORDS = Path(__file__).parents[1] / "fixtures/units"
NO_ROUTE, STARTED = "v1.36-agent-no-default-route.log", "v1.36-started.log"
SUBNET = "FLANNEL_NETWORK=10.42.0.0/16\nFLANNEL_SUBNET=10.42.0.1/24\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n"


def main(subnet_file: Path) -> int:
    """Start, and run for as long as k3s would."""
    route = subprocess.check_output(("ip", "-4", "-json", "route", "get", "203.0.113.1")) if has_default() else b""
    if not route:
        say(NO_ROUTE)
        return 1
    (way,) = json.loads(route)
    subnet_file.write_text(SUBNET)
    say(STARTED, address=way["prefsrc"])
    signal.sigwait({signal.SIGTERM})
    return 0


def has_default() -> bool:
    """Whether the main table has a default route."""
    return bool(subprocess.check_output(("ip", "-4", "route", "show", "default", "table", "main")))


def say(words: str, address: str = "") -> None:
    """What is in a file of words, of now and of this node."""
    text = (WORDS / words).read_text().replace("192.0.2.2", address)
    print(re.sub('time="[^"]*"', f'time="{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"', text), end="", flush=True)


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    sys.exit(main(Path(sys.argv[1])))
