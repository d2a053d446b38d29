"""Machines with Debian's network managers, each booted by a real systemd; outside, a router answers DHCP."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.image.packages import package
from tests.kernel.conftest import namespaces
from tests.kernel.namespace import Namespace, fresh_namespace
from tests.lacking import refuse
from tests.managers.setups import Setup
from tests.systemd.conftest import UNIT, with_exporter
from tests.systemd.machine import Machine, booted, install, unavailable

__all__ = ["namespaces"]

PACKAGES = (
    "bash",
    "bridge-utils",
    "connman",
    "dhcpcd",
    "dnsmasq-base",
    "ethtool",
    "ifupdown",
    "iproute2",
    "iputils-ping",
    "isc-dhcp-client",
    "netplan.io",
    "network-manager",
    "procps",
)
# As the packages' scripts would make them; those are not run.
USERS = 'u dhcpcd - "dhcpcd" /var/lib/dhcpcd\ng netdev -\n'
# There are no passwords inside, for whoever runs a command is root already; nor is there udev, which would meddle with
# the devices of this machine.
STAND_INS = {"usr/local/bin/sudo": '#!/bin/sh\nexec "$@"\n', "bin/udevadm": "#!/bin/sh\nexit 0\n"}

Boots = Callable[[Setup], AbstractContextManager[Machine]]


@pytest.fixture(scope="session")
def managers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The root of a machine with all of the managers, of which none is enabled, and with the exporter."""
    if reason := unavailable():
        refuse(reason)
    root: Path = tmp_path_factory.mktemp("managers") / "root"
    try:
        install(root, *PACKAGES)
        (root / "usr/lib/sysusers.d/managers.conf").write_text(USERS)
        with_exporter(root)
        (root / "etc/systemd/system/multi-user.target.wants" / UNIT).unlink(missing_ok=True)
        shutil.rmtree(root / "src")
        for name, text in STAND_INS.items():
            (root / name).write_text(text)
            (root / name).chmod(0o755)
        subprocess.run(["chroot", root, "ldconfig"], check=True)  # netplan looks for its library by the cache
        yield root
    finally:
        shutil.rmtree(root, ignore_errors=True)


@pytest.fixture
def boots(namespaces: None, managers: Path, tmp_path: Path) -> Boots:
    """Boot a machine with a set-up."""

    @contextmanager
    def boot(setup: Setup) -> Iterator[Machine]:
        with (
            fresh_namespace() as node,
            fresh_namespace() as outside,
            _layered(managers, tmp_path) as root,
            _answering(managers, node, outside),
        ):
            _write(setup, root)
            with booted(root, node) as machine:
                yield machine

    return boot


@contextmanager
def _layered(lower: Path, directory: Path) -> Iterator[Path]:
    """A root like this one, whose changes are forgotten."""
    upper, work, root = (directory / name for name in ("upper", "work", "root"))
    for path in (upper, work, root):
        path.mkdir()
    options = f"lowerdir={lower},upperdir={upper},workdir={work}"
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, root], check=True)
    try:
        yield root
    finally:
        subprocess.run(["umount", "--lazy", root], check=True)


def _write(setup: Setup, root: Path) -> None:
    if setup.ifupdown2:
        subprocess.run(["dpkg-deb", "--extract", package("ifupdown2"), root], check=True)
        (root / "usr/share/ifupdown2/__main__.py").chmod(0o755)  # as its script does
    for name, text in setup.files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
        (root / name).chmod(setup.modes.get(name, 0o600 if name.startswith("etc/netplan") else 0o644))
    for name in setup.removed:
        path = root / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    wants = root / "etc/systemd/system/multi-user.target.wants"
    wants.mkdir(parents=True, exist_ok=True)
    for unit in setup.units:
        (wants / unit).symlink_to(f"/lib/systemd/system/{unit}")


@contextmanager
def _answering(root: Path, node: Namespace, outside: Namespace) -> Iterator[None]:
    """The node has wlan0, behind which a router gives addresses, and eth0, behind which nobody does."""
    for device in ("wlan0", "eth0"):
        node.ip(f"link add {device} type veth peer name {device}-peer", f"link set {device}-peer netns {outside.name}")
        outside.ip(f"link set {device}-peer up")
    outside.ip("address add 192.0.2.1/24 dev wlan0-peer")
    inside = ("ip", "netns", "exec", outside.name, "chroot", root)
    # A veth leaves checksums to a NIC that is not there, and connman takes no packet with a wrong one.
    subprocess.run([*inside, "ethtool", "--offload", "wlan0-peer", "tx", "off"], check=True, capture_output=True)
    pool = ("--dhcp-range=192.0.2.50,192.0.2.99,1h", "--dhcp-option=option:router,192.0.2.1", "--no-ping")
    here = ("--no-daemon", "--user=root", "--port=0", "--interface=wlan0-peer", "--bind-interfaces", "--leasefile-ro")
    process = subprocess.Popen([*inside, "dnsmasq", *here, *pool], stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.kill()
        process.wait()
