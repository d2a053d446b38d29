"""The exporter is installed once, on a machine that is booted for each test."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.image.conftest import for_the_group
from tests.image.packages import ROOT, wheel, wheelhouse
from tests.kernel.conftest import namespaces, node
from tests.kernel.namespace import Namespace, fresh_namespace
from tests.lacking import refuse
from tests.systemd.machine import Machine, booted, install, unavailable

__all__ = ["for_the_group", "namespaces", "node"]

UNIT = "uplink-exporter.service"
# As the README has it, but that no index is asked: Debian's pipx wants Debian's wheel of `wheel` as well.
PIPX = {
    "PIPX_HOME": "/opt/pipx",
    "PIPX_BIN_DIR": "/usr/local/bin",
    "PIP_NO_INDEX": "1",
    "PIP_FIND_LINKS": "/src/wheels /usr/share/python-wheels",
}


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The root of a machine on which the exporter was installed from its wheel by pipx, and its unit enabled."""
    if reason := unavailable():
        refuse(reason)
    root: Path = tmp_path_factory.mktemp("machine") / "root"
    try:
        install(root)
        with_exporter(root)
        yield root
    finally:
        shutil.rmtree(root, ignore_errors=True)


def with_exporter(root: Path) -> None:
    """Install the exporter there, and enable its unit."""
    built = wheel(root / "src")
    shutil.copytree(wheelhouse(), root / "src/wheels")
    shutil.copy(ROOT / "exporter/requirements.txt", root / "src")
    shutil.copy(ROOT / "exporter/systemd" / UNIT, root / "etc/systemd/system")
    with fresh_namespace() as network, booted(root, network) as machine:
        machine("pipx", "install", f"/src/{built.name}", env=PIPX)
        locked = ("--require-hashes", "--requirement=/src/requirements.txt")
        machine("pipx", "runpip", "uplink-exporter", "install", *locked, env=PIPX)
        machine("systemctl", "enable", UNIT)


@pytest.fixture
def machine(node: Namespace, installed: Path) -> Iterator[Machine]:
    """That machine in its first boot. Its wlan0 is set up by networkd, as soon as there is a carrier."""
    state = installed / "var/lib/private/uplink-exporter"
    if state.exists():
        shutil.rmtree(state)
    node.ip("link set veth0 down")
    with booted(installed, node) as machine:
        yield machine
