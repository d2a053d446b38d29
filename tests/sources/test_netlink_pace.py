"""When the next dump is due: by what the last one cost in CPU time, and never for long."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import pytest

from tests.builders import NETWORK, WLAN0
from uplink_exporter.facts import Network
from uplink_exporter.sources.netlink import RESYNC, tracker
from uplink_exporter.sources.netlink.kernel import Kernel
from uplink_exporter.sources.netlink.tracker import LONGEST_PAUSE, SHORTEST_PAUSE, Pace, Tracker


class Clocks:
    """The loop's clock and the thread's, set by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.cpu = 1000.0, 5.0
        monkeypatch.setattr(tracker, "_now", lambda: self.now)
        monkeypatch.setattr(time, "thread_time", lambda: self.cpu)


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    return Clocks(monkeypatch)


@pytest.mark.parametrize(
    ("took", "cpu", "pause"),
    [
        pytest.param(0.001, 0.001, SHORTEST_PAUSE, id="a small node"),
        pytest.param(5.0, 0.001, SHORTEST_PAUSE, id="a small node that starves"),
        pytest.param(0.1, 0.1, 2.0, id="a large node"),
        pytest.param(9.0, 0.1, 2.0, id="a large node that starves"),
        pytest.param(20.0, 2.0, LONGEST_PAUSE, id="a node without measure"),
    ],
)
def test_the_pause_is_by_cpu_time_and_has_an_end(clocks: Clocks, took: float, cpu: float, pause: float) -> None:
    pace = Pace(RESYNC)
    pace.begins()
    assert pace.wait > RESYNC, "while there is one, no other begins"
    clocks.now += took
    clocks.cpu += cpu
    pace.took(NETWORK)
    assert pace.wait == pytest.approx(RESYNC)
    pace.dirty = True
    assert pace.wait == pytest.approx(pause)


def test_the_longest_pause_and_the_resync_leave_the_fact_fresh() -> None:
    assert Network.max_age / 2 > LONGEST_PAUSE + RESYNC


def test_what_events_change_is_told_at_once_but_not_all_the_time(clocks: Clocks) -> None:
    told = Tracker(NETWORK)
    assert told.wait > RESYNC
    told.untold = True
    assert told.wait <= 0
    with told.telling():
        clocks.cpu += 0.02
    assert told.wait > RESYNC, "there is nothing to tell"
    told.untold = True
    assert told.wait == pytest.approx(0.4)
    told.corrected(NETWORK)
    assert told.wait <= 0, "a dump is told at once"


def test_a_device_that_only_an_event_told_of_is_looked_up(tmp_path: Path) -> None:
    device = tmp_path / "class/net" / WLAN0.name
    (device / "phy80211").mkdir(parents=True)
    (device / "ifindex").write_text(f"{WLAN0.index}\n")
    bare = Network(links=(replace(WLAN0, wireless=False, driver=""),))
    kernel = Kernel(Mock(), tmp_path)
    described = kernel.described(bare)
    assert [link.wireless for link in described.links] == [True]
    assert kernel.described(described) is described
