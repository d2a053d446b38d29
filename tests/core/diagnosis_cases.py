"""One node for each reason of each verdict about the uplink, and what has to be said of it first."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tests.builders import (
    ADDRESS,
    DUAL,
    ETH0,
    FLANNEL1,
    HOP,
    HOST,
    LO,
    NETWORK,
    ROUTE,
    ROUTE6,
    WLAN0,
    blocked,
    booted,
    never_up,
    no_carrier,
    node,
    observed,
    unplugged,
    with_links,
    with_neighbour,
    with_routes,
)
from uplink_exporter.diagnosis import Verdict
from uplink_exporter.facts import (
    Family,
    NeighbourState,
    Network,
    NextHop,
    NodeState,
    Operstate,
    Policy,
    Reason,
    Rfkill,
    Route,
    RouteType,
)

WLAN = Policy(devices=("wlan0",))
BOTH = Policy(required=(Family.IPV4, Family.IPV6))
ROUTELESS = with_routes(NETWORK)
ONLY_LO = Network(links=(LO,))
SECOND = NextHop(index=2, gateway="10.0.0.1")
THROUGH_LAN = replace(ROUTE, next_hops=(SECOND,))
BLACKHOLE = Route(family=Family.IPV4, type=RouteType.BLACKHOLE, next_hops=())
DEAD6 = replace(ROUTE6, next_hops=(replace(ROUTE6.next_hops[0], linkdown=True),))
ETH0_UP = replace(ETH0, operstate=Operstate.UP, carrier=True)


def on_lan(network: Network) -> Network:
    """The network with an eth0 that is up and has an address, as in a LAN without a router."""
    address = replace(ADDRESS, index=2, address="10.0.0.2")
    return replace(with_links(network, ETH0_UP), addresses=(*network.addresses, address))


def remembering(network: Network) -> NodeState:
    """The state when this network follows a healthy one: wlan0 is known to have carried the route."""
    return observed(NodeState(), [(30, HOST), (30, NETWORK), (60, network)])


def wlan0(**changes: object) -> NodeState:
    """A node whose wlan0, configured as the uplink, differs, and that has no route."""
    link = replace(WLAN0, **changes)  # type: ignore[arg-type]
    return node(with_links(ROUTELESS, link), HOST, policy=WLAN)


@dataclass(frozen=True)
class Case:
    name: str
    state: NodeState
    verdict: Verdict
    cause: str
    """The subject of the first evidence."""
    observed: str
    """What is seen there, in part."""
    summary: str = ""


CASES = (
    Case("nothing was ever heard of the kernel", node(HOST), Verdict.UNKNOWN, "rtnetlink", "no answer yet"),
    Case(
        "the kernel has been silent for too long",
        observed(NodeState(), [(-60, NETWORK)]).fail("netlink", Reason.OVERFLOW),
        Verdict.UNKNOWN,
        "rtnetlink",
        "silent for 2m 0s; failed: overflow 1x",
    ),
    Case(
        "a pod that is not on the host's network",
        node(NETWORK, replace(HOST, host_network=False)),
        Verdict.UNKNOWN,
        "network namespace",
        "a pod's own",
    ),
    Case(
        "the configured device does not exist",
        node(ONLY_LO, policy=WLAN),
        Verdict.UPLINK_MISSING,
        "wlan0",
        "no such device; --uplink.device names it",
    ),
    Case(
        "the device that carried the route is gone, as USB Wi-Fi goes",
        remembering(ONLY_LO),
        Verdict.UPLINK_MISSING,
        "wlan0",
        "no such device; it last carried the default route",
    ),
    Case(
        "wlan0 was never brought up: the incident",
        node(booted(NETWORK), policy=WLAN),
        Verdict.UPLINK_DOWN,
        "wlan0",
        "operstate down, administratively down: nothing has brought it up; --uplink.device names it",
    ),
    Case(
        "a remembered device is set down",
        remembering(booted(NETWORK)),
        Verdict.UPLINK_DOWN,
        "wlan0",
        "administratively down: nothing has brought it up; it last carried the default route",
    ),
    Case(
        "the cable is out",
        node(with_links(ROUTELESS, ETH0), policy=Policy(devices=("eth0",))),
        Verdict.UPLINK_DOWN,
        "eth0",
        "operstate down: brought up, but no carrier",
    ),
    Case(
        "Wi-Fi is not associated",
        wlan0(operstate=Operstate.DOWN, carrier=False),
        Verdict.UPLINK_DOWN,
        "wlan0",
        "not associated with an access point",
    ),
    Case(
        "Wi-Fi waits for its supplicant",
        wlan0(operstate=Operstate.DORMANT),
        Verdict.UPLINK_DOWN,
        "wlan0",
        "operstate dormant: the link is there, but its supplicant",
    ),
    Case(
        "what lies below a vlan is down",
        wlan0(operstate=Operstate.LOWERLAYERDOWN, kind="vlan", wireless=False),
        Verdict.UPLINK_DOWN,
        "wlan0",
        "operstate lowerlayerdown",
    ),
    Case(
        "rfkill holds the radio off",
        node(blocked(Rfkill.SOFTWARE), HOST, policy=WLAN),
        Verdict.UPLINK_DOWN,
        "wlan0",
        "rfkill holds its radio off, by software",
    ),
    Case(
        "a hardware switch holds the radio off",
        node(blocked(Rfkill.HARDWARE), HOST, policy=WLAN),
        Verdict.UPLINK_DOWN,
        "wlan0",
        "rfkill holds its radio off, by a hardware switch",
    ),
    Case(
        "another radio is held off",
        node(booted(NETWORK), replace(HOST, rfkill_soft=True), policy=WLAN),
        Verdict.UPLINK_DOWN,
        "wlan0",
        "nothing has brought it up",
    ),
    Case(
        "it was up, and somebody set it down",
        node(with_links(booted(NETWORK), replace(never_up(WLAN0), carrier_ups=1)), HOST, policy=WLAN),
        Verdict.UPLINK_DOWN,
        "wlan0",
        "it was up, and was set down",
    ),
    Case(
        "its supplicant finds no access point",
        wlan0(operstate=Operstate.DOWN, carrier=False, supplicant=True),
        Verdict.UPLINK_DOWN,
        "wlan0",
        "not associated with an access point, though a supplicant has it",
    ),
    Case(
        "a monitor is no uplink",
        node(with_links(booted(NETWORK), replace(never_up(WLAN0), index=9, name="mon0", raw=True, admin_up=True))),
        Verdict.UPLINK_DOWN,
        "wlan0",
        "nothing has brought it up",
    ),
    Case(
        "nothing is known of the uplink, and all candidates are down",
        node(booted(NETWORK)),
        Verdict.UPLINK_DOWN,
        "wlan0",
        "administratively down",
        "the uplink is down (wlan0 or eth0), so there is no IPv4 default route",
    ),
    Case(
        "nothing is known of the uplink; one candidate is up in a LAN, the other is down",
        node(on_lan(booted(NETWORK))),
        Verdict.UPLINK_DOWN,
        "wlan0",
        "administratively down",
    ),
    Case(
        "nothing is known of the uplink, and a candidate is up without an address",
        node(with_links(booted(NETWORK), ETH0_UP)),
        Verdict.ROUTE_MISSING,
        "address on eth0",
        "no usable IPv4 address; DHCP has not answered",
        "eth0 is up, yet there is no IPv4 default route",
    ),
    Case(
        "nothing is known of the uplink, and there is no candidate",
        node(with_links(ONLY_LO, FLANNEL1)),
        Verdict.ROUTE_MISSING,
        "IPv4 default route",
        "none in the main table, never since boot 1m 0s ago",
        "there is no IPv4 default route",
    ),
    Case(
        "the uplink is up and has an address, and no route",
        node(ROUTELESS, policy=WLAN),
        Verdict.ROUTE_MISSING,
        "IPv4 default route",
        "none in the main table",
        "wlan0 is up, yet there is no IPv4 default route",
    ),
    Case(
        "the uplink's operstate is unknown, which counts as up",
        wlan0(operstate=Operstate.UNKNOWN),
        Verdict.ROUTE_MISSING,
        "IPv4 default route",
        "none in the main table",
        "wlan0 is up",
    ),
    Case(
        "a blackhole is no default route",
        node(with_routes(NETWORK, BLACKHOLE), policy=WLAN),
        Verdict.ROUTE_MISSING,
        "IPv4 default route",
        "none in the main table",
    ),
    Case(
        "IPv6 is required and missing",
        node(NETWORK, policy=BOTH),
        Verdict.ROUTE_MISSING,
        "address on wlan0",
        "no usable IPv6 address",
        "wlan0 is up, yet there is no IPv6 default route",
    ),
    Case(
        "carrier loss leaves the route, marked linkdown",
        node(unplugged(NETWORK)),
        Verdict.ROUTE_DEAD,
        "wlan0",
        "not associated",
        "leads out of wlan0, which is dead",
    ),
    Case(
        "the link is down, and its route not marked yet",
        node(with_links(NETWORK, no_carrier(WLAN0))),
        Verdict.ROUTE_DEAD,
        "wlan0",
        "operstate down",
    ),
    Case(
        "all next hops of a multipath route are dead",
        node(with_routes(with_links(NETWORK, no_carrier(WLAN0)), replace(ROUTE, next_hops=(SECOND, HOP)))),
        Verdict.ROUTE_DEAD,
        "eth0",
        "no carrier",
    ),
    Case(
        "the gateway does not answer",
        node(with_neighbour(NETWORK, NeighbourState.FAILED)),
        Verdict.ROUTE_DEAD,
        "gateway 192.168.6.1",
        "FAILED: no answer",
        "gateway 192.168.6.1 on wlan0 does not answer",
    ),
    Case(
        "the required IPv6 route is dead while IPv4 is fine",
        node(with_routes(DUAL, ROUTE, replace(ROUTE6, next_hops=(replace(SECOND, linkdown=True),))), policy=BOTH),
        Verdict.ROUTE_DEAD,
        "eth0",
        "no carrier",
        "the IPv6 default route leads out",
    ),
    Case(
        "one of two gateways of one metric does not answer",
        node(with_neighbour(with_routes(on_lan(NETWORK), ROUTE, THROUGH_LAN), NeighbourState.FAILED)),
        Verdict.HEALTHY,
        "IPv4 default route",
        "via 10.0.0.1",
    ),
    Case(
        "of two required families one has no route and the other a dead one",
        node(with_routes(with_links(DUAL, ETH0_UP), DEAD6), policy=BOTH),
        Verdict.ROUTE_MISSING,
        "IPv4 default route",
        "none in the main table",
    ),
    Case(
        "the uplink is down, and a dead IPv6 route is left",
        node(with_routes(with_links(DUAL, never_up(WLAN0)), DEAD6), policy=replace(BOTH, devices=("wlan0",))),
        Verdict.UPLINK_DOWN,
        "wlan0",
        "administratively down",
    ),
    Case("all is well", node(NETWORK), Verdict.HEALTHY, "IPv4 default route", "default via 192.168.6.1 dev wlan0"),
    Case(
        "one next hop of a multipath route is alive",
        node(with_routes(NETWORK, replace(ROUTE, next_hops=(SECOND, HOP)))),
        Verdict.HEALTHY,
        "IPv4 default route",
        "dev wlan0",
    ),
    Case(
        "the uplink's operstate is unknown, and it carries the route",
        node(with_links(NETWORK, replace(WLAN0, operstate=Operstate.UNKNOWN))),
        Verdict.HEALTHY,
        "IPv4 default route",
        "dev wlan0",
    ),
    Case(
        "the gateway is asked again, and has not failed",
        node(with_neighbour(NETWORK, NeighbourState.INCOMPLETE)),
        Verdict.HEALTHY,
        "IPv4 default route",
        "via 192.168.6.1",
    ),
    Case(
        "a route by a nexthop object, of which the kernel does not tell the device",
        node(with_routes(NETWORK, replace(ROUTE, next_hops=(NextHop(index=0),)))),
        Verdict.HEALTHY,
        "IPv4 default route",
        "default",
        "healthy: there is a default route",
    ),
    Case(
        "a configured device is down, and another one carries the route",
        node(on_lan(with_routes(with_links(NETWORK, never_up(WLAN0)), THROUGH_LAN)), policy=WLAN),
        Verdict.HEALTHY,
        "IPv4 default route",
        "dev eth0",
    ),
)
