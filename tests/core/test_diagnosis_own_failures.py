"""A flannel that died on a working uplink failed by itself, whatever the clock of its log said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.builders import HOST
from tests.scenarios import Moment, scenes
from tests.scenarios.told import CONNECTED, JQGSM, SINCE_BOOT, WIFI_NEVER_UP, crashed, logs, pods
from uplink_exporter.diagnosis import Diagnosis, Verdict
from uplink_exporter.facts import Fact
from uplink_exporter.flannel.observed import Cause, FlannelLogs, LastWords

BACK = 1000.0
LOOPS = pods(JQGSM, 3, "CrashLoopBackOff")
SLOW, FAST = -50_000_000.0, 10_800.0
"""By how many seconds a log's clock is wrong: it never heard of the time, or it keeps local time for UTC."""


def ahead(fact: FlannelLogs, seconds: float) -> FlannelLogs:
    """The logs, stamped by a clock that is so far ahead."""

    def stamped(words: LastWords) -> LastWords:
        return replace(words, at=(words.at or 0.0) + seconds, began=(words.began or 0.0) + seconds)

    return replace(
        fact,
        last_words=tuple(map(stamped, fact.last_words)),
        ended=stamped(fact.ended) if fact.ended else None,
    )


def judged(moments: Sequence[tuple[float, tuple[Fact, ...]]], until: float) -> Diagnosis:
    story = [Moment(uptime=uptime, tells=facts) for uptime, facts in moments]
    *_, last = scenes(story, until)
    return last.diagnosis


@pytest.mark.parametrize("wrong", [0.0, SLOW, FAST])
def test_one_that_began_before_the_uplink_came_waits(wrong: float) -> None:
    died = ahead(crashed(JQGSM, 3, 990.0), wrong)
    story = [(20.0, (HOST, WIFI_NEVER_UP, logs(JQGSM, 2))), (990.0, (died,)), (BACK, (CONNECTED,))]
    assert judged(story, BACK + 100).verdict is Verdict.RECOVERING


@pytest.mark.parametrize("wrong", [0.0, SLOW, FAST])
def test_one_that_began_after_the_uplink_came_failed_by_itself(wrong: float) -> None:
    before, died = ahead(crashed(JQGSM, 2, 990.0), wrong), ahead(crashed(JQGSM, 3, BACK + 60), wrong)
    story = [(20.0, (HOST, WIFI_NEVER_UP)), (30.0, (before,)), (BACK, (CONNECTED,)), (BACK + 60, (died,))]
    assert judged(story, BACK + 61).verdict is Verdict.FLANNEL_FAILING


@pytest.mark.parametrize("wrong", [0.0, SLOW, FAST])
def test_one_that_waits_for_its_turn_after_a_wrong_clock_recovers_when_it_runs(wrong: float) -> None:
    """Its words were there at the first look already, so only their stamps could tell when they were said."""
    died = ahead(crashed(JQGSM, 3, 15.0), wrong)
    story = [(20.0, (HOST, WIFI_NEVER_UP, died)), (BACK, (CONNECTED,))]
    assert judged(story, BACK + 100).verdict is Verdict.RECOVERING


def test_the_api_alone_tells_of_an_attempt_that_began_on_a_working_uplink() -> None:
    story = [
        (20.0, (HOST, WIFI_NEVER_UP, LOOPS)),
        (BACK, (CONNECTED,)),
        (BACK + 90, (pods(JQGSM, 4, "CrashLoopBackOff"),)),
    ]
    assert judged(story, BACK + 80).verdict is Verdict.RECOVERING
    assert judged(story, BACK + 91).verdict is Verdict.FLANNEL_FAILING


def test_where_no_uplink_was_gone_the_second_death_is_its_own() -> None:
    """The exporter came when the route was there: the first words may be of an outage that it did not see."""
    story = [(20.0, (HOST, CONNECTED, crashed(JQGSM, 3, 10.0))), (310.0, (crashed(JQGSM, 4, 310.0),))]
    assert judged(story, 300.0).verdict is Verdict.RECOVERING
    assert judged(story, 311.0).verdict is Verdict.FLANNEL_FAILING


@pytest.mark.parametrize(("wrong", "until"), [(SLOW, 590.0), (FAST, 590.0)])
def test_words_of_an_unbelievable_time_are_not_taken_for_old_or_for_new(wrong: float, until: float) -> None:
    story = [(20.0, (HOST, CONNECTED, ahead(crashed(JQGSM, 3, 10.0), wrong)))]
    assert judged(story, until).verdict is Verdict.RECOVERING
    assert judged(story, until + 40).verdict is Verdict.FLANNEL_FAILING


MISSING_DEVICE = (
    "Could not find valid interface matching ens192: error looking up interface ens192: "
    "route ip+net: no such network interface"
)
MISSING_ADDRESS = (
    "Failed to find any valid interface to use: error looking up interface 198.51.100.11: "
    "No interface with given IP found"
)
MISSING_ROUTE6 = (
    "Failed to find any valid interface to use: failed to get default v6 interface: Unable to find default v6 route"
)


@pytest.mark.parametrize(
    ("cause", "line", "why", "remedy"),
    [
        (Cause.IFACE_MISSING, MISSING_DEVICE, "flannel is told ens192, which does not exist", "flannel's flags"),
        (Cause.IFACE_IP_MISSING, MISSING_ADDRESS, "198.51.100.11, which is no address of this node", "annotation"),
        (Cause.NO_DEFAULT_ROUTE6, MISSING_ROUTE6, "there is no IPv6 default route", "ip -6 route show default"),
    ],
)
def test_what_holds_still_is_waited_for_by_nobody(cause: Cause, line: str, why: str, remedy: str) -> None:
    diagnosis = judged([(20.0, (HOST, CONNECTED, crashed(JQGSM, 3, 10.0, cause=cause, line=line)))], 40.0)

    assert diagnosis.verdict is Verdict.FLANNEL_FAILING
    assert why in diagnosis.summary
    assert any("dev wlan0" in evidence.observed for evidence in diagnosis.evidence)
    assert any(remedy in line for line in diagnosis.remedy)
    assert not any("wait" in line for line in diagnosis.remedy)


def test_a_missing_ipv6_route_is_refused_where_the_log_tells_the_stack() -> None:
    died = replace(crashed(JQGSM, 3, 10.0, cause=Cause.NO_DEFAULT_ROUTE6, line=MISSING_ROUTE6), stack="dual")
    diagnosis = judged([(20.0, (HOST, CONNECTED, died))], 40.0)

    assert diagnosis.verdict is Verdict.FLANNEL_REFUSES
    assert any("ip -6 route show default" in line for line in diagnosis.remedy)


OOM = replace(LOOPS, flannel=(replace(LOOPS.flannel[0], oom=3),))
SILENT = replace(logs(JQGSM, 3, subnet_file=SINCE_BOOT), started=True)


@pytest.mark.parametrize("known", [(OOM,), (OOM, SILENT)])
def test_who_was_killed_for_its_memory_is_said_to_be(known: tuple[Fact, ...]) -> None:
    diagnosis = judged([(20.0, (HOST, CONNECTED, *known))], 700.0)
    assert diagnosis.verdict is Verdict.FLANNEL_FAILING
    assert "does not run: it was killed for memory" in diagnosis.summary
    assert any("memory limit" in line for line in diagnosis.remedy)
