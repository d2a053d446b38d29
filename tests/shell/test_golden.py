"""The whole page of one known node, as a file that a person can read; `make golden` takes what there is for right."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families as text_families

from tests.alerts.tools import generations, there
from tests.builders import (
    BOOT,
    DUAL,
    ETH0,
    FLANNEL1,
    HOP6,
    HOST,
    LOAD,
    LOGS,
    PODS,
    RESTARTS,
    ROUTE,
    ROUTE6,
    SHOWING,
    booted,
    observed,
    scene,
    unplugged,
    with_links,
    with_routes,
)
from uplink_exporter.facts import (
    End,
    Happened,
    Host,
    Joined,
    Load,
    Mode,
    Network,
    NodeState,
    Operstate,
    Policy,
    Radio,
    Reason,
    Wireless,
)
from uplink_exporter.families import FAMILIES, Scene
from uplink_exporter.flannel.observed import Cause, FlannelLogs, LastWords, NodePods, WaitingContainer, WaitingReason
from uplink_exporter.flannel.units import FlannelJournal, UnitLog, UnitState
from uplink_exporter.history.memory import Recorded
from uplink_exporter.settings import DEFAULT_EXCLUDE, whole_name
from uplink_exporter.web.page import Page

GOLDEN = Path(__file__).parent / "golden" / "page.prom"

CRASHED = LastWords(
    uid=RESTARTS.uid,
    container=RESTARTS.container,
    attempt=4,
    cause=Cause.API_UNREACHABLE,
    line="dial tcp 10.96.0.1:443: connect: network is unreachable",
    at=BOOT + 100,
)
RKE2 = UnitLog(unit="rke2-server.service", state=UnitState.RUNNING, restarts=2, times=(20.0, 26.0), started=True)
MORE = replace(RESTARTS, count=5)
TWO_HOPS6 = replace(ROUTE6, next_hops=(HOP6, replace(HOP6, gateway="fe80::2")), nested=True)
WAITING = WaitingContainer(
    namespace="kube-system",
    pod="etcd-pi-master1",
    container="etcd",
    reason=WaitingReason.CREATE_CONTAINER_ERROR,
)


RADIO = Radio(
    device="wlan0",
    mode=Mode.STATION,
    joined=Joined(bssid="02:00:00:00:01:00", ssid="example-net", authorized=True, signal=-47),
)
LOST = Happened(device="wlan0", end=End.SIGNAL_LOST)
JOINED = Happened(device="wlan0", bssid="02:00:00:00:01:00")


def after_the_incident() -> Scene:
    """The node of the incident: up without wlan0, brought up after five minutes, unplugged once since; once by wire."""
    plain = with_links(DUAL, FLANNEL1)
    up = with_routes(plain, ROUTE, TWO_HOPS6)
    hops = (replace(hop, index=ETH0.index) for route in plain.routes for hop in route.next_hops)
    by_wire = with_routes(
        plain, *(replace(route, next_hops=(hop,)) for route, hop in zip(plain.routes, hops, strict=True))
    )
    by_wire = with_links(by_wire, replace(ETH0, operstate=Operstate.UP, carrier=True))
    state = observed(
        NodeState(policy=Policy(devices=("wlan0",))),
        [
            (40, booted(up)),
            (41, LOGS),
            (300, up),
            (500, unplugged(up)),
            (507.5, up),
            (550, by_wire),
            (580, up),
            (601, replace(LOGS, restarts=(MORE,), last_words=(CRASHED,))),
            (601, replace(PODS, flannel=(replace(PODS.flannel[0], restarts=MORE),), waiting=(WAITING,))),
            (602, HOST),
            (603, LOAD),
            (604, up),
            (605, Recorded(set_aside=0)),
            (606, FlannelJournal(boot="1f0c", units=(RKE2,))),
            (607, Wireless(radios=(RADIO,))),
            (608, Wireless(radios=(RADIO,), happened=(LOST, JOINED))),
        ],
    )
    sources = (Load, Host, Network, FlannelLogs, NodePods, FlannelJournal, Wireless, Recorded)
    showing = replace(SHOWING, sources=sources, exclude=whole_name(DEFAULT_EXCLUDE))
    return scene(state.fail("netlink", Reason.OVERFLOW), uptime=610.25, showing=showing)


def test_the_page_is_the_golden_one(request: pytest.FixtureRequest) -> None:
    page = Page().render(after_the_incident(), "")[0].decode()
    if request.config.getoption("--update-golden"):
        GOLDEN.write_text(page)
    assert page == GOLDEN.read_text()


def test_every_family_has_a_sample_in_it() -> None:
    shown = {family.name for family in text_families(GOLDEN.read_text()) if family.samples}
    assert shown == {family.name.removesuffix("_total") for family in FAMILIES}


def test_both_formats_say_the_same() -> None:
    text = text_families(GOLDEN.read_text())
    page = Page().render(after_the_incident(), "application/openmetrics-text")[0].decode()
    openmetrics = openmetrics_families(page)  # type: ignore[no-untyped-call]
    assert {(f.name, f.type, f.documentation, str(f.samples)) for f in text} == {
        (f.name, f.type, f.documentation, str(f.samples)) for f in openmetrics
    }


def test_promtool_finds_nothing_to_say_of_it() -> None:
    promtool = there(generations()[0].promtool, "promtool")
    judged = subprocess.run(
        [promtool, "check", "metrics"], input=GOLDEN.read_bytes(), capture_output=True, check=False, timeout=30
    )
    assert (judged.returncode, judged.stdout, judged.stderr) == (0, b"", b"")
