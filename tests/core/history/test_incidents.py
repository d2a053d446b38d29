"""Incidents, out of what real runs write down; and whatever else a file may hold."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from math import inf, isfinite, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import WLAN0, at, unplugged, with_links
from tests.core.history.runs import AUGUST, WELL, Run, begins, chronicles, recorded, until
from tests.feeding import Clock, Happening, feed
from tests.scenarios import Moment
from tests.scenarios.told import CONNECTED, JQGSM, TQ9X5, WIFI_NEVER_UP, crashed, logs, pods, stopped
from tests.story.test_incident import MOMENTS
from tests.strategies import timelines
from uplink_exporter.diagnosis import Verdict, diagnose
from uplink_exporter.facts import Fact, Family, Network, Operstate, Policy
from uplink_exporter.flannel.observed import Cause, FlannelLogs
from uplink_exporter.history.boots import boots
from uplink_exporter.history.chronicle import Chronicle, Kind, Transition
from uplink_exporter.history.incident import Ending, Incident
from uplink_exporter.history.incidents import MOST_INCIDENTS, incidents
from uplink_exporter.history.telling import begun
from uplink_exporter.history.trouble import BOOTING, CALM
from uplink_exporter.store import Store

IPV4 = (Family.IPV4,)
BROUGHT_UP = with_links(CONNECTED, replace(WLAN0, carrier_changes=4))
WITHOUT_CARRIER = unplugged(CONNECTED)


def then(uptime: float, *facts: Fact) -> Moment:
    return Moment(uptime=uptime, tells=facts)


def since(uptime: float) -> tuple[Moment, ...]:
    return tuple(moment for moment in MOMENTS if moment.uptime >= uptime)


def only(chronicle: Chronicle) -> Incident:
    (incident,) = incidents(chronicle)
    return incident


def test_the_incident_as_its_operator_wrote_it_down() -> None:
    incident = only(recorded(Run(moments=MOMENTS, until=3600.0)))
    assert (incident.began, incident.since_boot, incident.ended) == (20.0, True, 840.0)
    assert (incident.at_least, incident.at_most) == (840.0, 840.0)
    assert incident.ending is Ending.RECOVERED
    assert incident.device == "wlan0"
    assert incident.verdicts == (Verdict.UPLINK_DOWN, Verdict.RECOVERING)
    assert incident.summary == "the uplink wlan0 is down, so there is no IPv4 default route"
    assert (incident.restarts, incident.causes) == (10, (Cause.NO_DEFAULT_ROUTE,))
    assert (incident.losses, incident.absent) == (0, 665.0)
    assert [(t.uptime, t.subject, t.was, t.now) for t in incident.cure] == [
        (665.0, "wlan0", Operstate.DOWN, Operstate.UP),
        (665.0, Family.IPV4, "none", "usable"),
    ]
    assert incident.gaps == ()
    assert incident.boot.unix(incident.since) == AUGUST


def test_a_node_that_is_well_has_none() -> None:
    assert incidents(recorded(Run(moments=[WELL], until=3600.0))) == ()


def test_nothing_is_made_of_nothing() -> None:
    assert incidents(Chronicle()) == ()
    assert boots(Chronicle()) == ()


def test_one_that_lasts_is_told_as_far_as_it_was_watched() -> None:
    incident = only(recorded(Run(moments=until(300.0), until=310.0)))
    assert (incident.ending, incident.ended, incident.bad_until) == (Ending.ONGOING, None, 310.0)
    assert (incident.at_least, incident.at_most) == (310.0, None)
    assert incident.absent == 310.0
    assert incident.cure == ()


def test_while_we_watch_it_lasts_until_now() -> None:
    chronicle = recorded(Run(moments=until(300.0), until=310.0))
    (incident,) = incidents(chronicle, IPV4, watching=Run(moments=(), until=0.0).at(333.0))
    assert (incident.ending, incident.bad_until) == (Ending.ONGOING, 333.0)


def test_a_boot_that_takes_its_time_is_none() -> None:
    comes_up = (begins(4.0, WIFI_NEVER_UP, stopped(JQGSM, 3, -15.0)), then(200.0, CONNECTED))
    flannel = logs(JQGSM, 4, subnet_file=AUGUST + 240)
    assert incidents(recorded(Run(moments=(*comes_up, then(240.0, flannel)), until=900.0))) == ()
    assert only(recorded(Run(moments=(*comes_up, then(BOOTING, flannel)), until=900.0))).since_boot


def test_a_boot_of_which_flannel_died_is_one_however_short() -> None:
    comes_up = (begins(4.0, WIFI_NEVER_UP, stopped(JQGSM, 3, -15.0)), then(20.0, crashed(JQGSM, 4, 20.0)))
    rest = (
        then(40.0, crashed(JQGSM, 5, 40.0)),
        then(60.0, CONNECTED),
        then(70.0, logs(JQGSM, 6, subnet_file=AUGUST + 70)),
    )
    incident = only(recorded(Run(moments=(*comes_up, *rest), until=900.0)))
    assert (incident.since_boot, incident.restarts, incident.absent) == (True, 3, 60.0)


def test_nor_is_it_part_of_what_comes_soon_after() -> None:
    moments = (begins(4.0, WIFI_NEVER_UP), then(14.0, CONNECTED), then(320.0, WIFI_NEVER_UP), then(330.0, CONNECTED))
    incident = only(recorded(Run(moments=moments, until=900.0)))
    assert (incident.began, incident.since_boot, incident.absent) == (320.0, False, 10.0)


def test_what_was_there_and_is_lost_is_one_however_early() -> None:
    incident = only(recorded(Run(moments=[WELL, then(60.0, WIFI_NEVER_UP), then(70.0, CONNECTED)], until=900.0)))
    assert (incident.began, incident.losses) == (60.0, 1)


def test_a_loss_in_the_course_of_a_boot() -> None:
    incident = only(recorded(Run(moments=[WELL, then(600.0, WIFI_NEVER_UP), then(900.0, CONNECTED)], until=3600.0)))
    assert (incident.began, incident.well_until, incident.since_boot) == (600.0, 600.0, False)
    assert (incident.losses, incident.absent, incident.ended) == (1, 300.0, 900.0)


def test_killed_in_the_middle_and_resumed_it_is_one() -> None:
    """kill -9 at 400 s, started again at 430 s, and wlan0 is as it was."""
    again = begins(430.0, WIFI_NEVER_UP, crashed(JQGSM, 1244, 420.0), pods(JQGSM, 1244, "CrashLoopBackOff"))
    chronicle = recorded(Run(moments=until(400.0), until=400.0), Run(moments=(again, *since(522.0)), until=3600.0))
    incident = only(chronicle)
    assert (incident.ending, incident.ended, incident.since_boot) == (Ending.RECOVERED, 840.0, True)
    assert (incident.restarts, incident.absent) == (10, 665.0)
    assert [gap.until for gap in incident.gaps] == [430.0]


def test_an_end_that_nobody_saw_lies_between_two_looks() -> None:
    again = begins(2200.0, BROUGHT_UP, logs(JQGSM, 1246, subnet_file=AUGUST + 1500), pods(JQGSM, 1246))
    incident = only(recorded(Run(moments=until(400.0), until=400.0), Run(moments=[again], until=3600.0)))
    (gap,) = incident.gaps
    assert incident.ending is Ending.UNWATCHED
    assert incident.bad_until == gap.since < gap.until == 2200.0
    assert incident.at_least == gap.since
    assert incident.at_most == incident.ended == 2230.0
    assert incident.absent == gap.since
    assert gap.carriers == (("wlan0", 4),)
    assert incident.restarts == 7


def test_a_run_that_says_until_when_the_last_one_watched_is_believed_within_what_was_written() -> None:
    again = begins(2200.0, BROUGHT_UP, logs(JQGSM, 1246, subnet_file=AUGUST + 1500), pods(JQGSM, 1246))
    chronicle = recorded(Run(moments=until(400.0), until=400.0), Run(moments=[again], until=3600.0))
    for told, believed in (("400.000", 400.0), ("9999", 2200.0), ("7", 300.0), ("began", 300.0), ("nan", 300.0)):
        said = tuple(
            replace(t, was=told) if t.kind is Kind.WATCH and t.uptime == 2200.0 else t for t in chronicle.transitions
        )
        assert [gap.since for gap in only(replace(chronicle, transitions=said)).gaps] == [believed]


def test_a_beginning_that_nobody_saw_lies_between_two_looks() -> None:
    runs = (Run(moments=[WELL], until=400.0, ends=True), Run(moments=[begins(2200.0, WIFI_NEVER_UP)], until=2300.0))
    incident = only(recorded(*runs))
    assert (incident.well_until, incident.began, incident.since_boot) == (400.0, 2200.0, False)
    assert (incident.losses, incident.absent) == (1, 100.0)


def test_flannel_that_failed_by_the_time_of_the_first_look_did_so_between_two_looks() -> None:
    failing = crashed(JQGSM, 4, AUGUST + 2190.0, cause=Cause.RBAC, line="forbidden")
    late = (begins(2200.0, CONNECTED), then(2201.0, failing))
    incident = only(recorded(Run(moments=[WELL], until=400.0, ends=True), Run(moments=late, until=2300.0)))
    assert (incident.verdicts, incident.began) == ((Verdict.FLANNEL_FAILING,), 2201.0)
    assert incident.well_until == 400.0


def test_what_nobody_watched_after_the_end_is_no_part_of_it() -> None:
    again = begins(9000.0, CONNECTED, logs(TQ9X5, 5, subnet_file=AUGUST + 680))
    incident = only(recorded(Run(moments=MOMENTS[:-1], until=840.0), Run(moments=[again], until=9100.0)))
    assert (incident.ended, incident.ending, incident.gaps) == (840.0, Ending.RECOVERED, ())


def test_flannel_that_runs_again_at_the_first_look_did_so_between_two_looks() -> None:
    failing = crashed(JQGSM, 4, AUGUST + 390.0, cause=Cause.RBAC, line="forbidden")
    again = begins(2200.0, CONNECTED, logs(JQGSM, 4, subnet_file=AUGUST + 500))
    incident = only(
        recorded(Run(moments=[WELL, then(390.0, failing)], until=400.0, ends=True), Run(moments=[again], until=2300.0))
    )
    assert (incident.ending, incident.bad_until, incident.ended) == (Ending.UNWATCHED, 400.0, 2200.0)


def test_a_loss_at_the_first_look_that_is_over_with_it_was_seen_to_end() -> None:
    """The kernel reports the loss, and its dump shows the route back, before the other sources have told."""
    lost = replace(CONNECTED, routes=())
    again = (begins(2200.0, lost), then(2200.5, CONNECTED), Moment(uptime=2201.0, fails=(FlannelLogs,)))
    chronicle = recorded(Run(moments=[WELL], until=400.0, ends=True), Run(moments=again, until=2300.0))
    at_once = tuple(replace(t, uptime=2200.0 if t.uptime == 2200.5 else t.uptime) for t in chronicle.transitions)
    incident = only(replace(chronicle, transitions=at_once))
    assert (incident.well_until, incident.began, incident.losses) == (400.0, 2200.0, 1)
    assert (incident.bad_until, incident.ended, incident.ending) == (2200.0, 2200.0, Ending.RECOVERED)


def test_one_that_was_over_before_there_was_a_verdict() -> None:
    """The first word of each source is waited for."""
    blip = (begins(20.0, CONNECTED), then(25.0, WIFI_NEVER_UP), then(26.0, CONNECTED))
    incident = only(recorded(Run(moments=(*blip, Moment(uptime=40.0, fails=(FlannelLogs,))), until=900.0)))
    assert (incident.began, incident.ended, incident.losses) == (25.0, 26.0, 1)
    assert (incident.verdicts, incident.verdict, incident.summary) == ((), None, "")
    assert incident.device == "wlan0"


def test_an_uplink_that_was_up_all_along_is_not_said_to_have_come_up() -> None:
    incident = only(
        recorded(Run(moments=[begins(20.0, replace(CONNECTED, routes=())), then(390.0, CONNECTED)], until=900.0))
    )
    assert incident.verdicts == (Verdict.ROUTE_MISSING,)
    assert [t.kind for t in incident.cure] == [Kind.ROUTE]


def test_one_of_which_the_beginning_is_forgotten_began_at_no_known_time() -> None:
    chronicle = recorded(Run(moments=MOMENTS, until=3600.0))
    kept = tuple(t for t in chronicle.transitions if t.uptime >= 300.0)
    assert kept[0].kind is Kind.FLANNEL
    incident = only(replace(chronicle, transitions=kept))
    assert (incident.began, incident.well_until, incident.since_boot) == (300.0, None, False)
    assert (incident.ended, incident.at_most) == (840.0, None)


def test_while_we_watch_again_it_is_not_said_that_nobody_does() -> None:
    chronicle = recorded(Run(moments=until(400.0), until=400.0, ends=True))
    (incident,) = incidents(chronicle, IPV4, watching=at(500.0))
    assert (incident.ending, incident.bad_until) == (Ending.ONGOING, 500.0)
    (boot,) = boots(chronicle, watching=replace(at(500.0), boot_time=12.0))
    assert (boot.time, boot.watched_since, boot.watched_until) == (12.0, 20.0, 500.0)


def test_nobody_watches_any_more() -> None:
    incident = only(recorded(Run(moments=until(400.0), until=400.0, ends=True)))
    assert (incident.ending, incident.ended, incident.bad_until) == (Ending.UNWATCHED, None, 400.0)


def test_a_reboot_in_the_middle_makes_two() -> None:
    after = (
        begins(15.0, WIFI_NEVER_UP, stopped(JQGSM, 1244, -5.0)),
        then(400.0, CONNECTED),
        then(430.0, logs(JQGSM, 1245, subnet_file=AUGUST + 930)),
    )
    chronicle = recorded(
        Run(moments=until(400.0), until=410.0),
        Run(boot="b2", boot_times={0.0: AUGUST + 500}, moments=after, until=3600.0),
    )
    newer, older = incidents(chronicle)
    assert (newer.boot.id, newer.since_boot, newer.ending) == ("b2", True, Ending.RECOVERED)
    assert (older.boot.id, older.ending, older.ended) == ("b1", Ending.REBOOTED, None)
    assert (older.bad_until, older.next_boot) == (410.0, AUGUST + 500)
    assert newer.device == older.device == "wlan0"
    assert (newer.restarts, older.restarts) == (1, 4)


def test_of_a_boot_that_nobody_watched_it_is_known_that_it_was() -> None:
    chronicle = recorded(Run(moments=until(400.0), until=410.0))
    incident = only(replace(chronicle, boot="another"))
    assert (incident.ending, incident.next_boot) == (Ending.REBOOTED, None)


def flaps(losses: int, every: float) -> tuple[Moment, ...]:
    return tuple(then(600.0 + every * n, WITHOUT_CARRIER if n % 2 == 0 else CONNECTED) for n in range(2 * losses))


def test_an_uplink_that_flaps_is_one_incident() -> None:
    incident = only(recorded(Run(moments=[WELL, *flaps(80, every=20.0)], until=4000.0)))
    assert (incident.began, incident.losses, incident.absent) == (600.0, 80, 1600.0)
    assert incident.verdicts == (Verdict.ROUTE_DEAD,)


def test_of_a_flapping_of_which_the_beginning_is_forgotten_no_beginning_is_told() -> None:
    incident = only(recorded(Run(moments=[WELL, *flaps(200, every=20.0)], until=9000.0)))
    assert 80 < incident.losses < 200
    assert (incident.well_until, incident.at_most) == (None, None)


def test_what_is_calm_between_makes_two() -> None:
    moments = [WELL, *flaps(2, every=CALM)]
    assert len(incidents(recorded(Run(moments=moments, until=4000.0)))) == 2
    moments = [WELL, *flaps(2, every=CALM - 1)]
    assert len(incidents(recorded(Run(moments=moments, until=4000.0)))) == 1


def test_a_clock_that_was_wrong_at_boot_is_corrected_afterwards() -> None:
    """A board without a battery boots in 1970, and learns the time once there is a network."""
    moments = (
        begins(15.0, WIFI_NEVER_UP, stopped(JQGSM, 1244, -5.0)),
        then(400.0, CONNECTED),
        then(430.0, logs(JQGSM, 1245, subnet_file=430.0)),
    )
    first = Run(moments=moments, until=3600.0, boot_times={0.0: 0.0, 500.0: AUGUST})
    second = replace(first, boot="b2", boot_times={0.0: 0.0, 500.0: AUGUST + 86_400.0})
    newer, older = incidents(recorded(first, second))
    assert older.boot.unix(older.since) == AUGUST
    assert newer.boot.unix(newer.since) == AUGUST + 86_400.0
    assert older.at_least == newer.at_least < 600
    assert older.absent == newer.absent == 400.0


def test_a_family_that_is_not_required_is_no_trouble() -> None:
    moments = [begins(20.0, CONNECTED), then(600.0, WIFI_NEVER_UP)]
    chronicle = recorded(Run(moments=moments, until=700.0), policy=Policy(required=()))
    assert [t.now for t in chronicle.transitions if t.kind is Kind.ROUTE] == ["usable", "none"]
    assert incidents(chronicle, required=()) == ()
    assert len(incidents(chronicle, required=IPV4)) == 1


def test_flannel_failing_alone_blames_no_device() -> None:
    failing = crashed(TQ9X5, 4, AUGUST + 650.0, cause=Cause.RBAC, line="forbidden")
    running = logs(TQ9X5, 3, subnet_file=AUGUST + 41)
    incident = only(recorded(Run(moments=[begins(20.0, CONNECTED, running), then(660.0, failing)], until=700.0)))
    assert (incident.verdicts, incident.device) == ((Verdict.FLANNEL_FAILING,), "")
    assert (incident.restarts, incident.causes, incident.absent) == (1, (Cause.RBAC,), 0.0)


def test_a_kernel_that_falls_silent_is_no_trouble_and_ends_none() -> None:
    silent = Moment(uptime=400.0, fails=(Network,))
    assert incidents(recorded(Run(moments=[WELL, silent], until=900.0))) == ()
    incident = only(recorded(Run(moments=[*until(300.0), silent], until=900.0)))
    assert (incident.verdicts, incident.ending) == ((Verdict.UPLINK_DOWN,), Ending.ONGOING)


@given(timelines())
def test_what_is_told_of_a_boot_agrees_with_what_was_counted(timeline: list[tuple[float, Happening]]) -> None:
    timeline = [(uptime + BOOTING, happening) for uptime, happening in timeline]
    clock = Clock(at(timeline[0][0]))
    store = Store(state=begun(Policy(required=IPV4), None, Chronicle(), "b1", clock.now), clock=clock)
    *_, now = feed(store, clock, ((at(uptime), [happening]) for uptime, happening in timeline))
    told = incidents(store.state.last(Chronicle) or Chronicle(), IPV4, watching=now)
    history = (store.state.last(Network) or Network()).history.get(Family.IPV4)
    if history is not None:
        assert sum(incident.losses for incident in told) == history.losses
        assert sum(incident.absent for incident in told) == pytest.approx(history.absent_seconds(now.uptime))
    verdict = diagnose(store.state, now).verdict
    if verdict is not Verdict.UNKNOWN:
        assert any(incident.ended is None for incident in told) is (verdict is not Verdict.HEALTHY)


def test_times_that_are_none_are_left_out() -> None:
    chronicle = recorded(Run(moments=MOMENTS, until=3600.0))
    (boot,), transitions = chronicle.boots, chronicle.transitions
    wrong = [replace(transitions[4], uptime=uptime) for uptime in (nan, inf, -inf, -1.0)]
    assert incidents(replace(chronicle, transitions=(*wrong, *transitions))) == incidents(chronicle)
    told = boots(replace(chronicle, boots=(replace(boot, time=nan),)))
    assert [isfinite(boot.time) for boot in told] == [True]


def test_nobody_was_without_a_route_for_longer_than_it_lasted() -> None:
    """Two families, each of which claims to be missing since boot."""
    looks = ((310.0, "ipv4", "none"), (320.0, "ipv4", "usable"), (330.0, "ipv6", "none"), (340.0, "ipv6", "usable"))
    first = recorded(Run(moments=[WELL], until=30.0)).transitions[0]
    claims = tuple(
        replace(first, uptime=uptime, kind=Kind.ROUTE, subject=family, was="" if now == "none" else "none", now=now)
        for uptime, family, now in looks
    )
    (incident,) = incidents(Chronicle(transitions=claims), tuple(Family))
    assert incident.absent == 340.0


@given(chronicles, st.booleans())
def test_whatever_the_file_holds_is_told_within_bounds(chronicle: Chronicle, watched: bool) -> None:
    told = incidents(chronicle, tuple(Family), watching=at(800.0) if watched else None)
    assert len(told) <= MOST_INCIDENTS
    for one in told:
        assert one.at_least >= 0
        assert one.at_most is None or one.at_most >= one.at_least
        assert 0 <= one.absent <= max(one.bad_until, one.ended or 0.0)
        assert one.restarts >= 0
        assert one.began <= one.bad_until
    for newer, older in pairwise(told):
        if newer.boot.id == older.boot.id:
            assert older.ended is not None
            assert newer.began - older.ended >= CALM


FLAPPED = recorded(Run(moments=[WELL, *flaps(3, every=400.0)], until=4000.0))
APART = [replace(told, uptime=told.uptime + number / 1000) for number, told in enumerate(FLAPPED.transitions)]


@given(st.permutations(APART))
def test_the_order_of_the_file_is_of_no_account(mixed: list[Transition]) -> None:
    expected = incidents(replace(FLAPPED, transitions=tuple(APART)))
    assert incidents(replace(FLAPPED, transitions=tuple(mixed))) == expected != ()


def test_there_is_a_bound() -> None:
    recovered = recorded(Run(moments=[WELL, then(600.0, WIFI_NEVER_UP), then(700.0, CONNECTED)], until=800.0))
    again = (
        replace(transition, boot=f"b{number}")
        for number in range(MOST_INCIDENTS + 3)
        for transition in recovered.transitions
    )
    told = incidents(replace(recovered, boots=(), transitions=tuple(again)))
    assert len(told) == MOST_INCIDENTS
    assert told[0].boot.id == f"b{MOST_INCIDENTS + 2}"
