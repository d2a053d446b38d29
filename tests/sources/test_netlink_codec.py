"""rtnetlink, on what a kernel sent: the parsers agree with iproute2, and no bytes make them fail in a new way."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fixtures import FIXTURES, datagrams
from uplink_exporter.facts import MAIN_TABLE, Address, Family, Link, NextHop, Route, RouteType
from uplink_exporter.sources.netlink import codec, route_codec
from uplink_exporter.sources.netlink.layout import LINK, Type
from uplink_exporter.sources.wire import DONE, ERROR, Message, error_code

Json = dict[str, Any]
CAPTURES = FIXTURES / "netlink"
NOPREFIXROUTE = 0x200  # linux/if_addr.h; it does not fit into ifa_flags
NESTED = 0x8000  # linux/netlink.h; which attributes carry it differs between kernels
PARSERS: tuple[Callable[[memoryview], object], ...] = (
    codec.parse_link,
    codec.parse_address,
    route_codec.parse_route,
    codec.parse_neighbour,
    route_codec.parse_reached,
    route_codec.parse_rule,
    route_codec.parse_nexthop,
)


def captured(name: str, kind: Type) -> list[Message]:
    return [m for data in datagrams(name) for m in codec.split(data) if m.type == kind]


def shown(name: str) -> list[Json]:
    found: list[Json] = json.loads((CAPTURES / f"{name}.json").read_text())
    return found


LINKS = [link for m in captured("links", Type.NEWLINK) if (link := codec.parse_link(m.body))]
NAMES = {link.index: link.name for link in LINKS}
ROUTES = [route for m in captured("routes", Type.NEWROUTE) if (route := route_codec.parse_route(m.body))]


def link_named(name: bytes) -> Link:
    """The first captured link, by another name (IFLA_IFNAME, the first attribute of all)."""
    body = bytes(captured("links", Type.NEWLINK)[0].body)
    length = struct.unpack_from("=H", body, LINK.size)[0]
    attribute = struct.pack("=HH", 4 + len(name), 3) + name + bytes(-len(name) % 4)
    named = codec.parse_link(memoryview(body[: LINK.size] + attribute + body[LINK.size + (length + 3 & ~3) :]))
    assert named is not None
    return named


def test_names_that_are_not_utf_8_stay_apart_and_can_be_printed() -> None:
    named = [link_named(name + b"\0").name for name in (b"\xff\xfe", b"\xff\xfd", "wlañ0".encode(), b"wla\xf1")]
    assert named == [r"\xff\xfe", r"\xff\xfd", "wlañ0", r"wla\xf1"]


def test_links_are_what_iproute2_shows() -> None:
    for link, theirs in zip(LINKS, shown("links"), strict=True):
        assert link == Link(
            index=theirs["ifindex"],
            name=theirs["ifname"],
            operstate=theirs["operstate"].lower(),
            admin_up="UP" in theirs["flags"],
            carrier="LOWER_UP" in theirs["flags"],
            carrier_changes=link.carrier_changes,
            carrier_ups=link.carrier_ups,
            supplicant=theirs["linkmode"] == "DORMANT",
            kind=theirs.get("linkinfo", {}).get("info_kind", ""),
            loopback="LOOPBACK" in theirs["flags"],
            mtu=theirs["mtu"],
        )


def test_an_attribute_is_the_same_whether_or_not_it_says_that_it_is_nested() -> None:
    head = struct.pack("=BxHiIIHHB3x", 0, 1, 7, 0, 0, 5, 33, 1)
    kind = struct.pack("=HH8s", 12, 1, b"bridge\0\0")
    for flag in (0, NESTED):
        link = codec.parse_link(memoryview(head + struct.pack("=HH", 16, 18 | flag) + kind))
        assert link is not None
        assert (link.index, link.kind) == (7, "bridge")


def test_links_count_the_carrier_s_comings_and_goings() -> None:
    changes = {link.name: link.carrier_changes for link in LINKS}
    assert changes["wlan0"] >= 2 > changes["-f"]


def test_addresses_are_what_iproute2_shows() -> None:
    addresses = [a for m in captured("addresses", Type.NEWADDR) if (a := codec.parse_address(m.body))]
    ours = {(NAMES[a.index], a.family, a.address, a.prefix_length): a for a in addresses}
    theirs = {
        (link["ifname"], Family.IPV6 if a["family"] == "inet6" else Family.IPV4, a["local"], a["prefixlen"]): a
        for link in shown("addresses")
        for a in link["addr_info"]
    }
    assert ours.keys() == theirs.keys()
    for key, address in ours.items():
        flags = theirs[key]
        assert bool(address.flags & Address.DEPRECATED) is flags.get("deprecated", False)
        assert bool(address.flags & Address.TENTATIVE) is flags.get("tentative", False)
        assert bool(address.flags & NOPREFIXROUTE) is flags.get("noprefixroute", False)
        assert bool(address.flags & Address.PERMANENT) is not flags.get("dynamic", False)
        assert {0: "global", 253: "link", 254: "host"}[address.scope] == flags["scope"]


def test_the_address_of_a_point_to_point_link_is_ours_not_the_peer_s() -> None:
    addresses = [a for m in captured("addresses", Type.NEWADDR) if (a := codec.parse_address(m.body))]
    assert {a.address for a in addresses if NAMES[a.index] == "tun0"} == {"10.1.0.1", "2001:db8::13"}


def as_route(theirs: Json) -> Route:
    """iproute2's route as ours."""
    indexes = {name: index for index, name in NAMES.items()}
    hops = theirs.get("nexthops") or ([theirs] if "dev" in theirs else [])
    return Route(
        family=Family.IPV6 if ":" in json.dumps(theirs["dst"]) or theirs.get("pref") else Family.IPV4,
        next_hops=tuple(
            NextHop(
                index=indexes[hop["dev"]],
                gateway=hop.get("gateway") or hop.get("via", {}).get("host", ""),
                linkdown="linkdown" in hop["flags"],
                dead="dead" in hop["flags"],
            )
            for hop in hops
        ),
        destination="" if theirs["dst"][0] in "d0:" else theirs["dst"].partition("/")[0],
        prefix_length=0 if theirs["dst"] == "default" else int(theirs["dst"].partition("/")[2]),
        type=RouteType(theirs["type"]),
        protocol=theirs["protocol"],
        metric=theirs.get("metric", 0),
        tos=int(theirs.get("tos", "0"), 16),
        nested="dev" not in theirs,
        preferred_source=theirs.get("prefsrc", ""),
        nexthop_object=theirs.get("nhid", 0),
    )


def test_routes_to_the_outside_are_what_iproute2_shows_in_its_order() -> None:
    outside = [
        as_route(route)
        for name in ("routes4", "routes6")
        for route in shown(name)
        if route["table"] == "main" and route["dst"] in ("default", "0.0.0.0/1", "128.0.0.0/1", "::/1")
    ]
    assert outside == [route for route in ROUTES if route.table == MAIN_TABLE]
    assert {route.type for route in ROUTES} == {RouteType.UNICAST, RouteType.BLACKHOLE, RouteType.UNREACHABLE}


def test_the_table_of_a_default_route_is_told() -> None:
    assert {r.table for r in ROUTES if any(hop.gateway == "192.168.6.77" for hop in r.next_hops)} == {100}
    assert not any(route.default for route in ROUTES if route.table == 100)


@pytest.mark.parametrize(
    ("metric", "hops"),
    [
        pytest.param(600, [("wlan0", "192.168.6.1", False)], id="by a gateway"),
        pytest.param(700, [("wlan0", "192.168.6.1", False), ("eth0", "10.2.0.9", True)], id="multipath, one linkdown"),
        pytest.param(800, [("tun0", "", True)], id="on-link"),
        pytest.param(900, [("wlan0", "fe80::1", False)], id="IPv4 by an IPv6 gateway (RTA_VIA)"),
        pytest.param(1000, [], id="blackhole"),
        pytest.param(1100, [("wlan0", "192.168.6.4", False)], id="by a nexthop object"),
        pytest.param(1025, [("wlan0", "fe80::1", False), ("wlan0", "fe80::2", False)], id="IPv6 multipath"),
    ],
)
def test_next_hops(metric: int, hops: list[tuple[str, str, bool]]) -> None:
    (route,) = (route for route in ROUTES if route.metric == metric and route.prefix_length == 0)
    assert [(NAMES[hop.index], hop.gateway, hop.linkdown) for hop in route.next_hops] == hops
    assert route.nested is (len(hops) != 1)


def test_neighbours_are_what_iproute2_shows() -> None:
    found = [n for m in captured("neighbours", Type.NEWNEIGH) if (n := codec.parse_neighbour(m.body))]
    ours = {(NAMES[n.index], n.address): n.state.upper() for n in found}
    theirs = {(n["dev"], n["dst"]): n["state"][0] for n in shown("neighbours")}
    assert theirs == ours
    assert {"FAILED", "INCOMPLETE", "REACHABLE", "STALE", "PERMANENT"} <= set(ours.values())


def test_a_port_that_leaves_its_bridge_is_no_link_that_is_gone() -> None:
    gone = [codec.parse_link(m.body) for m in captured("events", Type.DELLINK)]
    assert None in gone
    assert {link.name for link in gone if link} == {"wlan0", "peer0"}


def test_an_event_of_wireless_extensions_is_no_link_without_a_carrier() -> None:
    # rtnetlink_ifinfo_prep() of the kernel's net/wireless/wext-core.c: a name, and IFLA_WIRELESS
    event = struct.pack("=BxHiIIHH8sHH4x", 0, 1, 3, 0x1003, 0, 10, 3, b"wlan0\0", 8, 11)
    assert codec.parse_link(memoryview(event)) is None


def test_links_and_routes_are_parsed_from_events_as_from_dumps() -> None:
    states = [link.operstate for m in captured("events", Type.NEWLINK) if (link := wlan0(m))]
    assert states == ["lowerlayerdown", "up", "down"]
    gone = [route for m in captured("events", Type.DELROUTE) if (route := route_codec.parse_route(m.body))]
    assert {route.metric for route in gone if route.family is Family.IPV4} == {50}


def wlan0(message: Message) -> Link | None:
    link = codec.parse_link(message.body)
    return link if link and link.name == "wlan0" else None


def test_an_error_tells_its_errno_and_an_acknowledgement_none() -> None:
    def message(kind: int, code: int) -> Message:
        (made,) = codec.split(struct.pack("=IHHIIi", 20, kind, 0, 1, 0, code))
        return made

    assert error_code(message(ERROR, -2)) == 2
    assert error_code(message(DONE, -4)) == 4
    assert error_code(message(ERROR, 0)) == 0
    assert error_code(message(Type.NEWLINK, -2)) == 0


CAPTURED = [data for name in ("links", "addresses", "routes", "neighbours", "events") for data in datagrams(name)]
mangled = st.tuples(st.sampled_from(CAPTURED), st.integers(0, 8192), st.integers(0, 8192), st.binary(max_size=8)).map(
    lambda t: t[0][: t[1]] + t[3] + t[0][t[2] :]
)


@given(mangled | st.binary(max_size=200))
def test_no_bytes_make_a_parser_fail_but_by_the_two_errors_that_are_judged(data: bytes) -> None:
    try:
        for message in codec.split(data):
            error_code(message)
            for parse in PARSERS:
                try:
                    parse(message.body)
                except (ValueError, struct.error):
                    continue
    except ValueError:
        return


@pytest.mark.parametrize("name", ["links", "addresses", "routes", "neighbours"])
def test_a_datagram_that_is_cut_short_is_an_error_and_no_shorter_list(name: str) -> None:
    data = next(iter(datagrams(name)))
    with pytest.raises(ValueError, match="netlink message of"):
        list(codec.split(data[:-4]))
