"""What `uplink-exporter history` says, word for word."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given

from tests.builders import WLAN0, at, unplugged, with_links, with_routes
from tests.core.history.runs import AUGUST, WELL, Run, begins, chronicles, recorded, until
from tests.scenarios import Moment
from tests.scenarios.told import CONNECTED, JQGSM, WIFI_NEVER_UP, WIFI_ROUTE, logs, pods, stopped
from tests.shell.conftest import Zone
from tests.story.test_incident import MOMENTS
from uplink_exporter.commands.history import MOST_TOLD, answer, as_json, as_text
from uplink_exporter.facts import Instant, NextHop
from uplink_exporter.flannel.observed import FlannelLogs
from uplink_exporter.history.chronicle import Chronicle
from uplink_exporter.history.milestones import Milestone
from uplink_exporter.settings import Output

NOW = Instant(uptime=3600.0, boot_time=AUGUST)
INCIDENT = recorded(Run(moments=MOMENTS, until=3600.0))

pytestmark = pytest.mark.usefixtures("zone")


def says(*runs: Run) -> list[str]:
    return as_text("pi-master1", recorded(*runs), NOW).splitlines()


def test_the_incident_is_told_as_by_a_colleague() -> None:
    assert as_text("pi-master1", INCIDENT, NOW).splitlines() == [
        "pi-master1: 1 incident in 1 boot, watched since 2021-08-26 17:47 (UTC).",
        "",
        "BEGAN             LASTED  DEVICE  VERDICT      END",
        "2021-08-26 17:46  14m 0s  wlan0   uplink_down  recovered",
        "  the uplink wlan0 is down, so there is no IPv4 default route",
        "  since boot; no default route for 11m 5s; flannel restarted 10x (no_default_route)",
        "  ended by: wlan0 down -> up, IPv4 default route usable by wlan0 at 17:57; healthy 2m 55s later",
    ]


def test_times_are_local(zone: Zone) -> None:
    zone("CST-8")  # as POSIX has it: a fresh machine has no zoneinfo
    first, _, _, told, *_ = as_text("pi-master1", INCIDENT, NOW).splitlines()
    assert first.endswith("watched since 2021-08-27 01:47 (CST).")
    assert told.startswith("2021-08-27 01:46")


BY_WIRE = with_routes(CONNECTED, replace(WIFI_ROUTE, next_hops=(NextHop(index=2, gateway="192.168.6.1"),), metric=100))
MOVING = (
    WELL,
    Moment(uptime=600.0, tells=(BY_WIRE,)),
    Moment(uptime=1200.0, tells=(CONNECTED,)),
)


def test_traffic_that_moves_to_another_device_is_no_incident_and_is_told() -> None:
    assert says(Run(moments=MOVING, until=1300.0))[1:] == [
        "",
        "TRAFFIC MOVED",
        "2021-08-26 18:06  IPv4 from eth0 to wlan0",
        "2021-08-26 17:56  IPv4 from wlan0 to eth0",
    ]


def test_traffic_that_moves_is_told_to_programs() -> None:
    told = json.loads(as_json("pi-master1", recorded(Run(moments=MOVING, until=1300.0))))
    assert [(move["uptime"], move["family"], move["from"], move["to"]) for move in told["moves"]] == [
        (1200.0, "ipv4", "eth0", "wlan0"),
        (600.0, "ipv4", "wlan0", "eth0"),
    ]


def test_one_that_lasts() -> None:
    assert says(Run(moments=until(300.0), until=310.0))[3:] == [
        "2021-08-26 17:46  5m 10s so far  wlan0   uplink_down  ongoing",
        "  the uplink wlan0 is down, so there is no IPv4 default route",
        "  since boot; no default route for 5m 10s; flannel restarted 4x (no_default_route)",
        "  not over at 17:51, when last watched",
    ]


def test_one_whose_end_nobody_saw() -> None:
    up = with_links(CONNECTED, replace(WLAN0, carrier_changes=4))
    again = begins(2200.0, up, logs(JQGSM, 1246, subnet_file=AUGUST + 1500), pods(JQGSM, 1246))
    assert says(Run(moments=until(400.0), until=400.0, ends=True), Run(moments=[again], until=3600.0))[3:] == [
        "2021-08-26 17:46  6m 40s to 37m 10s  wlan0   uplink_down  unwatched",
        "  the uplink wlan0 is down, so there is no IPv4 default route",
        "  since boot; no default route for 6m 40s; flannel restarted 7x (no_default_route)",
        "  ended by: wlan0 down -> up, IPv4 default route usable by wlan0 between 17:53 and 18:23, while",
        "    nobody watched; healthy 30s later",
        "  not watched for up to 30m 0s before 18:23; meanwhile the carrier of wlan0 changed 4x",
    ]


def test_one_whose_beginning_nobody_saw() -> None:
    runs = (Run(moments=[WELL], until=400.0, ends=True), Run(moments=[begins(2200.0, WIFI_NEVER_UP)], until=2300.0))
    assert says(*runs)[4:] == [
        "  the uplink wlan0 is down, so there is no IPv4 default route",
        "  began between 17:53 and 18:23, while nobody watched; default route lost 1x; no default route for",
        "    1m 40s",
        "  not over at 18:25, when last watched",
        "  not watched for up to 30m 0s before 18:23",
    ]


def test_one_that_was_first_looked_at_late() -> None:
    text = says(Run(moments=[begins(86_400.0, WIFI_NEVER_UP)], until=86_500.0))
    assert text[3] == "2021-08-26 17:46  1d 0h so far  wlan0   uplink_down  ongoing"
    assert text[5] == "  since boot, as far as is known: first looked at 1d 0h after it; no default route for 1d 0h"


def test_one_that_a_reboot_did_not_end() -> None:
    after = (
        begins(15.0, WIFI_NEVER_UP, stopped(JQGSM, 1244, -5.0)),
        Moment(uptime=400.0, tells=(CONNECTED,)),
        Moment(uptime=430.0, tells=(logs(JQGSM, 1245, subnet_file=AUGUST + 930),)),
    )
    text = says(
        Run(moments=until(400.0), until=410.0),
        Run(boot="b2", boot_times={0.0: AUGUST + 86_400}, moments=after, until=3600.0),
    )
    assert text[0] == "pi-master1: 2 incidents in 2 boots, watched since 2021-08-26 17:47 (UTC)."
    assert text[3] == "2021-08-27 17:46  7m 45s           wlan0   uplink_down  recovered"
    assert text[7:] == [
        "2021-08-26 17:46  at least 6m 50s  wlan0   uplink_down  rebooted",
        "  the uplink wlan0 is down, so there is no IPv4 default route",
        "  since boot; no default route for 6m 50s; flannel restarted 4x (no_default_route)",
        "  not over at 17:53, when last watched; the node was booted again at 2021-08-27 17:46",
    ]


def test_an_uplink_that_flaps_is_one_line() -> None:
    down = unplugged(CONNECTED)
    flaps = (Moment(uptime=600.0 + 20 * n, tells=(CONNECTED if n % 2 else down,)) for n in range(160))
    assert says(Run(moments=[WELL, *flaps], until=4000.0))[3:] == [
        "2021-08-26 17:56  53m 0s  wlan0   route_dead  recovered",
        "  the IPv4 default route leads out of wlan0, which is dead",
        "  default route lost 80x; no default route for 26m 40s",
        "  ended by: wlan0 down -> up, IPv4 default route usable by wlan0 at 18:49; healthy at once",
    ]


def test_one_too_short_for_a_verdict() -> None:
    blip = (
        begins(20.0, CONNECTED),
        Moment(uptime=25.0, tells=(WIFI_NEVER_UP,)),
        Moment(uptime=26.0, tells=(CONNECTED,)),
    )
    settled = Moment(uptime=40.0, fails=(FlannelLogs,))
    assert says(Run(moments=(*blip, settled), until=900.0))[3:] == [
        "2021-08-26 17:47  1s      wlan0   -        recovered",
        "  the default route was lost, for too short a time for a verdict",
        "  default route lost 1x; no default route for 1s",
        "  ended by: wlan0 down -> up, IPv4 default route usable by wlan0 at 17:47; healthy at once",
    ]


def test_no_incident_says_since_when_it_would_be_known() -> None:
    runs = (Run(moments=[WELL], until=400.0), Run(boot="b2", moments=[WELL], until=500.0))
    assert says(*runs) == ["pi-master1: no incident in 2 boots, watched since 2021-08-26 17:47 (UTC)."]


def test_nothing_recorded_says_so() -> None:
    assert as_text("pi-master1", Chronicle(), NOW) == "pi-master1: nothing is recorded yet."
    assert json.loads(as_json("pi-master1", Chronicle()))["incidents"] == []


def test_the_newest_are_told_and_the_rest_counted() -> None:
    again = tuple(
        replace(transition, boot=f"b{number}") for number in range(MOST_TOLD + 2) for transition in INCIDENT.transitions
    )
    many = replace(INCIDENT, boot="", boots=(), transitions=again)
    lines = as_text("pi-master1", many, NOW).splitlines()
    assert sum(line.endswith("recovered") for line in lines) == MOST_TOLD
    assert lines[-2:] == ["", "and 2 more before these: --output=json has them"]
    assert len(json.loads(as_json("pi-master1", many))["incidents"]) == MOST_TOLD + 2


def test_the_answer_for_a_program_has_a_form() -> None:
    milestones = {Milestone.LINK: 665.0, Milestone.FLANNEL: 680.0}
    told = json.loads(answer(INCIDENT, "pi-master1", Output.JSON, NOW, reached=milestones))
    assert set(told) == {"form", "node", "boots", "incidents", "moves"}
    assert (told["form"], told["node"]) == (1, "pi-master1")
    assert told["boots"] == [
        {
            "id": "b1",
            "time": "2021-08-26T17:46:40Z",
            "watched_since": 20.0,
            "watched_until": 3600.0,
            "milestones": {"link": 665.0, "flannel": 680.0},
        }
    ]
    (incident,) = told["incidents"]
    transitions = incident.pop("transitions")
    assert [cured["now"] for cured in incident.pop("cure")] == ["up", "usable"]
    assert incident == {
        "boot": "b1",
        "time": "2021-08-26T17:46:40Z",
        "end_time": "2021-08-26T18:00:40Z",
        "began": 20.0,
        "well_until": None,
        "since_boot": True,
        "bad_until": 840.0,
        "ended": 840.0,
        "ending": "recovered",
        "next_boot_time": None,
        "at_least_seconds": 840.0,
        "at_most_seconds": 840.0,
        "device": "wlan0",
        "verdicts": ["uplink_down", "recovering"],
        "summary": "the uplink wlan0 is down, so there is no IPv4 default route",
        "flannel_restarts": 10,
        "flannel_causes": ["no_default_route"],
        "default_route_losses": 0,
        "default_route_absent_seconds": 665.0,
        "gaps": [],
    }
    assert transitions[0] == {"uptime": 20.0, "kind": "watch", "subject": "", "was": "", "now": "began", "text": ""}
    assert transitions[-1]["now"] == "healthy"


def test_the_output_is_as_asked_for() -> None:
    assert answer(INCIDENT, "pi-master1", Output.TEXT, NOW) == as_text("pi-master1", INCIDENT, NOW)


@pytest.mark.parametrize("name", ["\x1b[2Jwlan0", "\x9b2J", "\u202ewlan0", "wl\u200ban0"])
def test_a_device_name_is_no_command_to_the_terminal(name: str) -> None:
    named = tuple(
        replace(t, subject=t.subject.replace("wlan0", name), text=t.text.replace("wlan0", name))
        for t in INCIDENT.transitions
    )
    hostile = replace(INCIDENT, transitions=named)
    text = as_text(name, hostile, NOW)
    assert all(line.isprintable() for line in text.splitlines())
    assert name[0].isprintable() or f"\\x{ord(name[0]):02x}" in text
    assert as_json(name, hostile).isascii()


@given(chronicles)
def test_whatever_the_file_holds_is_told(chronicle: Chronicle) -> None:
    text = as_text("pi-master1", chronicle, at(60.0))
    assert text.startswith("pi-master1: ")
    assert json.loads(as_json("pi-master1", chronicle), parse_constant=pytest.fail)["form"] == 1
