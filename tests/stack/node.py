"""The node of the incident: a network with a wired eth0 and a wlan0 that nothing has brought up, booted just now.

A network namespace gives it links and routes, a time namespace the age of a machine that has just booted, a UTS
namespace its name. eth0 leads to the LAN in which Prometheus is, and brings no default route; wlan0's other end is an
access point that works.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.kernel.namespace import PORT, SOURCES, Exporter, Namespace, exporting, fresh_namespace
from tests.stack import unshared

NAME = "pi-master1"
LAN_ADDRESS, SERVERS = "192.0.2.11", "192.0.2.1"
TARGET = f"{LAN_ADDRESS}:{PORT}"
CURE = (
    "link set wlan0 up",
    "address add 198.51.100.23/24 dev wlan0",
    "route add default via 198.51.100.1 dev wlan0 proto static metric 600",
)
NETPLAN = """\
network:
  version: 2
  wifis:
    wlan0:
      addresses: [198.51.100.23/24]
      routes: [{to: default, via: 198.51.100.1, metric: 600}]
"""

# What netplan made of it at the boot.
GENERATED = "[Match]\nName=wlan0\n\n[Network]\nAddress=198.51.100.23/24\n"

# Only the children of who makes a time namespace are in it, on kernels before 6.3 (kernel fs/exec.c). The signals say:
# who loses its parent ends, and who is told to stop passes it on and says how that went.
UNSHARED = ("setpriv", "--pdeathsig=KILL", sys.executable, "-IS", unshared.__file__)
BOOTED = """
hostname "$0"
setpriv --pdeathsig KILL "$@" & child=$!
trap 'kill $child' TERM
wait $child || wait $child
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """The node, and where its files are.

    `booted` is this machine's uptime when the node booted, `awake` the same without the time that it slept.
    """

    network: Namespace
    root: Path
    booted: int
    awake: int

    @property
    def pod_logs(self) -> Path:
        """Where the kubelet writes."""
        return self.root / "var/log/pods"

    @property
    def subnet_file(self) -> Path:
        """What flannel writes once it has its network."""
        return self.root / "run/flannel/subnet.env"

    @property
    def units(self) -> Path:
        """Where systemd keeps a link for each unit that runs; not there unless with_systemd() makes it."""
        return self.root / "run/systemd/units"

    @property
    def journal(self) -> Path:
        """Where journald writes, on a node that has one."""
        return self.root / "run/log/journal"

    @property
    def state(self) -> Path:
        """Where the exporter keeps its record."""
        return self.root / "var/lib/uplink-exporter"

    @property
    def python(self) -> tuple[str, ...]:
        """Python in the node's time and under its name, once its network is entered."""
        return (*UNSHARED, f"-{self.booted}", f"-{self.awake}", "sh", "-c", BOOTED, NAME, sys.executable)

    @property
    def flags(self) -> tuple[str, ...]:
        """Where the node's files are, and nothing about its uplink. Credentials of this machine are not the node's."""
        return (
            f"--path.rootfs={self.root}",
            f"--path.pod-logs={self.pod_logs}",
            f"--path.flannel-run={self.subnet_file.parent}",
            f"--path.units={self.units}",
            f"--path.journal={self.journal}",
            f"--state.directory={self.state}",
            "--source.kubernetes=off",
        )

    def ask(self, command: str) -> str:
        """What `uplink-exporter doctor` or `history` says on it."""
        words = ("ip", "netns", "exec", self.network.name, *self.python, "-m", "uplink_exporter", command, *self.flags)
        environment = {**os.environ, "PYTHONPATH": str(SOURCES), "TZ": "UTC"}
        done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=60, check=False)
        return done.stdout or done.stderr

    def cure(self) -> None:
        """What `netplan apply` does with the node's configuration."""
        self.network.ip(*CURE)


def unavailable() -> str:
    """Why this machine cannot make such a node, apart from its network; nothing if it can."""
    done = subprocess.run((*UNSHARED, "-1", "-1", "true"), capture_output=True, text=True, check=False)
    return f"time namespaces cannot be made here (it takes Linux 5.6): {done.stderr.strip()}" if done.returncode else ""


@contextmanager
def booting(lan: Namespace, root: Path) -> Iterator[Node]:
    """The node as it comes up: its own files, eth0 with its address, and wlan0 as the kernel made it."""
    booted, awake = int(time.clock_gettime(time.CLOCK_BOOTTIME)) - 1, int(time.monotonic()) - 1
    with fresh_namespace() as network:
        node = Node(network=network, root=root, booted=booted, awake=awake)
        for directory in (node.pod_logs, node.subnet_file.parent, root / "etc/netplan", root / "run/systemd/network"):
            directory.mkdir(parents=True)
        (root / "etc/netplan/50-wlan0.yaml").write_text(NETPLAN)
        (root / "run/systemd/network/10-netplan-wlan0.network").write_text(GENERATED)
        (root / "sys").symlink_to("/sys")
        for side in (network, lan):
            side.sysctl("ipv6/conf/default/accept_dad", 0)
        network.ip(
            f"link add eth0 type veth peer name lan0 netns {lan.name}",
            f"link add wlan0 type veth peer name ap0 netns {lan.name}",
            "link set eth0 up",
            f"address add {LAN_ADDRESS}/24 dev eth0",
        )
        lan.ip(
            "link set lan0 up",
            "link set ap0 up",
            f"address add {SERVERS}/24 dev lan0",
            "address add 198.51.100.1/24 dev ap0",
        )
        yield node


@contextmanager
def exporter_of(node: Node) -> Iterator[Exporter]:
    """The exporter on the node, as a DaemonSet would start it.

    One window: the replay is over in an hour, so this one is true, while 15 minutes would be no quarter of one.
    """
    flags = (*node.flags, "--flannel.delta-window=1h", "--log.format=json")
    with exporting(node.network, *flags, listen="0.0.0.0", through=node.python, alone=()) as exporter:
        yield exporter
