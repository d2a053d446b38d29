"""Flannel's own devices: which there were in this boot, and what it means that one is gone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.builders import FLANNEL1, HOST, WLAN0, with_links
from tests.scenarios import Moment, scenes
from tests.scenarios.told import CONNECTED, JQGSM, SINCE_BOOT, TQ9X5, WIFI_NEVER_UP, crashed, logs, pods
from uplink_exporter.diagnosis import Diagnosis, Verdict
from uplink_exporter.facts import Fact
from uplink_exporter.facts.overlays import MOST, overlays

WITH = with_links(CONNECTED, FLANNEL1)
UP = logs(JQGSM, 3, subnet_file=SINCE_BOOT)
GONE = 1000.0


@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("flannel.1", True),
        ("flannel.4096", True),
        ("flannel-v6.1", True),
        ("flannel-wg", True),
        ("flannel-wg-v6", True),
        ("flannel.ipip", True),
        ("flannel", False),
        ("flannelled0", False),
        ("eth0", False),
    ],
)
def test_which_devices_are_flannels(name: str, own: bool) -> None:
    assert (name in overlays({}, [replace(FLANNEL1, name=name)], 1.0)) is own


def test_one_that_goes_is_remembered_since_when_and_one_that_comes_back_is_there() -> None:
    known = overlays({}, [FLANNEL1], 1.0)
    assert known == {"flannel.1": None}
    known = overlays(overlays(known, [], 2.0), [], 3.0)
    assert known == {"flannel.1": 2.0}
    assert overlays(known, [FLANNEL1], 4.0) == {"flannel.1": None}


def test_no_more_are_remembered_than_a_node_can_have() -> None:
    known = overlays({}, [], 0.0)
    for number in range(100):
        known = overlays(known, [replace(FLANNEL1, name=f"flannel.{number}")], float(number))
    assert len(known) <= MOST + 1
    assert known["flannel.99"] is None


def judged(*moments: tuple[float, tuple[Fact, ...]], until: float) -> Diagnosis:
    *_, last = scenes([Moment(uptime=uptime, tells=facts) for uptime, facts in moments], until)
    return last.diagnosis


@pytest.mark.parametrize("known", [(UP,), (UP, pods(JQGSM, 3)), (pods(JQGSM, 3),)])
def test_a_flannel_that_runs_without_its_device_fails(known: tuple[Fact, ...]) -> None:
    def after(seconds: float) -> Diagnosis:
        lost, back = (GONE, (WIFI_NEVER_UP,)), (GONE + 30, (CONNECTED,))
        return judged((20.0, (HOST, WITH, *known)), lost, back, until=GONE + seconds)

    assert after(80).verdict is not Verdict.FLANNEL_FAILING, "v0.27.4 may make it again"

    diagnosis = after(100)
    assert diagnosis.verdict is Verdict.FLANNEL_FAILING
    assert "flannel runs, but flannel's device flannel.1 is gone" in diagnosis.summary
    pod = "-n kube-system kube-flannel-ds-jqgsm"
    assert any(f"kubectl delete pod {pod}" in line for line in diagnosis.remedy)


@pytest.mark.parametrize(
    ("later", "verdict"),
    [
        ((WITH,), Verdict.HEALTHY),  # it made it again
        ((CONNECTED, logs(JQGSM, 4, subnet_file=GONE)), Verdict.HEALTHY),  # it began anew, with another back end
        ((CONNECTED, logs(TQ9X5, 0, subnet_file=GONE)), Verdict.HEALTHY),
        ((CONNECTED, crashed(JQGSM, 3, GONE + 40)), Verdict.FLANNEL_FAILING),
    ],
)
def test_one_that_does_not_need_it_is_well(later: tuple[Fact, ...], verdict: Verdict) -> None:
    diagnosis = judged((20.0, (HOST, WITH, UP)), (GONE, (CONNECTED,)), (GONE + 50, later), until=GONE + 400)
    assert diagnosis.verdict is verdict
    assert "device" not in diagnosis.summary


def test_a_node_that_never_had_one_misses_none() -> None:
    assert judged((20.0, (HOST, CONNECTED, UP)), until=GONE).verdict is Verdict.HEALTHY


def test_a_wireguard_device_counts_as_well() -> None:
    wireguard = with_links(CONNECTED, replace(WLAN0, index=9, name="flannel-wg", kind="wireguard"))
    assert judged((20.0, (HOST, wireguard, UP)), (GONE, (CONNECTED,)), until=GONE + 90).verdict is (
        Verdict.FLANNEL_FAILING
    )
