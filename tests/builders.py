"""A healthy node, and small changes to it: the node of the incident, with its Wi-Fi up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from uplink_exporter.facts import (
    Address,
    Claim,
    Fact,
    Family,
    Host,
    Instant,
    Link,
    Load,
    Manager,
    Neighbour,
    NeighbourState,
    Network,
    NextHop,
    NodeState,
    Operstate,
    Policy,
    Pressure,
    Rfkill,
    Route,
)
from uplink_exporter.families import BuildInfo, Scene, Showing
from uplink_exporter.flannel.observed import ApiPath, ContainerRestarts, FlannelContainer, FlannelLogs, NodePods
from uplink_exporter.history.telling import told

BOOT = 1_630_000_000.0

GATEWAY = "192.168.6.1"
HOP = NextHop(index=3, gateway=GATEWAY)
HOP6 = NextHop(index=3, gateway="fe80::1")
ROUTE = Route(family=Family.IPV4, next_hops=(HOP,), protocol="dhcp", metric=600)
ROUTE6 = Route(family=Family.IPV6, next_hops=(HOP6,), protocol="ra", metric=1024)

LO = Link(index=1, name="lo", operstate=Operstate.UNKNOWN, admin_up=True, carrier=True, loopback=True, mtu=65536)
ETH0 = Link(index=2, name="eth0", operstate=Operstate.DOWN, admin_up=True, carrier=False, driver="bcmgenet")
WLAN0 = Link(
    index=3,
    name="wlan0",
    operstate=Operstate.UP,
    admin_up=True,
    carrier=True,
    carrier_changes=2,
    wireless=True,
    driver="brcmfmac",
)
FLANNEL1 = Link(index=4, name="flannel.1", operstate=Operstate.UNKNOWN, admin_up=True, carrier=True, kind="vxlan")

ADDRESS = Address(index=3, family=Family.IPV4, address="192.168.6.11", prefix_length=24, flags=Address.PERMANENT)
ADDRESS6 = Address(index=3, family=Family.IPV6, address="2001:db8::11", prefix_length=64)

NETWORK = Network(links=(LO, ETH0, WLAN0), addresses=(ADDRESS,), routes=(ROUTE,))
DUAL = replace(NETWORK, addresses=(ADDRESS, ADDRESS6), routes=(ROUTE, ROUTE6))
HOST = Host(name="pi-master1", claims=(Claim(manager=Manager.NETPLAN),))
LOAD = Load(
    load1=0.2,
    load5=0.18,
    load15=0.12,
    cpus=4,
    blocked=0,
    pressure=tuple(
        Pressure(resource=resource, share=share, seconds=1.5)
        for resource in ("cpu", "io", "memory")
        for share in ("some", "full")
    ),
)
RESTARTS = ContainerRestarts(
    uid="6a1f", namespace="kube-flannel", pod="kube-flannel-ds-jqgsm", container="kube-flannel", count=3
)
LOGS = FlannelLogs(found=True, restarts=(RESTARTS,), subnet_file=BOOT + 30)
PODS = NodePods(path=ApiPath.SERVICE, flannel=(FlannelContainer(restarts=RESTARTS, running=True, ready=True),), args=())


def at(uptime: float) -> Instant:
    """A moment of this boot."""
    return Instant(uptime=uptime, boot_time=BOOT)


def never_up(link: Link) -> Link:
    """The link as it is before anything has brought it up."""
    return replace(link, operstate=Operstate.DOWN, admin_up=False, carrier=False, carrier_changes=0)


def no_carrier(link: Link, operstate: Operstate = Operstate.DOWN) -> Link:
    """The link, brought up, without a carrier."""
    return replace(link, operstate=operstate, carrier=False)


def with_links(network: Network, *links: Link) -> Network:
    """The network with these links in place of those of the same index, or added."""
    changed = {link.index: link for link in (*network.links, *links)}
    return replace(network, links=tuple(changed.values()))


def with_routes(network: Network, *routes: Route) -> Network:
    """The network with these routes and no other."""
    return replace(network, routes=routes)


def with_neighbour(network: Network, state: NeighbourState, hop: NextHop = HOP) -> Network:
    """The network with the gateway's neighbour entry in that state."""
    return replace(network, neighbours=(Neighbour(index=hop.index, address=hop.gateway, state=state),))


def unplugged(network: Network) -> Network:
    """The network after its Wi-Fi lost its carrier: the kernel keeps the routes, and marks them."""
    routes = (
        replace(route, next_hops=tuple(replace(hop, linkdown=True) for hop in route.next_hops))
        for route in network.routes
    )
    return with_links(with_routes(network, *routes), no_carrier(WLAN0))


def booted(network: Network) -> Network:
    """The network as it is before wlan0 is brought up: no address and no route."""
    return replace(with_links(network, never_up(WLAN0)), addresses=(), routes=())


def blocked(rfkill: Rfkill) -> Network:
    """The network whose wlan0 is held off."""
    return with_links(booted(NETWORK), replace(never_up(WLAN0), rfkill=rfkill))


def node(*facts: Fact, uptime: float = 60.0, policy: Policy | None = None) -> NodeState:
    """A node of which these facts were observed at that moment."""
    return observed(NodeState(policy=policy or Policy()), ((uptime, fact) for fact in facts))


def observed(state: NodeState, looks: Iterable[tuple[float, Fact]]) -> NodeState:
    """The state after facts were observed, each at its uptime."""
    for uptime, fact in looks:
        state = told(state, fact, at(uptime))
    return state


def scene(state: NodeState, uptime: float = 60.0, showing: Showing | None = None) -> Scene:
    """A look at the state at that moment."""
    return Scene(state=state, now=at(uptime), showing=showing or SHOWING)


SHOWING = Showing(
    sources=(Network, Load, Host), build=BuildInfo(version="1.2.3", revision="abcdef0", python_version="3.11.2")
)
