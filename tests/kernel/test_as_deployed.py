"""The exporter as a pod has it: without any privilege, and started before its address is there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import prometheus_client
import pytest

from tests.kernel.kubelet import V0_14_NO_ROUTE, Kubelet
from tests.kernel.namespace import CONNECTED, SOURCES, Namespace, eventually, exporting
from tests.kernel.test_outage import JQGSM

pytestmark = pytest.mark.kernel

HEALTHY = 'uplink_diagnosis{verdict="healthy"}'
DOWN = 'uplink_diagnosis{verdict="uplink_down"}'
ERRORS = {f'uplink_source_errors_total{{reason="{reason}",source="netlink"}}': 0 for reason in ("permission", "io")}

# A home directory may be closed to others: nobody is shown Python, the libraries and the exporter on /mnt, in the mount
# namespace that ip-netns(8) makes. Only then is every privilege dropped.
NOBODY = """
mount -t tmpfs tmpfs /mnt
for directory in python libraries exporter; do mkdir /mnt/$directory && mount --bind "$1" /mnt/$directory && shift; done
export PYTHONPATH=/mnt/exporter:/mnt/libraries LD_LIBRARY_PATH=/mnt/python/lib
exec setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs \
    "/mnt/python/bin/$@"
"""


LIBRARIES = Path(prometheus_client.__file__).parents[1]
INTERPRETER = f"python{sys.version_info.major}.{sys.version_info.minor}"
AS_NOBODY = ("sh", "-ec", NOBODY, "nobody", sys.base_prefix, str(LIBRARIES), str(SOURCES), INTERPRETER)


def test_it_needs_no_privilege(node: Namespace) -> None:
    with exporting(node, through=AS_NOBODY) as exporter:
        status = Path(f"/proc/{exporter.process.pid}/status").read_text()
        assert re.findall(r"^(?:Uid|Cap(?:Inh|Prm|Eff|Bnd)|NoNewPrivs):\t(\w+)", status, re.MULTILINE) == [
            "65534",
            *["0" * 16] * 4,
            "1",
        ]
        exporter.shows({DOWN: 1})
        node.ip(*CONNECTED)
        exporter.shows({HEALTHY: 1, **ERRORS})
        node.ip("link set wlan0 down")
        exporter.shows({DOWN: 1})


def test_it_starts_before_its_loopback_is_up(node: Namespace) -> None:
    node.ip("link set lo down", "address flush dev lo")
    with exporting(node) as exporter:
        node.ip("link set lo up")
        exporter.shows({DOWN: 1})


def test_it_starts_before_its_address_is_there_and_answers_on_it_later(node: Namespace) -> None:
    with exporting(node, listen="192.0.2.2") as exporter:
        with pytest.raises(OSError, match="unreachable"):
            exporter.get("/-/healthy", host="192.0.2.2")
        node.ip(*CONNECTED)
        eventually(lambda: "healthy" in exporter.get("/-/healthy", host="192.0.2.2"))
        eventually(lambda: f"{HEALTHY} 1.0" in exporter.get("/metrics", host="192.0.2.2"))


def doctor(node: Namespace, through: Sequence[str], *flags: str) -> tuple[int, str]:
    """The exit code of `doctor`, and what it says."""
    alone = () if any("kubernetes" in flag for flag in flags) else ("--source.kubernetes=off",)
    command = ["ip", "netns", "exec", node.name, *through, "-m", "uplink_exporter", "doctor", *alone]
    environment = {**os.environ, "PYTHONPATH": str(SOURCES)}
    done = subprocess.run([*command, *flags], env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def _nobody_hears(told: object) -> None:
    """There is no API server."""


def test_the_doctor_says_what_it_may_not_read_and_does_not_call_it_health(node: Namespace, tmp_path: Path) -> None:
    node.ip(*CONNECTED)
    logs = tmp_path / "pods"
    kubelet = Kubelet(logs, tmp_path / "subnet.env", tell=_nobody_hears, untell=_nobody_hears)
    kubelet.create(JQGSM, restarts=1244)
    kubelet.crashes(*V0_14_NO_ROUTE)
    logs.chmod(0o750)
    code, said = doctor(node, AS_NOBODY, f"--path.pod-logs={logs}")
    assert (code, "Could not look at:\n  pod logs" in said, "run doctor with sudo" in " ".join(said.split())) == (
        2,
        True,
        True,
    ), said
    assert "healthy" not in said
    code, said = doctor(node, (sys.executable,), f"--path.pod-logs={logs}")
    assert (code, "flannel" in said.splitlines()[0], "Could not" in said) == (1, True, False), said


@pytest.mark.parametrize(
    ("flags", "missed"),
    [
        pytest.param(("--path.pod-logs=/nope",), "pod logs  /nope: no such directory", id="logs that are not there"),
        pytest.param(("--path.procfs=/nope", "--source.pod-logs=off"), "the load  /nope/loadavg", id="no procfs"),
        pytest.param(
            ("--path.rootfs=/nope", "--source.pod-logs=off"),
            "--path.rootfs: '/nope' is no directory here",
            id="no root",
        ),
        pytest.param(
            ("--source.kubernetes=on", "--source.pod-logs=off"), "the Kubernetes API  ", id="an API without credentials"
        ),
        pytest.param(
            ("--source.kubernetes=auto", "--kubernetes.kubeconfig=/nope", "--source.pod-logs=off"),
            "the Kubernetes API  /nope",
            id="a kubeconfig that is not there",
        ),
    ],
)
def test_what_was_asked_for_and_is_not_there_is_said(node: Namespace, flags: tuple[str, ...], missed: str) -> None:
    node.ip(*CONNECTED)
    code, said = doctor(node, (sys.executable,), *flags)
    assert (code, missed in said) == (2, True), said


@pytest.mark.parametrize(("users", "usable"), [("0-0", 0), ("65534-65534", 1)])
def test_it_asks_for_the_way_that_root_takes(node: Namespace, users: str, usable: int) -> None:
    node.ip(*CONNECTED, f"rule add uidrange {users} unreachable")
    with exporting(node, through=AS_NOBODY) as exporter:
        exporter.shows({'uplink_default_route_usable{family="ipv4"}': usable}, within=1)
