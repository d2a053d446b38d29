"""The status page: what a person sees, read as a browser reads it."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given

from tests.builders import (
    ETH0,
    HOST,
    LOAD,
    LOGS,
    NETWORK,
    SHOWING,
    WLAN0,
    at,
    booted,
    node,
    observed,
    scene,
    unplugged,
    with_links,
)
from tests.strategies import Happening, after, gaps, policies, timelines
from uplink_exporter.facts import NodeState, Policy, Reason
from uplink_exporter.families import Scene
from uplink_exporter.web.landing import landing

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
    state = NodeState(policy=policy)
    for uptime, happening in timeline:
        state = after(state, at(uptime), happening)
        page = read(Scene(state=state, now=at(uptime + gap), showing=SHOWING))
        assert page.open == []
        assert "script" not in page.elements
        assert all(len(row) in (2, 3, 6) for row in page.rows)


def test_every_expected_device_is_there_once() -> None:
    page = read(scene(node(with_links(NETWORK, WLAN0), policy=Policy(devices=("wlan0", "usb0")))))
    assert [row[0] for row in page.rows if len(row) == 6].count("wlan0") == 1
