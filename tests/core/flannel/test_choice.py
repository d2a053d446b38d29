"""Flannel's own question, where a version begins to answer otherwise, and where no kernel can be brought to be."""

from __future__ import annotations

import errno
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uplink_exporter.facts import Address, Family, Link, Network, NextHop, Operstate, Reached, Route, RouteType
from uplink_exporter.flannel.choice import Blocked, Choice, Method, Reach, Refusal, would_start
from uplink_exporter.flannel.options import Options, Stack, Version

OLDEST, NEWEST = (0, 8, 0), (0, 28, 9)
GENERIC = "Failed to find interface to use that matches the interfaces and/or regexes provided"


def link(index: int, name: str, mtu: int = 1500) -> Link:
    return Link(index=index, name=name, operstate=Operstate.UP, admin_up=True, carrier=True, mtu=mtu)


def address(index: int, text: str, flags: int = Address.PERMANENT) -> Address:
    family = Family.IPV6 if ":" in text else Family.IPV4
    return Address(index=index, family=family, address=text, prefix_length=24, flags=flags)


def default(index: int, family: Family = Family.IPV4) -> Route:
    return Route(family=family, next_hops=(NextHop(index=index, gateway="192.0.2.1"),))


LINKS = (link(1, "lo"), link(2, "eth0"), link(3, "wlan0"))
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
    links=LINKS, addresses=(address(2, "169.254.1.1"), address(2, "169.254.1.2")), routes=(default(2),)
)
NO_ROUTE = replace(NODE, routes=())
NO_WLAN = "error looking up interface wlan9: route ip+net: no such network interface"


@pytest.mark.parametrize(
    ("network", "options", "last", "said_before", "first", "said_since"),
    [
        pytest.param(
            NODE, Options(public_ip="10.2.0.5"), (0, 11, 0), "eth0 10.1.0.5", (0, 12, 0), "wlan0 10.2.0.5",
            id="--public-ip selects the link (main.go: LookupExtIface(opts.publicIP, ...))",
        ),
        pytest.param(
            NODE, Options(stack=Stack.IPV6), (0, 14, 1), "eth0 10.1.0.5", (0, 15, 0), "eth0 fd01::5",
            id="net-conf.json's families are read",
        ),
        pytest.param(
            NODE, Options(stack=Stack.NONE), (0, 14, 1), "eth0 10.1.0.5", (0, 15, 0), "none defined stack",
            id="no family at all is an error",
        ),
        pytest.param(
            NODE, Options(public_ipv6="fd01::5"), (0, 14, 1), "flag provided but not defined: -public-ipv6",
            (0, 15, 0), "eth0 10.1.0.5",
            id="--public-ipv6 exists",
        ),
        pytest.param(
            NODE, Options(regexes=("(",)), (0, 14, 1), "regex error matching pattern ( to 10.1.0.5", (0, 15, 0),
            "could not compile the IP address regex '(': error parsing regexp: missing closing ): `(`",
            id="patterns are compiled before they are used",
        ),
        pytest.param(
            NODE, Options(regexes=("^10",)), (0, 14, 1), "eth0 10.1.0.5", (0, 15, 0), "wlan0 10.2.0.5",
            id="the loop over the links does not stop at a match",
        ),
        pytest.param(
            NODE, Options(regexes=("^10",)), (0, 16, 3), "wlan0 10.2.0.5", (0, 17, 0), "eth0 10.1.0.5",
            id="and stops again (flannel 790906b9)",
        ),
        pytest.param(
            NODE, Options(stack=Stack.IPV6, regexes=("6$",)), (0, 16, 3),
            "Could not match pattern 6$ to any of the available network interfaces (lo:<nil>, eth0:fd01::5, wlan0:fd02::5)",
            (0, 17, 0), "eth0 fd01::6",
            id="all addresses of a link are tried",
        ),
        pytest.param(
            LINK_LOCALS, Options(), (0, 16, 3), "eth0 169.254.1.2", (0, 17, 0), "eth0 169.254.1.1",
            id="of link-local addresses the first one is taken",
        ),
        pytest.param(
            NODE, Options(can_reach="8.8.8.8"), (0, 17, 0), "flag provided but not defined: -iface-can-reach",
            (0, 18, 0), "not tried: the route to 8.8.8.8 was not looked up",
            id="--iface-can-reach exists",
        ),
        pytest.param(
            NODE, LITERAL_DUAL, (0, 18, 1),
            "error looking up v6 interface 10.1.0.5: No interface with given IPv6 found", (0, 19, 0), "eth0 10.1.0.5",
            id="in dual stack a literal need not be an address of both families",
        ),
        pytest.param(
            NODE, Options(stack=Stack.IPV6, public_ipv6="fd02::5"), (0, 18, 1), "eth0 fd01::5", (0, 19, 0),
            "wlan0 fd02::5 fd02::5" if NEWEST < (0, 25, 7) else "wlan0 fd02::5 fd02::5",
            id="--public-ipv6 selects the link where --public-ip is empty",
        ),
        pytest.param(
            NODE, LITERAL6, (0, 25, 6), "eth0 fd01::6 fd01::5", (0, 25, 7), "eth0 fd01::6 fd01::6",
            id="an IPv6 literal is the address that is used",
        ),
        pytest.param(
            NODE, LITERAL_DUAL, (0, 27, 3), "eth0 10.1.0.5", (0, 27, 4), "eth0 10.1.0.5 fd01::5",
            id="in dual stack the other family is filled in (flannel a0a7d683)",
        ),
        pytest.param(
            TWO_DYNAMIC, Options(), (0, 27, 4), "eth0 10.1.0.5", (0, 28, 0), "eth0 10.1.0.6",
            id="addresses without an end come first (flannel 97b6771a)",
        ),
        pytest.param(
            NO_ROUTE, Options(), (0, 27, 4), "failed to get default interface: Unable to find default route",
            (0, 28, 0), "failed to get default interface: unable to find default route",
            id="messages begin in lower case (flannel 44e09cf2)",
        ),
    ],
)  # fmt: skip
def test_a_version_brings_a_change(
    network: Network, options: Options, last: Version, said_before: str, first: Version, said_since: str
) -> None:
    assert asked(network, options, last) == said_before
    assert asked(network, options, first) == said_since
