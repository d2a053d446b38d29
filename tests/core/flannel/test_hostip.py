"""Kubernetes' host-IP question on hand-made networks; tests/kernel holds it against the real code."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given

from tests.core.flannel.networks import LINKS, address, default, networks
from uplink_exporter.facts import Family, Network, NextHop, Route, RouteType
from uplink_exporter.flannel.hostip import HostIp, NoHostIp, choose_host_interface

LO, ETH0, WLAN0 = replace(LINKS[0], loopback=True), *LINKS[1:]
NODE = Network(
    links=(LO, ETH0, WLAN0),
    addresses=(address(1, "127.0.0.1"), address(2, "10.1.0.5"), address(3, "10.2.0.5"), address(3, "fd02::5")),
    routes=(default(2), default(3)),
)
NO_ROUTES = NoHostIp(error='no default routes found in "/proc/net/route" or "/proc/net/ipv6_route"')
NONE_SELECTED = NoHostIp(error="unable to select an IP from default routes.")
NO_INTERFACE = NoHostIp(error="route ip+net: no such network interface")
ON_ETH0, ON_WLAN0 = HostIp(device="eth0", address="10.1.0.5"), HostIp(device="wlan0", address="10.2.0.5")
BLACKHOLE = Route(family=Family.IPV4, next_hops=(), type=RouteType.BLACKHOLE)
ROUTE6 = Route(family=Family.IPV6, next_hops=(NextHop(index=3, gateway="fe80::1"),))
GLOBAL_ON_LO = (*NODE.addresses, address(1, "10.9.9.9"))


@pytest.mark.parametrize(
    ("network", "found"),
    [
        pytest.param(NODE, ON_ETH0, id="the first default route's link"),
        pytest.param(replace(NODE, routes=()), NO_ROUTES, id="no default route"),
        pytest.param(replace(NODE, routes=(replace(default(3), prefix_length=1),)), ON_WLAN0, id="the mask is ignored"),
        pytest.param(replace(NODE, routes=(BLACKHOLE, default(2))), NO_INTERFACE, id="a blackhole has device *"),
        pytest.param(replace(NODE, routes=(default(2), BLACKHOLE)), ON_ETH0, id="a blackhole after what will do"),
        pytest.param(replace(NODE, routes=(default(9), default(2))), NO_INTERFACE, id="the device went"),
        pytest.param(
            replace(NODE, routes=(replace(default(3), nested=True),)), ON_WLAN0, id="multipath shows its first next hop"
        ),
        pytest.param(
            replace(NODE, links=(LO, replace(ETH0, admin_up=False), WLAN0)), ON_WLAN0, id="a link set down is skipped"
        ),
        pytest.param(
            replace(NODE, links=(LO, replace(ETH0, carrier=False), WLAN0)), ON_ETH0, id="carrier does not matter"
        ),
        pytest.param(
            replace(NODE, addresses=(address(2, "169.254.1.9"),)), NONE_SELECTED, id="a link-local address is none"
        ),
        pytest.param(
            replace(NODE, links=(LO, replace(ETH0, admin_up=False), WLAN0), addresses=GLOBAL_ON_LO),
            HostIp(device="lo", address="10.9.9.9"),
            id="the loopback's global address goes before the next route (RFC 5549)",
        ),
        pytest.param(
            replace(NODE, links=(replace(LO, admin_up=False), ETH0), addresses=GLOBAL_ON_LO[-1:], routes=(default(2),)),
            NONE_SELECTED,
            id="the loopback set down",
        ),
        pytest.param(replace(NODE, routes=(ROUTE6, default(2))), ON_ETH0, id="IPv4 goes first"),
        pytest.param(replace(NODE, routes=(ROUTE6,)), HostIp(device="wlan0", address="fd02::5"), id="then IPv6"),
        pytest.param(
            replace(NODE, routes=(Route(family=Family.IPV6, next_hops=(NextHop(index=3),)),)),
            NO_ROUTES,
            id="an IPv6 route without a gateway is taken for the loopback's",
        ),
    ],
)
def test_the_host_interface(network: Network, found: HostIp | NoHostIp) -> None:
    assert choose_host_interface(network) == found


@given(networks)
def test_there_is_always_an_answer(network: Network) -> None:
    found = choose_host_interface(network)
    assert found.address if isinstance(found, HostIp) else found.error
