"""The unit, on a machine that a real systemd boots."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.image.page import waits_for
from tests.kernel.kubelet import V0_14_NO_ROUTE, Kubelet
from tests.kernel.namespace import Namespace, eventually
from tests.kernel.test_outage import JQGSM
from tests.systemd.conftest import UNIT
from tests.systemd.machine import Machine

pytestmark = pytest.mark.systemd

NETWORKD = "systemd-networkd.service"
NETWORK = """
[Match]
Name=wlan0
[Network]
Address=192.0.2.2/24
Gateway=192.0.2.1
LinkLocalAddressing=no
"""
DOWN = 'uplink_diagnosis{verdict="uplink_down"} 1.0'
HEALTHY = 'uplink_diagnosis{verdict="healthy"} 1.0'
FLANNEL = 'container="kube-flannel",namespace="kube-system",pod="kube-flannel-ds-jqgsm"'
RESTARTS = f"uplink_flannel_container_restarts{{{FLANNEL}}} 1244.0"
CAME_IN_THIS_BOOT = 'uplink_boot_to_default_route_seconds{family="ipv4"}'


@pytest.fixture
def networkd(installed: Path) -> None:
    """The machine's networkd is enabled."""
    (installed / "etc/systemd/network/wlan0.network").write_text(NETWORK)
    wanted = installed / "etc/systemd/system/multi-user.target.wants" / NETWORKD
    wanted.unlink(missing_ok=True)
    wanted.symlink_to(f"/lib/systemd/system/{NETWORKD}")


def started(machine: Machine, unit: str) -> int:
    """When a unit's process was executed, in microseconds since boot."""
    return int(machine.show(unit, "ExecMainStartTimestampMonotonic"))


def test_it_watches_the_boot_from_before_the_network_is_set_up(
    networkd: None, machine: Machine, node: Namespace
) -> None:
    assert 0 < started(machine, UNIT) < started(machine, NETWORKD)
    before = waits_for(node, DOWN)
    assert CAME_IN_THIS_BOOT not in before
    node.ip("link set veth0 up")
    after = waits_for(node, HEALTHY)
    assert CAME_IN_THIS_BOOT in after


def test_what_it_knows_outlives_its_death(networkd: None, machine: Machine, node: Namespace) -> None:
    waits_for(node, DOWN)
    node.ip("link set veth0 up")
    (came,) = (line for line in waits_for(node, HEALTHY).splitlines() if line.startswith(CAME_IN_THIS_BOOT))
    machine("systemctl", "kill", "--signal=KILL", UNIT)
    eventually(lambda: machine.show(UNIT, "NRestarts") == "1")
    waits_for(node, HEALTHY, came)


def test_it_is_confined(machine: Machine) -> None:
    lines = machine("cat", f"/proc/{machine.show(UNIT, 'MainPID')}/status").splitlines()
    status = {name: value.split() for name, _, value in (line.partition(":") for line in lines)}
    assert "0" not in {*status["Uid"], *status["Gid"]}
    assert "0" in status["Groups"], "so that it may read the logs of pods"
    assert {status[f"Cap{which}"][0] for which in ("Inh", "Prm", "Eff", "Bnd", "Amb")} == {"0" * 16}
    assert (status["NoNewPrivs"], status["Seccomp"]) == (["1"], ["2"])


def _nobody(told: object) -> None:
    """No API server hears of it."""


def test_it_reads_the_logs_of_pods(installed: Path, machine: Machine, node: Namespace, for_the_group: None) -> None:
    kubelet = Kubelet(installed / "var/log/pods", installed / "run/none", tell=_nobody, untell=_nobody)
    kubelet.create(JQGSM, restarts=1244)
    kubelet.crashes(*V0_14_NO_ROUTE)
    waits_for(node, RESTARTS)
    kubelet.crashes(*V0_14_NO_ROUTE)
    waits_for(node, 'uplink_flannel_crashes_total{cause="no_default_route"} 1.0')


def test_the_prompt_answers_beside_it(machine: Machine, node: Namespace) -> None:
    waits_for(node, DOWN)
    machine("uplink-exporter", "healthcheck")
    said = machine.run("uplink-exporter", "doctor")
    assert (said.returncode, said.stdout.partition("\n")[0]) == (
        1,
        "pi-master1: the uplink wlan0 is down, so there is no IPv4 default route.",
    )


def test_settings_come_from_etc_default(installed: Path, machine: Machine, node: Namespace) -> None:
    defaults = installed / "etc/default/uplink-exporter"
    defaults.write_text("UPLINK_EXPORTER_UPLINK_DEVICE=wlan7\n")
    machine("systemctl", "restart", UNIT)
    waits_for(node, 'uplink_interface_expected{device="wlan7",reason="configured"} 1.0')
    defaults.unlink()


def test_it_ends_when_it_is_told_to(machine: Machine, node: Namespace) -> None:
    waits_for(node, DOWN)
    machine("systemctl", "stop", UNIT)
    assert (machine.show(UNIT, "Result"), machine.show(UNIT, "ExecMainStatus")) == ("success", "0")


def test_systemd_has_nothing_to_say_against_it(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    verified = machine.run("systemd-analyze", "verify", f"/etc/systemd/system/{UNIT}")
    assert (verified.returncode, verified.stdout + verified.stderr) == (0, "")
    exposure = machine("systemd-analyze", "security", "--no-pager", "--threshold=15", UNIT).splitlines()[-1]
    with capsys.disabled():
        print(f"\n{exposure}")
