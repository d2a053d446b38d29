"""The status page: what a person sees, read as a browser reads it."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given

from tests.builders import (
    ADDRESS,
    ETH0,
    HOST,
    LOAD,
    LOGS,
    NETWORK,
    SHOWING,
    WLAN0,
    at,
    booted,
    never_up,
    node,
    observed,
    scene,
    unplugged,
    with_links,
)
from tests.feeding import Clock, Happening, feed
from tests.scenarios import Moment
from tests.strategies import gaps, policies, timelines
from uplink_exporter.facts import Fact, Host, Load, Network, NodeState, Operstate, Policy, Reason
from uplink_exporter.families import Scene
from uplink_exporter.flannel.observed import FlannelLogs
from uplink_exporter.history.chronicle import Chronicle
from uplink_exporter.history.memory import remember
from uplink_exporter.history.telling import begun
from uplink_exporter.store import Store
from uplink_exporter.web.landing import DEVICE_COLUMNS, MOST_ADDRESSES, MOST_ROWS, landing

VOID = {"meta", "br"}


class Reader(HTMLParser):
    """What the page says, and which elements and attributes say it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.text: list[str] = []
        self.elements: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.open: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data


def read(of: Scene) -> Reader:
    return Reader(landing(of, "/metrics"))


def test_a_healthy_node_at_a_glance() -> None:
    page = read(scene(node(NETWORK, LOAD, HOST)))
    assert "uplink-exporter on pi-master1" in page.text
    assert "healthy: the default route leaves by wlan0" in page.text
    assert ["ipv4", "usable", "via 192.168.6.1 dev wlan0"] in page.rows
    assert ["ipv6", "none (not required)", ""] in page.rows
    assert ["wlan0", "up", "up", "yes", "route", "192.168.6.11/24"] in page.rows
    assert ["eth0", "down", "up", "no", "", ""] in page.rows
    assert ["netlink", "fresh", "none"] in page.rows


def test_the_incident_at_a_glance() -> None:
    page = read(scene(node(booted(NETWORK), HOST, policy=Policy(devices=("wlan0",)))))
    assert "uplink_down" in page.text
    assert ["ipv4", "none (required)", ""] in page.rows
    assert ["wlan0", "down", "down", "no", "configured", ""] in page.rows
    assert any("sudo netplan apply" in text for text in page.text)


def test_a_dead_route_is_no_usable_one() -> None:
    assert ["ipv4", "dead", "via 192.168.6.1 dev wlan0"] in read(scene(node(unplugged(NETWORK)))).rows


def test_a_device_that_does_not_exist_is_said_to_only_if_the_kernel_said_so() -> None:
    state = observed(NodeState(policy=Policy(devices=("usb0",))), [(60, NETWORK)])
    assert ["usb0", "does not exist", "", "", "configured", ""] in read(scene(state)).rows
    stale = read(scene(state, uptime=10_000)).rows
    assert ["usb0", "not known now", "", "", "configured", ""] in stale
    assert ["wlan0", "not known now", "", "", "route", ""] in stale


def test_a_source_that_fails_says_why() -> None:
    state = node(NETWORK).fail("load", Reason.IO).fail("load", Reason.IO).fail("load", Reason.PARSE)
    assert ["load", "stale", "io 2x, parse 1x"] in read(scene(state)).rows


def test_nothing_is_loaded_from_elsewhere() -> None:
    page = read(scene(node(NETWORK, HOST, LOGS)))
    assert page.elements.isdisjoint({"script", "link", "img", "iframe", "object", "base", "form"})
    assert {value for name, value in page.attributes if name in ("href", "src")} == {
        "/metrics",
        "/-/healthy",
        "/-/ready",
    }
    assert "url(" not in "".join(page.text)
    assert "@import" not in "".join(page.text)


@pytest.mark.parametrize("name", ["<script>", '"><b>x</b>', "</table>", "&amp;", "'onx='"])
def test_a_device_cannot_speak_html(name: str) -> None:
    plain = read(scene(node(with_links(NETWORK, replace(ETH0, name="plain")), HOST)))
    hostile = read(scene(node(with_links(NETWORK, replace(ETH0, name=name)), replace(HOST, name=name))))
    assert hostile.elements == plain.elements
    assert hostile.attributes == plain.attributes
    assert [row[0] for row in hostile.rows if row[0] == name] == [name]


@given(timelines(), policies, gaps)
def test_any_node_has_a_well_formed_page(timeline: list[tuple[float, Happening]], policy: Policy, gap: float) -> None:
    clock = Clock(at(timeline[0][0]))
    store = Store(state=NodeState(policy=policy), clock=clock)
    for now in feed(store, clock, ((at(uptime), [happening]) for uptime, happening in timeline)):
        page = read(Scene(state=store.state, now=at(now.uptime + gap), showing=SHOWING))
        assert page.open == []
        assert "script" not in page.elements
        assert all(len(row) in (2, 3, 5, 6) for row in page.rows)


def test_of_a_crowd_it_shows_as_much_as_a_person_reads_and_what_matters_first() -> None:
    crowd = (replace(WLAN0, index=1000 + n, name=f"vlan{n}") for n in range(4000))
    addresses = tuple(replace(ADDRESS, index=3, address=f"10.0.{n // 250}.{n % 250}") for n in range(1000))
    network = replace(with_links(NETWORK, *crowd), addresses=addresses)
    page = read(scene(node(network)))
    devices = [row for row in page.rows if len(row) == len(DEVICE_COLUMNS) and row[0] != "device"]
    assert devices[0][0] == "wlan0"
    assert len(devices) == MOST_ROWS
    assert [f"and {4003 - MOST_ROWS} more"] in page.rows
    assert devices[0][-1].count(",") == MOST_ADDRESSES
    assert devices[0][-1].endswith(f"and {1000 - MOST_ADDRESSES} more")


def test_every_expected_device_is_there_once() -> None:
    page = read(scene(node(with_links(NETWORK, WLAN0), policy=Policy(devices=("wlan0", "usb0")))))
    assert [row[0] for row in page.rows if len(row) == 6].count("wlan0") == 1


def run(*moments: Moment, left: NodeState | None = None, uplink: str = "wlan0") -> Scene:
    """The node at the last of these moments, to an exporter that begins at the first, maybe with what another left."""
    now = at(moments[0].uptime)
    memory = remember(left, "b1", now) if left else None
    chronicle = (left.last(Chronicle) if left else None) or Chronicle()
    state = begun(Policy(devices=(uplink,)), memory, chronicle, "b1", now)
    clock = Clock(now)
    store = Store(state=state, clock=clock, sources=frozenset({Network.source, FlannelLogs.source}))
    *_, now = feed(store, clock, ((at(moment.uptime), moment.tells) for moment in moments))
    return scene(store.state, uptime=now.uptime)


def boot(of: Scene) -> dict[str, str]:
    """What is said of each milestone."""
    rows = [row for row in read(of).rows if len(row) == 3 and row[0] in BOOT]
    assert [row[0] for row in rows] == BOOT
    return {label: text for label, _, text in rows}


BOOT = ["boot", "link", "address", "default route", "flannel"]
NO_SUBNET_FILE = replace(LOGS, subnet_file=None)
DOWN = Moment(uptime=20.0, tells=(HOST, booted(NETWORK), NO_SUBNET_FILE))
UP = Moment(uptime=25.0, tells=(NETWORK, NO_SUBNET_FILE))
FLANNEL = Moment(uptime=41.0, tells=(NETWORK, LOGS))


@pytest.mark.usefixtures("zone")
def test_how_a_boot_came_along_that_was_watched_from_its_start() -> None:
    assert boot(run(DOWN, UP, FLANNEL)) == {
        "boot": "2021-08-26 17:46, 41s ago",
        "link": "25s after boot",
        "address": "25s after boot",
        "default route": "25s after boot",
        "flannel": "41s after boot",
    }


def test_what_was_there_at_the_first_look_came_by_then() -> None:
    said = boot(run(FLANNEL))
    assert {said[label] for label in BOOT[1:]} == {"by 41s (watched from then on)"}


def test_what_has_not_come_yet_says_for_how_long() -> None:
    said = boot(run(DOWN, replace(DOWN, uptime=192.0)))
    assert {said[label] for label in BOOT[1:]} == {"not yet, 3m 12s"}


def test_what_came_while_nobody_watched_came_at_no_known_time() -> None:
    left = run(DOWN).state
    said = boot(run(replace(FLANNEL, uptime=500.0), left=left))
    assert {said[label] for label in BOOT[1:]} == {"there, since a time at which nobody watched"}


def test_a_device_that_is_not_the_uplink_reaches_nothing() -> None:
    left = run(DOWN).state
    lan = with_links(booted(NETWORK), replace(ETH0, operstate=Operstate.UP, carrier=True))
    said = boot(run(Moment(uptime=500.0, tells=(HOST, lan, NO_SUBNET_FILE)), left=left))
    assert said["link"] == "not yet, 8m 20s"


def test_what_was_never_looked_at_is_not_claimed_to_be_missing() -> None:
    said = boot(scene(NodeState()))
    assert {said[label] for label in BOOT[1:]} == {"not looked at yet"}


def test_where_there_is_no_flannel_none_is_waited_for() -> None:
    assert boot(run(DOWN, Moment(uptime=30.0, tells=(FlannelLogs(found=False),))))["flannel"] == "no flannel seen here"


def test_each_bar_is_as_long_as_its_words_say() -> None:
    page = read(run(DOWN, UP, FLANNEL))
    assert [value for name, value in page.attributes if name == "style" and value and "width" in value] == [
        *["width:61.0%"] * 3,
        "width:100.0%",
    ]
    assert [value for name, value in page.attributes if name == "class" and value in ("seen", "by", "not-yet")] == [
        "seen"
    ] * 4


@pytest.mark.usefixtures("zone")
def test_the_incident_is_told_as_it_lasts_and_when_it_is_over() -> None:
    told = (
        "the uplink wlan0 is down, so there is no IPv4 default route",
        "since boot; no default route for 5m 0s",
        "not over at 17:51, when last watched",
    )
    lasts = read(run(DOWN, replace(DOWN, uptime=300.0)))
    assert ["2021-08-26 17:46", "5m 0s so far", "wlan0", "ongoing", "\n".join(told)] in lasts.rows
    over = read(run(DOWN, replace(UP, uptime=301.0), replace(FLANNEL, uptime=330.0), replace(FLANNEL, uptime=960.0)))
    (row,) = (row for row in over.rows if len(row) == 5 and row[0] != "began")
    assert row[3] == "recovered"
    assert "ended by: wlan0 down -> up, IPv4 default route usable by wlan0 at 17:51; healthy" in row[4]
    assert any(text.startswith("1 in all, watched since 2021-08-26 17:47 (UTC).") for text in over.text)


@pytest.mark.usefixtures("zone")
def test_a_node_without_incidents_says_since_when() -> None:
    page = read(run(FLANNEL))
    assert [row for row in page.rows if len(row) == 5] == []
    assert "None, watched since 2021-08-26 17:47 (UTC)." in page.text


def test_only_the_last_incidents_are_on_the_page() -> None:
    down, up = booted(NETWORK), NETWORK
    moments = (
        Moment(uptime=100.0 + 700.0 * number, tells=(down if number % 2 else up, NO_SUBNET_FILE))
        for number in range(16)
    )
    page = read(run(FLANNEL, *moments))
    assert sum(len(row) == 5 for row in page.rows) == 1 + 5
    assert any(text.startswith("8 in all") for text in page.text)


@pytest.mark.parametrize("name", ["<script>", '"><b>x</b>', "</td></tr>", "&amp;", "'onx='"])
def test_a_device_cannot_speak_html_in_an_incident(name: str) -> None:
    def shown(device: str) -> Reader:
        down = with_links(booted(NETWORK), replace(never_up(WLAN0), name=device))
        return read(run(Moment(uptime=20.0, tells=(down, NO_SUBNET_FILE)), uplink=device))

    assert shown(name).elements == shown("plain").elements
    assert [row[2] for row in shown(name).rows if len(row) == 5][1:] == [name]


def blind(state: NodeState) -> NodeState:
    """The node after its logs could not be read."""
    return state.fail("pod-logs", Reason.PERMISSION)


LOOKING = replace(SHOWING, sources=(Network, Load, Host, FlannelLogs))


def test_a_page_that_cannot_see_all_is_not_green() -> None:
    html = landing(scene(blind(node(NETWORK, LOAD, HOST)), showing=LOOKING), "/metrics")
    assert "Cannot be read: pod-logs (permission)." in html
    assert "<title>pi-master1: healthy, but not all can be read</title>" in html
    assert 'style="border-color:#777"' in html
    assert "not known: pod-logs cannot be read" in html


@pytest.mark.parametrize(
    ("state", "sources", "said"),
    [
        pytest.param(node(NETWORK, FlannelLogs(found=False)), (Network, FlannelLogs), "no", id="none"),
        pytest.param(
            node(NETWORK, FlannelLogs(found=False, listed=False)),
            (Network, FlannelLogs),
            "not known: there are no pod logs",
            id="no logs at all",
        ),
        pytest.param(node(NETWORK), (Network,), "not known: neither its logs nor the API are asked", id="nobody asks"),
        pytest.param(
            blind(node(NETWORK, FlannelLogs(found=True))), (Network, FlannelLogs), "yes", id="seen, and not all"
        ),
    ],
)
def test_not_seen_is_not_the_same_as_not_here(state: NodeState, sources: tuple[type[Fact], ...], said: str) -> None:
    page = read(scene(state, showing=replace(SHOWING, sources=sources)))
    assert ["found here", said] in page.rows
