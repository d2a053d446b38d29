"""Flannel's own question, where a version begins to answer otherwise, and where no kernel can be brought to be."""

from __future__ import annotations

import errno
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.flannel.networks import LINKS, address, default, indexes, link, networks, texts
from uplink_exporter.facts import Address, Family, Network, NextHop, Operstate, Reached, Route, RouteType
from uplink_exporter.flannel.choice import Blocked, Choice, Method, Reach, Refusal, would_start
from uplink_exporter.flannel.options import NEWEST, Options, Stack, Version

GENERIC = "Failed to find interface to use that matches the interfaces and/or regexes provided"


NODE = Network(
    links=LINKS,
    addresses=(
        address(2, "10.1.0.5"),
        address(3, "10.2.0.5"),
        address(2, "fd01::5"),
        address(2, "fd01::6"),
        address(3, "fd02::5"),
    ),
    routes=(default(2), default(2, Family.IPV6)),
)


def gave(answer: Choice | Refusal) -> str:
    """The answer in short: device and addresses, or the words."""
    if isinstance(answer, Refusal):
        return answer.inner
    return " ".join(filter(None, (answer.device, answer.address, answer.address6)))


def asked(network: Network, options: Options, version: Version = NEWEST, reach: Reach = lambda address: None) -> str:
    return gave(would_start(network, replace(options, version=version), reach))


LITERAL6 = Options(stack=Stack.IPV6, ifaces=("fd01::6",))
LITERAL_DUAL = Options(stack=Stack.DUAL, ifaces=("10.1.0.5",))
TWO_DYNAMIC = Network(
    links=LINKS,
    addresses=(address(2, "10.1.0.5", flags=0), address(2, "10.1.0.6"), address(2, "10.1.0.7", flags=0)),
    routes=(default(2),),
)
LINK_LOCALS = Network(
    links=LINKS,
    addresses=(address(2, "169.254.1.1"), address(2, "169.254.1.2"), address(2, "169.254.1.3")),
    routes=(default(2),),
)
NO_ROUTE = replace(NODE, routes=())
MISSING = "error looking up interface wlan9: route ip+net: no such network interface"


@pytest.mark.parametrize(
    ("network", "options", "last", "said_before", "first", "said_since"),
    [
        pytest.param(
            NODE,
            Options(public_ip="10.2.0.5"),
            (0, 11, 0),
            "eth0 10.1.0.5",
            (0, 12, 0),
            "wlan0 10.2.0.5",
            id="--public-ip selects the link (main.go: LookupExtIface(opts.publicIP, ...))",
        ),
        pytest.param(
            NODE,
            Options(stack=Stack.IPV6),
            (0, 14, 1),
            "eth0 10.1.0.5",
            (0, 15, 0),
            "eth0 fd01::5",
            id="net-conf.json's families are read",
        ),
        pytest.param(
            NODE,
            Options(stack=Stack.NONE),
            (0, 14, 1),
            "eth0 10.1.0.5",
            (0, 15, 0),
            "none defined stack",
            id="no family at all is an error",
        ),
        pytest.param(
            NODE,
            Options(public_ipv6="fd01::5"),
            (0, 14, 1),
            "flag provided but not defined: -public-ipv6",
            (0, 15, 0),
            "eth0 10.1.0.5",
            id="--public-ipv6 exists",
        ),
        pytest.param(
            NODE,
            Options(regexes=("(",)),
            (0, 14, 1),
            "regex error matching pattern ( to 10.1.0.5",
            (0, 15, 0),
            "could not compile the IP address regex '(': error parsing regexp: missing closing ): `(`",
            id="patterns are compiled before they are used",
        ),
        pytest.param(
            NODE,
            Options(regexes=("^10",)),
            (0, 14, 1),
            "eth0 10.1.0.5",
            (0, 15, 0),
            "wlan0 10.2.0.5",
            id="the loop over the links does not stop at a match",
        ),
        pytest.param(
            NODE,
            Options(regexes=("^10",)),
            (0, 16, 3),
            "wlan0 10.2.0.5",
            (0, 17, 0),
            "eth0 10.1.0.5",
            id="and stops again (flannel 790906b9)",
        ),
        pytest.param(
            NODE,
            Options(stack=Stack.IPV6, regexes=("6$",)),
            (0, 16, 3),
            "Could not match pattern 6$ to any of the available network interfaces "
            "(lo:<nil>, eth0:fd01::5, wlan0:fd02::5)",
            (0, 17, 0),
            "eth0 fd01::6",
            id="all addresses of a link are tried",
        ),
        pytest.param(
            NODE,
            Options(regexes=("^ppp",)),
            (0, 16, 3),
            "Could not match pattern ^ppp to any of the available network interfaces "
            "(lo:<nil>, eth0:10.1.0.5, wlan0:10.2.0.5)",
            (0, 17, 0),
            "Could not match pattern ^ppp to any of the available network interfaces "
            "(lo:[], eth0:[10.1.0.5], wlan0:[10.2.0.5])",
            id="and all are listed where none matches",
        ),
        pytest.param(
            LINK_LOCALS,
            Options(),
            (0, 16, 3),
            "eth0 169.254.1.3",
            (0, 17, 0),
            "eth0 169.254.1.1",
            id="of link-local addresses the first one is taken",
        ),
        pytest.param(
            NODE,
            Options(can_reach="8.8.8.8"),
            (0, 17, 0),
            "flag provided but not defined: -iface-can-reach",
            (0, 18, 0),
            "not tried: the route to 8.8.8.8 was not looked up",
            id="--iface-can-reach exists",
        ),
        pytest.param(
            NODE,
            LITERAL_DUAL,
            (0, 18, 1),
            "error looking up v6 interface 10.1.0.5: No interface with given IPv6 found",
            (0, 19, 0),
            "eth0 10.1.0.5",
            id="in dual stack a literal need not be an address of both families",
        ),
        pytest.param(
            NODE,
            Options(stack=Stack.IPV6, public_ipv6="fd02::5"),
            (0, 18, 1),
            "eth0 fd01::5",
            (0, 19, 0),
            "wlan0 fd02::5 fd02::5",
            id="--public-ipv6 selects the link where --public-ip is empty",
        ),
        pytest.param(
            NODE,
            LITERAL6,
            (0, 25, 6),
            "eth0 fd01::6 fd01::5",
            (0, 25, 7),
            "eth0 fd01::6 fd01::6",
            id="an IPv6 literal is the address that is used",
        ),
        pytest.param(
            NODE,
            LITERAL_DUAL,
            (0, 27, 3),
            "eth0 10.1.0.5",
            (0, 27, 4),
            "eth0 10.1.0.5 fd01::5",
            id="in dual stack the other family is filled in (flannel a0a7d683)",
        ),
        pytest.param(
            TWO_DYNAMIC,
            Options(),
            (0, 27, 4),
            "eth0 10.1.0.5",
            (0, 28, 0),
            "eth0 10.1.0.6",
            id="addresses without an end come first (flannel 97b6771a)",
        ),
        pytest.param(
            NO_ROUTE,
            Options(),
            (0, 27, 4),
            "failed to get default interface: Unable to find default route",
            (0, 28, 0),
            "failed to get default interface: unable to find default route",
            id="messages begin in lower case (flannel 44e09cf2)",
        ),
    ],
)
def test_a_version_brings_a_change(
    network: Network, options: Options, last: Version, said_before: str, first: Version, said_since: str
) -> None:
    assert asked(network, options, last) == said_before
    assert asked(network, options, first) == said_since


@pytest.mark.parametrize(
    ("network", "options", "reason", "words"),
    [
        pytest.param(
            NO_ROUTE,
            Options(),
            Blocked.NO_DEFAULT_ROUTE,
            "failed to get default interface: unable to find default route",
            id="no default route",
        ),
        pytest.param(
            replace(NODE, routes=(default(2),)),
            Options(stack=Stack.DUAL),
            Blocked.NO_DEFAULT_ROUTE6,
            "failed to get default v6 interface: unable to find default v6 route",
            id="no IPv6 default route",
        ),
        pytest.param(
            replace(NODE, routes=(replace(default(2), nested=True), default(3))),
            Options(),
            Blocked.DEFAULT_ROUTE_NO_OIF,
            "failed to get default interface: found default route but could not determine interface",
            id="a multipath route is the first, though it works",
        ),
        pytest.param(
            replace(NODE, routes=(Route(family=Family.IPV4, next_hops=(), type=RouteType.BLACKHOLE), default(3))),
            Options(),
            Blocked.DEFAULT_ROUTE_NO_OIF,
            "failed to get default interface: found default route but could not determine interface",
            id="a blackhole is the first",
        ),
        pytest.param(
            replace(NODE, routes=(default(9), default(2))),
            Options(),
            Blocked.IFACE_MISSING,
            "failed to get default interface: route ip+net: no such network interface",
            id="the device went between the dumps (net.InterfaceByIndex)",
        ),
        pytest.param(
            replace(NODE, routes=(default(2), default(3, Family.IPV6))),
            Options(stack=Stack.DUAL),
            Blocked.DEFAULT_IFACE_MISMATCH,
            "v6 default route interface wlan0 must be the same with v4 default route interface eth0",
            id="default routes of two links",
        ),
        pytest.param(
            NODE,
            Options(stack=Stack.DUAL, ifaces=("10.1.0.5",), public_ipv6="fd02::5"),
            Blocked.DEFAULT_IFACE_MISMATCH,
            "v6 interface wlan0 must be the same with v4 interface eth0",
            id="addresses of two links",
        ),
        pytest.param(
            replace(NODE, addresses=()),
            Options(),
            Blocked.IFACE_NO_ADDRESS,
            "failed to find IPv4 address for interface eth0",
            id="no address",
        ),
        pytest.param(NODE, Options(ifaces=("wlan9",)), Blocked.IFACE_MISSING, MISSING, id="no such name"),
        pytest.param(
            NODE,
            Options(ifaces=("203.0.113.9",)),
            Blocked.IFACE_IP_MISSING,
            "error looking up interface 203.0.113.9: no interface with given IP found",
            id="nobody has the address",
        ),
        pytest.param(
            NODE,
            Options(ifaces=("010.1.0.5",)),
            Blocked.IFACE_MISSING,
            "error looking up interface 010.1.0.5: route ip+net: no such network interface",
            id="with a leading zero it is a name (net.ParseIP since Go 1.17)",
        ),
        pytest.param(
            NODE,
            Options(regexes=("^ppp",)),
            Blocked.IFACE_NO_MATCH,
            "could not match pattern ^ppp to any of the available network interfaces "
            "(lo:[], eth0:[10.1.0.5], wlan0:[10.2.0.5])",
            id="nothing matches",
        ),
        pytest.param(
            replace(NODE, links=(link(2, "eth0", mtu=0),)),
            Options(),
            Blocked.MTU,
            "failed to determine MTU for 10.1.0.5 interface",
            id="an MTU of 0 (match.go)",
        ),
        pytest.param(
            replace(NODE, links=(link(2, "eth0", mtu=0),)),
            Options(stack=Stack.IPV6),
            Blocked.MTU,
            "failed to determine MTU for <nil> interface",
            id="an MTU of 0, and no IPv4 address to say it of",
        ),
        pytest.param(
            NODE,
            Options(ifaces=("eth0",), public_ip="example.org"),
            Blocked.CONFIG,
            "invalid public IP address: example.org",
            id="the public IP is none",
        ),
        pytest.param(
            NODE,
            Options(public_ip="10.1.0.5", public_ipv6="example.org"),
            Blocked.CONFIG,
            "invalid public IPv6 address: example.org",
            id="the public IPv6 address is none",
        ),
        pytest.param(
            NODE,
            Options(stack=Stack.DUAL, ifaces=("fd01::5", "eth0")),
            Blocked.PANIC,
            "panic: runtime error: invalid memory address or nil pointer dereference",
            id="an IPv6 literal alone in dual stack: nothing after it is tried",
        ),
        pytest.param(
            NODE,
            Options(regexes=("((.*)*)*",), can_reach="8.8.8.8"),
            Blocked.UNDECIDED,
            "not tried: a pattern of 99499 steps; at most 5000 are tried",
            id="a pattern that is too costly: nothing after it is tried either",
        ),
    ],
)
def test_a_refusal_has_a_reason_and_flannels_words(
    network: Network, options: Options, reason: Blocked, words: str
) -> None:
    refusal = would_start(network, options)
    assert isinstance(refusal, Refusal)
    assert (refusal.reason, refusal.inner) == (reason, words)


REACHED = Options(can_reach="8.8.8.8")
NOT_REACHED = "failed to get ifcanreach based interface: couldn't lookup"


@pytest.mark.parametrize(
    ("reached", "said"),
    [
        pytest.param(Reached(index=3, preferred_source="10.2.0.5"), "wlan0 10.2.0.5", id="device and source"),
        pytest.param(Reached(index=3, preferred_source="10.1.0.5"), "wlan0 10.1.0.5", id="another link's source"),
        pytest.param(Reached(index=3), "wlan0 10.2.0.5", id="no source: the link's address"),
        pytest.param(
            Reached(index=9), f"{NOT_REACHED} interface: route ip+net: no such network interface", id="the device went"
        ),
        pytest.param(
            Reached(errno=errno.ENETUNREACH), f"{NOT_REACHED} route to 8.8.8.8: network is unreachable", id="no route"
        ),
        pytest.param(
            Reached(errno=errno.EACCES), f"{NOT_REACHED} route to 8.8.8.8: permission denied", id="prohibited"
        ),
        pytest.param(Reached(errno=4095), f"{NOT_REACHED} route to 8.8.8.8: errno 4095", id="an errno without a name"),
    ],
)
def test_the_kernel_s_route_to_an_address(reached: Reached, said: str) -> None:
    assert asked(NODE, REACHED, reach={"8.8.8.8": reached}.get) == said


@pytest.mark.parametrize(
    ("options", "method"),
    [
        (Options(), Method.DEFAULT_ROUTE),
        (Options(ifaces=("",)), Method.DEFAULT_ROUTE),
        (Options(regexes=("",)), Method.DEFAULT_ROUTE),
        (Options(ifaces=("eth0",)), Method.IFACE),
        (Options(ifaces=("10.1.0.5",)), Method.IFACE),
        (Options(regexes=("eth",)), Method.IFACE_REGEX),
        (Options(ifaces=("wlan9",), regexes=(r"^10\.1",)), Method.IFACE_REGEX),
        (Options(public_ip="10.1.0.5"), Method.PUBLIC_IP),
        (Options(can_reach="::FFFF:8.8.8.8"), Method.CAN_REACH),
    ],
)
def test_a_choice_tells_by_what_it_was_found(options: Options, method: Method) -> None:
    choice = would_start(NODE, options, {"8.8.8.8": Reached(index=2, preferred_source="10.1.0.5")}.get)
    assert choice == Choice(device="eth0", address="10.1.0.5", method=method)


def test_without_flags_the_last_line_tells_all() -> None:
    refusal = would_start(NO_ROUTE, Options())
    assert isinstance(refusal, Refusal)
    assert refusal.error == f"Failed to find any valid interface to use: {refusal.inner}"
    assert refusal.lookback == ()


def test_with_flags_the_lines_before_the_last_one_tell() -> None:
    refusal = would_start(NODE, Options(ifaces=("wlan9",), can_reach="8.8.8.8"), lambda _: Reached(errno=101))
    assert isinstance(refusal, Refusal)
    assert refusal.error == GENERIC
    assert refusal.lookback == (
        f"Could not find valid interface matching wlan9: {MISSING}",
        f"Could not find valid interface matching ifaceCanReach: 8.8.8.8: {refusal.inner}",
    )
    assert refusal.inner == f"{NOT_REACHED} route to 8.8.8.8: network is unreachable"


def test_a_panic_is_the_last_line_itself() -> None:
    refusal = would_start(NODE, Options(stack=Stack.DUAL, ifaces=("wlan9", "fd01::5")))
    assert isinstance(refusal, Refusal)
    assert refusal.error.startswith("panic: ")
    assert len(refusal.lookback) == 1


@pytest.mark.parametrize(
    ("regex", "said"),
    [
        pytest.param("^(10|fd)", "eth0 10.1.0.5 fd01::5", id="both match"),
        pytest.param(r"^(10\.|fd02)", "wlan0 10.2.0.5 fd02::5", id="both match on the second link"),
        pytest.param(r"^10\.1|wlan", "wlan0 10.1.0.5 fd02::5", id="an address matches, then another link's name"),
        pytest.param("wlan", "wlan0 10.2.0.5 fd02::5", id="a name"),
    ],
)
def test_a_pattern_in_dual_stack(regex: str, said: str) -> None:
    assert asked(NODE, Options(stack=Stack.DUAL, regexes=(regex,))) == said


def test_a_global_address_goes_before_a_link_local_one_that_is_permanent() -> None:
    for addresses in (("169.254.1.1", "10.1.0.5"), ("10.1.0.5", "169.254.1.1")):
        held = tuple(address(2, text, Address.PERMANENT if text[0:3] == "169" else 0) for text in addresses)
        assert asked(Network(links=LINKS, addresses=held, routes=(default(2),)), Options()) == "eth0 10.1.0.5"


def test_a_temporary_address_comes_after_a_stable_one() -> None:
    """Privacy extensions (RFC 8981): both end, and the kernel lists the temporary one first."""
    network = Network(
        links=LINKS,
        addresses=(address(2, "fd01::dead", flags=Address.TEMPORARY), address(2, "fd01::5", flags=0)),
        routes=(default(2, Family.IPV6),),
    )
    assert asked(network, Options(stack=Stack.IPV6)) == "eth0 fd01::5"
    assert asked(network, Options(stack=Stack.IPV6), (0, 27, 4)) == "eth0 fd01::dead"


some_options = st.builds(
    Options,
    version=st.tuples(st.just(0), st.integers(8, 29), st.integers(0, 9)),
    stack=st.sampled_from(Stack),
    ifaces=st.lists(texts, max_size=3).map(tuple),
    regexes=st.lists(texts, max_size=3).map(tuple),
    can_reach=texts,
    public_ip=texts,
    public_ipv6=texts,
)
answers = st.none() | st.builds(
    Reached, index=indexes, preferred_source=texts, errno=st.sampled_from([0, 0, 101, 9999])
)


@given(networks, some_options, answers)
def test_there_is_always_an_answer(network: Network, options: Options, reached: Reached | None) -> None:
    answer = would_start(network, options, lambda _: reached)
    if isinstance(answer, Refusal):
        assert answer.reason in Blocked
        assert answer.inner
        assert answer.error
    else:
        assert answer.device in {link.name for link in network.links}


@given(networks, some_options, answers)
def test_what_flannel_does_not_look_at_changes_nothing(
    network: Network, options: Options, reached: Reached | None
) -> None:
    """Operstate, carrier, IFF_UP, and of routes the metric, the gateway and the flags of their next hops."""
    links = (replace(link, operstate=Operstate.DOWN, admin_up=False, carrier=False) for link in network.links)
    routes = (
        replace(route, metric=7, next_hops=tuple(NextHop(index=h.index, dead=True) for h in route.next_hops))
        for route in network.routes
    )
    other = replace(network, links=tuple(links), routes=tuple(routes))
    assert would_start(other, options, lambda _: reached) == would_start(network, options, lambda _: reached)
