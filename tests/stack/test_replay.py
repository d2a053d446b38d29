"""The incident on real servers: one page that is complete and true, its end, and not a word of the symptoms."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.kernel.namespace import NAMESPACES, PREFIX
from tests.stack import __main__ as command
from tests.stack.conftest import Told
from tests.stack.incident import SYMPTOMS, Record
from tests.stack.node import NAME, TARGET
from tests.stack.views import text_of

pytestmark = pytest.mark.stack

ROOT = Path(__file__).parents[2]
CAUSE = {
    "alertname": "UplinkDownSinceBoot",
    "instance": TARGET,
    "job": "uplink-exporter",
    "namespace": "uplink-exporter",
    "node": NAME,
    "severity": "critical",
}


def test_there_is_one_page_and_its_end(record: Record) -> None:
    assert [sent.status for sent in record.notifications] == ["firing", "resolved"]
    for sent in record.notifications:
        assert [alert["labels"] for alert in sent.alerts] == [CAUSE], "the cause, and no symptom"


def test_the_page_tells_all_and_nothing_but_the_truth(record: Record) -> None:
    page = text_of(record.notifications[0])
    assert f"{NAME} has had no ipv4 default route since it booted at " in page
    assert any(when(record.booted + off) in page for off in (-1, 0, 1))
    assert "Its uplink wlan0 is down." in page
    assert any(f"Restarts of flannel in the last hour: {record.restarts - late}." in page for late in (0, 1))
    assert "run `sudo netplan apply`" in page
    assert record.notifications[0].alerts[0]["annotations"]["device"] == "wlan0"


def when(unix: float) -> str:
    """A time as the page has it."""
    at = datetime.fromtimestamp(unix, UTC)
    return f"{at:%H:%M} UTC on {at.day} {at:%B %Y}"


def test_the_symptoms_fired_and_were_muted(record: Record) -> None:
    assert record.muted >= SYMPTOMS


def test_the_exporter_says_so_all_along(record: Record) -> None:
    outage = {
        'uplink_diagnosis{verdict="uplink_down"}': 1,
        'uplink_default_route_present{family="ipv4"}': 0,
        'uplink_default_route_seen_since_boot{family="ipv4"}': 0,
        'uplink_interface_expected{device="wlan0",reason="suspected"}': 1,
        "uplink_flannel_would_start": 0,
    }
    assert {key: record.outage.get(key) for key in outage} == outage
    crashes = record.outage['uplink_flannel_crashes_total{cause="no_default_route"}']
    assert crashes - record.outage["uplink_flannel_restarts_total"] in (0, 1)
    assert record.outage["uplink_boot_time_seconds"] == pytest.approx(record.booted, abs=1)
    cured = {
        'uplink_diagnosis{verdict="healthy"}': 1,
        'uplink_default_route_usable{family="ipv4"}': 1,
        'uplink_interface_expected{device="wlan0",reason="route"}': 1,
        'uplink_interface_expected{device="wlan0",reason="suspected"}': None,
        "uplink_flannel_would_start": 1,
    }
    assert {key: record.healthy.get(key) for key in cured} == cured


def test_doctor_names_the_device_and_the_command(record: Record) -> None:
    assert record.doctor_before.startswith(f"{NAME}: the uplink wlan0 is down, so there is no IPv4 default route.\n")
    assert "Failed to find any valid interface to use" in record.doctor_before
    assert "\n  sudo netplan apply\n" in record.doctor_before
    assert record.doctor_after.startswith(f"{NAME}: healthy: ")


def test_history_tells_it_afterwards(record: Record) -> None:
    head, _, _, line, *lines = record.history.split("\n")
    assert head.startswith(f"{NAME}: 1 incident in 1 boot, watched since ")
    assert line.split()[-3:] == ["wlan0", "uplink_down", "recovered"]
    told = "\n".join(lines)
    assert "the uplink wlan0 is down, so there is no IPv4 default route" in told
    assert "since boot; no default route for " in told
    assert "(no_default_route)" in told
    assert "ended by: wlan0 down -> up, IPv4 default route usable by wlan0 at " in told


def test_the_story_has_one_line_for_the_page_and_one_for_its_end(told: Told) -> None:
    record, lines = told.record, told.lines
    assert [line.partition("s  ")[2] for line in lines if line.startswith("PAGE")] == [text_of(record.notifications[0])]
    assert sum(line.startswith("RESOLVED") for line in lines) == 1
    assert any(line.startswith("flannel") and "restart 3" in line for line in lines)


@pytest.mark.parametrize(("moment", "home"), [("monitoring", "pod"), ("flannel", "pod"), ("flannel", "k3s")])
def test_an_interrupted_replay_leaves_nothing_behind(moment: str, home: str, namespaces: None, tmp_path: Path) -> None:
    process = subprocess.Popen(
        (sys.executable, "-m", "tests.stack", f"--home={home}"),
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "exporter")))},
        text=True,
        start_new_session=True,
    )
    with process:
        assert process.stdout is not None
        assert any(line.startswith(moment) for line in process.stdout)
        for _ in range(2):  # as a terminal does, to all of its processes, by a person who does not wait
            os.killpg(process.pid, signal.SIGINT)
        assert "Traceback" not in process.stdout.read()
    assert process.returncode == 130
    assert list(tmp_path.iterdir()) == []
    assert list(NAMESPACES.glob(f"{PREFIX}-{process.pid}-*")) == []
    assert [line for line in command_lines() if str(tmp_path) in line] == []


def command_lines() -> Iterator[str]:
    """Of all processes of this machine."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            yield (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue


def test_who_is_not_root_is_told_why_that_is_needed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(sys, "argv", ["tests.stack"])
    assert command.main() == 2
    assert "has to be root: it makes network namespaces" in capsys.readouterr().err
