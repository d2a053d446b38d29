"""What the unit's rights reach: what the exporter reads, and nothing by which it could become root."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.image.packages import ROOT
from tests.kernel.namespace import Namespace, eventually
from tests.systemd.conftest import UNIT
from tests.systemd.machine import Machine

pytestmark = pytest.mark.systemd

OUTCOMES = {
    "pod log": "done",
    "subnet file": "done",
    "networkd": "done",
    "record": "done",
    "runtime socket": "EAFNOSUPPORT",
    "io_uring": "EPERM",
    "netplan key": "EACCES",
    "secret of a pod": "ENOENT",
    "elsewhere": "EACCES",
}
PREPARED = """
install -d /run/containerd /run/flannel /run/systemd/netif
python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("/run/containerd/containerd.sock")'
chmod 660 /run/containerd/containerd.sock
echo FLANNEL_MTU=1450 > /run/flannel/subnet.env
touch /run/look-now
"""


@pytest.fixture
def probe(installed: Path) -> None:
    """A unit like ours that runs `reach.py`, and files as a node has them that group 0 may read."""
    shutil.copy(Path(__file__).with_name("reach.py"), installed / "usr/local/bin/reach.py")
    unit = (ROOT / "exporter/systemd" / UNIT).read_text()
    ours = "ExecStart=/usr/local/bin/uplink-exporter\n"
    assert ours in unit
    theirs = "ExecStart=/usr/bin/python3 /usr/local/bin/reach.py\nStandardOutput=truncate:/run/reach.json\n"
    probe = unit.replace(ours, theirs).replace("StateDirectory=uplink-exporter", "StateDirectory=reach")
    probe = probe.replace("Restart=always", "Restart=no")
    (installed / "etc/systemd/system/reach.service").write_text(probe)
    for path, mode in (("etc/netplan/50-wifi.yaml", 0o640), ("var/log/pods/reach.log", 0o640)):
        (installed / path).parent.mkdir(parents=True, exist_ok=True)
        (installed / path).write_text("")
        (installed / path).chmod(mode)
    kubelet = installed / "var/lib/kubelet"
    (kubelet / "pods").mkdir(parents=True, exist_ok=True)
    (kubelet / "pods/secret").write_text("")
    kubelet.chmod(0o750)


def test_it_reaches_what_it_reads_and_no_more(probe: None, machine: Machine, node: Namespace) -> None:
    machine("systemctl", "start", "reach")
    # What a boot brings later is not to be within reach either.
    machine("sh", "-ec", PREPARED)
    eventually(lambda: machine.show("reach", "ActiveState") == "inactive")
    assert json.loads(machine("cat", "/run/reach.json")) == OUTCOMES
