"""Whether traffic leaves, by which way, and what is said of it where it does not: the kernel's own answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import pytest

from tests.kernel.namespace import Namespace, fresh_namespace, watching
from uplink_exporter.facts import Family, Policy

pytestmark = pytest.mark.kernel

IPV4, IPV6 = Policy(), Policy(required=(Family.IPV6,))
GONE = "far link set peth0 down"
ROUTE = "route add default via 10.9.0.1 dev eth0 metric 100"
OTHER = "route add default via 10.8.0.1 dev eth1 metric 600"
ROUTE6 = "route add ::/0 via 2001:db8:9::1 dev eth0 metric 100"
OTHER6 = "route add ::/0 via 2001:db8:8::1 dev eth1 metric 600"
HALVES = ("route add 0.0.0.0/1 dev tun0", "route add 128.0.0.0/1 dev tun0")
HALVES6 = ("route add ::/1 dev tun0", "route add 8000::/1 dev tun0")
OBJECT = ("nexthop add id 7 via 10.9.0.1 dev eth0", "route add default nhid 7")
OBJECT6 = ("nexthop add id 7 via 2001:db8:9::1 dev eth0", "route add ::/0 nhid 7")
IGNORED = {"ipv4/conf/all/ignore_routes_with_linkdown": 1}
SILENT = "neigh replace 10.9.0.1 dev eth0 nud failed"
TABLE = "route add default via 10.9.0.1 dev eth0 table 100"


def nic(name: str) -> tuple[str, ...]:
    """A line that is up, with its far end in the network beyond."""
    return f"link add {name} type veth peer name p{name} netns FAR", f"far link set p{name} up", f"link set {name} up"


NODE = (
    *nic("eth0"),
    "addr add 10.9.0.5/24 dev eth0",
    "addr add 2001:db8:9::5/64 dev eth0 nodad",
    *nic("eth1"),
    "addr add 10.8.0.5/24 dev eth1",
    "addr add 2001:db8:8::5/64 dev eth1 nodad",
)
TUNNEL = (*nic("tun0"), "addr add 10.20.0.2/24 dev tun0", "addr add 2001:db8:20::2/64 dev tun0 nodad")


@pytest.fixture
def node(namespaces: None) -> Iterator[Node]:
    """Two lines with addresses, and no route."""
    with fresh_namespace() as beyond, fresh_namespace() as here:
        here.sysctl("ipv6/conf/default/accept_dad", 0)
        # A line with the number of its own far end is told of up to a second late (linkwatch_urgent_event).
        beyond.ip("link add spare type ifb")
        run(Node(here, beyond), NODE)
        yield Node(here, beyond)


@dataclass(frozen=True, slots=True)
class Node:
    """A node's network, and the one beyond its lines."""

    here: Namespace
    beyond: Namespace


def run(node: Node, commands: Sequence[str]) -> None:
    """Run ip(8) commands, each batch at once; those that begin with `far` in the network beyond."""
    commands = [command.replace("FAR", node.beyond.name) for command in commands]
    places = {"far": node.beyond.ip, "-6": node.here.ip6}
    for place, batch in groupby(commands, lambda command: command.split()[0] if command.split()[0] in places else ""):
        there = places.get(place, node.here.ip)
        there(*(command.removeprefix(f"{place} ") for command in batch))


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is there, what is done under our eyes, and what is to be seen and said then."""

    name: str
    before: tuple[str, ...] = ()
    done: tuple[str, ...] = ()
    sysctls: Mapping[str, int] = field(default_factory=dict)
    policy: Policy = IPV4
    usable: bool
    present: bool = True
    losses: int = 0
    verdict: str
    device: str = ""
    """The one that is to blame, where there is one."""
    says: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    samples: Mapping[str, float | None] = field(default_factory=dict)


def dead(name: str, **rest: object) -> Case:
    """One whose traffic does not leave, though there is a default route."""
    return Case(**{"name": name, "usable": False, "verdict": "route_dead", **rest})  # type: ignore[arg-type]


def well(name: str, **rest: object) -> Case:
    """One whose traffic leaves."""
    return Case(**{"name": name, "usable": True, "verdict": "healthy", **rest})  # type: ignore[arg-type]


TWO_WAYS = (
    dead(
        "the best route's line is dead, a worse one's is not",
        before=(ROUTE, OTHER),
        done=(GONE,),
        losses=1,
        device="eth0",
        says=("leads out of eth0, which is dead", "metric 600", "is not asked"),
    ),
    dead("the same over IPv6", before=(ROUTE6, OTHER6), done=(GONE,), policy=IPV6, losses=1, device="eth0"),
    dead("the same, seen at the first look", before=(ROUTE, OTHER, GONE), device="eth0"),
    well(
        "the kernel passes over routes that are linkdown",
        sysctls={"ipv4/conf/all/ignore_routes_with_linkdown": 1, "ipv4/conf/eth0/ignore_routes_with_linkdown": 1},
        before=(ROUTE, OTHER),
        done=(GONE,),
        says=("leaves by eth1",),
    ),
    well(
        "the same over IPv6",
        sysctls={"ipv6/conf/all/ignore_routes_with_linkdown": 1, "ipv6/conf/eth0/ignore_routes_with_linkdown": 1},
        before=(ROUTE6, OTHER6),
        done=(GONE,),
        policy=IPV6,
        says=("leaves by eth1",),
    ),
    well("the best route's device is set down", before=(ROUTE, OTHER), done=("link set eth0 down",), says=("by eth1",)),
    well("the worse one's line is dead", before=(ROUTE, OTHER), done=("far link set peth1 down",), says=("by eth0",)),
    dead(
        "the best route's gateway is silent, a worse one's is not",
        before=(ROUTE, OTHER),
        done=(SILENT,),
        losses=1,
        device="eth0",
        says=("gateway 10.9.0.1 on eth0 does not answer",),
        samples={'uplink_gateway_neighbour_failed{device="eth0",family="ipv4",gateway="10.9.0.1"}': 1},
    ),
    well(
        "only the worse route's gateway is silent",
        before=(ROUTE, OTHER),
        done=("neigh replace 10.8.0.1 dev eth1 nud failed",),
    ),
    well(
        "of two routes of one metric IPv4 passes over the one whose gateway is silent",
        before=("route add default via 10.9.0.1 dev eth0", "route append default via 10.8.0.1 dev eth1"),
        done=(SILENT, "neigh replace 10.8.0.1 dev eth1 lladdr 02:00:00:00:00:01 nud reachable"),
        says=("leaves by eth1",),
    ),
    well(
        "one of two next hops has lost its line",
        before=("route add default nexthop via 10.9.0.1 nexthop via 10.8.0.1",),
        done=(GONE,),
        says=("leaves by eth1", "1 of 2 next hops is dead"),
        never=("from eth1 to eth0", "leaves by eth0"),
        samples={
            'uplink_default_route_next_hops{family="ipv4",state="alive"}': 1,
            'uplink_default_route_next_hops{family="ipv4",state="dead"}': 1,
        },
    ),
    well(
        "the gateway of one of two next hops is silent",
        before=("route add default nexthop via 10.9.0.1 nexthop via 10.8.0.1",),
        done=(SILENT,),
        says=("1 of 2 next hops is dead",),
    ),
    dead(
        "both next hops have lost their lines",
        before=("route add default nexthop via 10.9.0.1 nexthop via 10.8.0.1",),
        done=(GONE, "far link set peth1 down"),
        losses=1,
        says=("2 of 2 next hops are dead",),
    ),
    well(
        "the kernel passes over the one that has lost its line",
        sysctls=IGNORED,
        before=("route add default nexthop via 10.9.0.1 nexthop via 10.8.0.1",),
        done=(GONE,),
        says=("1 of 2 next hops is dead, and passed over",),
        never=("are lost",),
    ),
    dead(
        "the kernel ignores the only route, whose line is dead",
        sysctls=IGNORED,
        before=(ROUTE,),
        done=(GONE,),
        losses=1,
        device="eth0",
        says=("leads out of eth0, which is dead", "no carrier"),
        never=("DEVICE",),
    ),
)

REFUSED = tuple(
    dead(
        f"a default route that is {kind} comes first",
        before=(ROUTE,),
        done=(f"route add {kind} default metric 10",),
        losses=1,
        says=(f"{kind} default", "metric 10", "default via 10.9.0.1 dev eth0", "is not asked"),
        never=("next hops",),
    )
    for kind in ("unreachable", "blackhole", "prohibit", "throw")
)
REFUSED += (
    dead(
        "an unreachable IPv6 one comes first",
        before=(ROUTE6,),
        done=("route add unreachable ::/0 metric 10",),
        policy=IPV6,
        losses=1,
        says=("unreachable default", "is not asked"),
    ),
    well("an unreachable one comes last", before=(ROUTE,), done=("route add unreachable default metric 4278198272",)),
    dead(
        "for one type of service only",
        before=("route add default via 10.9.0.1 tos 0x10",),
        says=("tos 0x10",),
    ),
    well(
        "a better one for one type of service",
        before=(ROUTE, "route add default via 10.8.0.1 tos 0x10"),
        says=("by eth0",),
    ),
)

OVERRIDDEN = (
    dead(
        "halves of the world by a dead tunnel, beside a real default route",
        before=(*TUNNEL, *HALVES, ROUTE),
        done=("far link set ptun0 down",),
        losses=1,
        device="tun0",
        says=("0.0.0.0/1", "tun0"),
    ),
    dead(
        "one half by a dead tunnel",
        before=(*TUNNEL, HALVES[1], ROUTE),
        done=("far link set ptun0 down",),
        losses=1,
        device="tun0",
        says=("128.0.0.0/1",),
    ),
    dead(
        "the same over IPv6",
        before=(*TUNNEL, *HALVES6, ROUTE6),
        done=("far link set ptun0 down",),
        policy=IPV6,
        losses=1,
    ),
    well(
        "halves of the world by a tunnel, alone", before=(*TUNNEL, *HALVES), present=False, says=("0.0.0.0/1", "tun0")
    ),
    well("the same, come under our eyes", before=TUNNEL, done=HALVES, present=False, says=("0.0.0.0/1", "tun0")),
    well("the same over IPv6", before=(*TUNNEL, *HALVES6), policy=IPV6, present=False, says=("::/1", "tun0")),
    well(
        "halves of the world by a tunnel, beside a real one",
        before=(*TUNNEL, *HALVES, ROUTE),
        says=("0.0.0.0/1", "tun0"),
    ),
    Case(
        name="one half of the world alone",
        before=(*TUNNEL, HALVES[0]),
        usable=False,
        present=False,
        verdict="route_missing",
    ),
    well(
        "a rule leads to another table",
        before=(TABLE,),
        done=("rule add lookup 100",),
        present=False,
        says=("table 100", "eth0"),
    ),
    well(
        "the same over IPv6",
        before=("route add ::/0 via 2001:db8:9::1 dev eth0 table 100",),
        done=("-6 rule add lookup 100",),
        policy=IPV6,
        present=False,
        says=("table 100",),
    ),
    dead(
        "a rule leads into a dead tunnel, beside a real default route",
        before=(*TUNNEL, "route add default dev tun0 table 51820", ROUTE, "rule add not fwmark 51820 table 51820"),
        done=("far link set ptun0 down",),
        losses=1,
        device="tun0",
        says=("table 51820",),
    ),
    well(
        "a rule leads into a tunnel, with no other default route",
        before=(*TUNNEL, "route add default dev tun0 table 51820", "rule add not fwmark 51820 table 51820"),
        present=False,
        says=("table 51820", "tun0"),
        never=("Nothing on the node", "ifup"),
    ),
    dead(
        "a rule says unreachable",
        before=(ROUTE,),
        done=("rule add unreachable",),
        losses=1,
        says=("rule", "unreachable", "is not asked"),
    ),
    dead(
        "a rule says unreachable, after one that holds for others only and one that does nothing",
        before=(ROUTE, "rule add pref 4 fwmark 7 unreachable", "rule add pref 5 nop"),
        done=("rule add pref 10 unreachable",),
        losses=1,
        says=("rule 10 says unreachable", "sudo ip rule del pref 10"),
        never=("rule 4 ", "rule 5 ", "pref 5"),
    ),
    dead(
        "a rule goes past the main table",
        before=(ROUTE, "rule add pref 32800 lookup 77"),
        done=("rule add pref 5 goto 32800",),
        losses=1,
        says=("rule 5 leads past the main table",),
    ),
    dead(
        "a rule says unreachable, after one that asks the main table for all but its default route",
        before=(ROUTE, "rule add pref 10 lookup main suppress_prefixlength 0"),
        done=("rule add pref 20 unreachable",),
        losses=1,
        says=("rule 20 says unreachable",),
    ),
    dead(
        "a table that is asked before the main one refuses",
        before=(ROUTE, "rule add pref 5 lookup 100"),
        done=("route add unreachable default table 100",),
        losses=1,
        says=("table 100 refuses, to which rule 5 leads", "ip -4 route show table 100"),
        never=("no rule leads", "rule add"),
    ),
    dead(
        "the same, once its tunnel is gone",
        before=(
            *TUNNEL,
            ROUTE,
            "route add default dev tun0 table 100",
            "route add unreachable default table 100 metric 900",
            "rule add pref 5 not fwmark 51820 table 100",
        ),
        done=("link del tun0",),
        losses=1,
        says=("table 100 refuses, to which rule 5 leads",),
        never=("moved", "no rule leads"),
    ),
    dead(
        "no rule leads to the main table",
        before=(ROUTE,),
        done=("rule del pref 32766", "rule del pref 32767"),
        losses=1,
        says=("no rule leads to", "ip rule add from all lookup main pref 32766"),
    ),
    well("the rule comes back", before=(ROUTE, "rule del pref 32766"), done=("rule add lookup main pref 32766",)),
)

OBJECTS = (
    well(
        "a nexthop object that the kernel only numbers",
        sysctls={"ipv4/nexthop_compat_mode": 0},
        before=OBJECT,
        says=("via 10.9.0.1 dev eth0",),
        samples={
            'uplink_default_route_info{device="eth0",family="ipv4",gateway="10.9.0.1",metric="0",protocol="boot"}': 1,
            'uplink_interface_expected{device="eth0",reason="route"}': 1,
            "uplink_node_ip_detectable": 1,
        },
    ),
    well(
        "the same over IPv6",
        sysctls={"ipv4/nexthop_compat_mode": 0},
        before=OBJECT6,
        policy=IPV6,
        samples={
            'uplink_default_route_info{device="eth0",family="ipv6",gateway="2001:db8:9::1",'
            'metric="1024",protocol="boot"}': 1,
            "uplink_node_ip_detectable": 1,
        },
    ),
    dead(
        "its device is dormant",
        sysctls={"ipv4/nexthop_compat_mode": 0},
        before=OBJECT,
        done=("link set eth0 mode dormant state dormant",),
        losses=1,
        device="eth0",
    ),
    dead(
        "its gateway is silent",
        sysctls={"ipv4/nexthop_compat_mode": 0},
        before=OBJECT,
        done=(SILENT,),
        losses=1,
        device="eth0",
    ),
    Case(
        name="its device is set down",
        sysctls={"ipv4/nexthop_compat_mode": 0},
        before=OBJECT,
        done=("link set eth0 down",),
        usable=False,
        present=False,
        losses=1,
        verdict="uplink_down",
        device="eth0",
        samples={'uplink_interface_expected{device="eth0",reason="remembered"}': 1},
    ),
    Case(
        name="it becomes a blackhole",
        sysctls={"ipv4/nexthop_compat_mode": 0},
        before=OBJECT,
        done=("nexthop replace id 7 blackhole",),
        usable=False,
        present=False,
        losses=1,
        verdict="route_missing",
        says=("blackhole default",),
    ),
    well(
        "it moves to another device",
        sysctls={"ipv4/nexthop_compat_mode": 0},
        before=OBJECT,
        done=("nexthop replace id 7 via 10.8.0.1 dev eth1",),
        says=("leaves by eth1",),
        samples={'uplink_interface_expected{device="eth1",reason="route"}': 1},
    ),
    well(
        "a group of them",
        sysctls={"ipv4/nexthop_compat_mode": 0},
        before=(
            OBJECT[0],
            "nexthop add id 8 via 10.8.0.1 dev eth1",
            "nexthop add id 9 group 7/8",
            "route add default nhid 9",
        ),
        samples={
            'uplink_default_route_info{device="eth0",family="ipv4",gateway="10.9.0.1",metric="0",protocol="boot"}': 1,
            'uplink_default_route_info{device="eth1",family="ipv4",gateway="10.8.0.1",metric="0",protocol="boot"}': 1,
        },
    ),
    well(
        "an IPv6 default route of another table, for the kubelet's question",
        before=("route add ::/0 via 2001:db8:9::1 dev eth0 table 100", "-6 rule add lookup 100"),
        policy=IPV6,
        present=False,
        samples={"uplink_node_ip_detectable": 1},
    ),
)

SOURCES = (
    dead(
        "a link-local source, as where DHCP did not answer",
        before=(
            "addr flush dev eth1",
            "addr add 169.254.71.3/16 dev eth1",
            "route add default dev eth1 scope link src 169.254.71.3 metric 303",
        ),
        device="eth1",
        says=("link-local", "DHCP"),
    ),
    well(
        "an on-link gateway out of 169.254/16, with a global address",
        before=("route add default via 169.254.1.1 dev eth0 onlink",),
        says=("via 169.254.1.1",),
    ),
    well("the source is another device's", before=("route add default via 192.0.2.1 dev eth0 onlink src 10.8.0.5",)),
    dead(
        "a link-local source over IPv6",
        before=(
            "addr flush dev eth0 scope global",
            "addr flush dev eth1 scope global",
            "route add ::/0 via fe80::1 dev eth0",
        ),
        policy=IPV6,
        device="eth0",
        says=("link-local",),
    ),
)

DEVICES = (
    dead(
        "a bridge that never had a port",
        before=(
            "link add br0 type bridge",
            "link set br0 up",
            "addr add 10.7.0.5/24 dev br0",
            "route add default via 10.7.0.1",
        ),
        device="br0",
        says=("no port",),
    ),
    well(
        "a bridge with a port",
        before=(
            "link add br0 type bridge",
            *nic("eth2"),
            "link set eth2 master br0",
            "link set br0 up",
            "addr add 10.7.0.5/24 dev br0",
        ),
        done=("route add default via 10.7.0.1",),
        says=("leaves by br0",),
    ),
    dead(
        "a DHCP client put a better default route on a container's device",
        before=(
            *nic("veth1a2b3c4"),
            "addr add 169.254.9.9/16 dev veth1a2b3c4",
            "route add default dev veth1a2b3c4 scope link src 169.254.9.9 metric 10",
            ROUTE,
        ),
        device="veth1a2b3c4",
        says=("veth1a2b3c4", "a container's"),
        samples={'uplink_interface_expected{device="veth1a2b3c4",reason="route"}': None},
    ),
    Case(
        name="the same, and the uplink is down",
        before=(
            *nic("veth1a2b3c4"),
            "addr add 169.254.9.9/16 dev veth1a2b3c4",
            "route add default dev veth1a2b3c4 scope link src 169.254.9.9 metric 207",
            "link set eth1 down",
            ROUTE,
        ),
        done=("link set eth0 down",),
        usable=False,
        losses=1,
        verdict="uplink_down",
        device="eth0",
        says=("veth1a2b3c4", "a container's"),
    ),
    dead(
        "a DHCP client put a better default route on flannel's own overlay",
        before=(
            "link add flannel.1 type vxlan id 1 dev eth0 dstport 8472 local 10.9.0.5 nolearning",
            "addr add 10.42.1.0/32 dev flannel.1",
            "link set flannel.1 up",
            "addr add 10.9.0.23/24 dev flannel.1 noprefixroute",
            "route add 10.9.0.0/24 dev flannel.1 metric 207",
            "route add default via 10.9.0.1 dev flannel.1 metric 7",
            ROUTE,
        ),
        device="flannel.1",
        says=("flannel.1", "overlay"),
        samples={'uplink_interface_expected{device="flannel.1",reason="route"}': None},
    ),
    Case(
        name="only a dummy carries a default route, where another one is configured",
        policy=Policy(devices=("eth0",)),
        before=(
            "link add dummy0 type ifb",
            "link set dummy0 up",
            "addr add 10.7.0.5/31 dev dummy0",
            "route add default via 10.7.0.4 dev dummy0 metric 1000",
            ROUTE,
        ),
        done=("link set eth0 down",),
        usable=False,
        losses=1,
        verdict="uplink_down",
        device="eth0",
        says=("dummy0",),
    ),
    Case(
        name="only a dummy carries a default route, where another one did",
        before=(
            "link add dummy0 type ifb",
            "link set dummy0 up",
            "addr add 10.7.0.5/31 dev dummy0",
            "route add default via 10.7.0.4 dev dummy0 metric 1000",
            ROUTE,
        ),
        done=("link set eth0 down",),
        usable=False,
        losses=1,
        verdict="uplink_down",
        device="eth0",
        says=("dummy0",),
    ),
    well(
        "only a dummy carries a default route, and no other ever did",
        before=(
            "link add dummy0 type ifb",
            "link set dummy0 up",
            "addr add 10.7.0.5/31 dev dummy0",
            "route add default via 10.7.0.4",
        ),
        says=("leaves by dummy0",),
    ),
    well(
        "traffic leaves by another device than the configured one",
        policy=Policy(devices=("eth0",)),
        before=("route add default via 10.8.0.1 dev eth1 metric 32766",),
        says=("leaves by eth1", "--uplink.device names eth0"),
    ),
)

MISSING = (
    Case(
        name="the port of a bridge is not the uplink, the bridge is",
        before=(
            "link del eth1",
            "addr flush dev eth0",
            "link add br0 type bridge",
            "link set eth0 master br0",
            "link set br0 up",
        ),
        usable=False,
        present=False,
        verdict="route_missing",
        device="br0",
        says=("no usable IPv4 address",),
        never=("address on eth0",),
    ),
    Case(
        name="nor where the bridge has an address, whatever its name",
        before=(
            "link del eth1",
            "addr flush dev eth0",
            "link add br-lan type bridge",
            "link set eth0 master br-lan",
            "link set br-lan up",
            "addr add 10.9.0.5/24 dev br-lan",
        ),
        usable=False,
        present=False,
        verdict="route_missing",
        device="br-lan",
        says=("br-lan is up, yet there is no IPv4 default route",),
    ),
    Case(
        name="the parent of a macvlan is not the uplink",
        before=(
            "link del eth1",
            "addr flush dev eth0",
            "link add eth0.10 link eth0 type macvlan",
            "link set eth0.10 up",
            "addr add 192.0.2.10/24 dev eth0.10",
        ),
        usable=False,
        present=False,
        verdict="route_missing",
        device="eth0.10",
    ),
    Case(
        name="a device is renamed while it is down",
        before=("link del eth1", ROUTE),
        done=("link set eth0 down", "link set eth0 name enp3s0"),
        usable=False,
        present=False,
        losses=1,
        verdict="uplink_down",
        device="enp3s0",
        samples={'uplink_interface_expected{device="enp3s0",reason="remembered"}': 1},
    ),
    Case(
        name="a remembered device is gone, and a new one is there",
        before=("link del eth1", ROUTE),
        done=("link del eth0", "link add enp3s0 type veth peer name penp3s0 netns FAR"),
        usable=False,
        present=False,
        losses=1,
        verdict="uplink_missing",
        says=("enp3s0", "likely"),
    ),
    Case(
        name="a configured name that is another name of the device",
        policy=Policy(devices=("enx00e04c680001",)),
        before=("link property add dev eth0 altname enx00e04c680001", "link del eth1", ROUTE),
        done=("route del default",),
        usable=False,
        present=False,
        losses=1,
        verdict="route_missing",
        device="eth0",
        samples={
            'uplink_interface_present{device="enx00e04c680001"}': None,
            'uplink_interface_present{device="eth0"}': 1,
        },
    ),
    Case(
        name="one list for a fleet: a configured device that this node does not have is not to blame",
        policy=Policy(devices=("wlan0", "eth0")),
        before=("link del eth1", "link set eth0 down"),
        usable=False,
        present=False,
        verdict="uplink_down",
        device="eth0",
    ),
    Case(
        name="a configured device that is not there beside a remembered one",
        policy=Policy(devices=("wlan0",)),
        before=("link del eth1", ROUTE),
        done=("link set eth0 down",),
        usable=False,
        present=False,
        losses=1,
        verdict="uplink_down",
        device="eth0",
    ),
    Case(
        name="the other required family is the one that is missing",
        policy=Policy(required=(Family.IPV4, Family.IPV6)),
        before=(ROUTE, ROUTE6),
        done=("-6 route del default",),
        usable=True,
        verdict="route_missing",
        says=("ip -6 route show default",),
        never=("ip -4 route show default",),
    ),
    Case(
        name="a device whose MTU is too small for IPv6",
        policy=IPV6,
        before=(ROUTE6,),
        done=("link set eth0 mtu 1279",),
        usable=False,
        present=False,
        losses=1,
        verdict="route_missing",
        device="eth0",
        says=("IPv6 needs an MTU of 1280, and it has 1279",),
        never=("DHCP",),
    ),
    Case(
        name="an IPv6-only node",
        before=("addr del 10.9.0.5/24 dev eth0", "addr del 10.8.0.5/24 dev eth1", ROUTE6),
        usable=False,
        present=False,
        verdict="route_missing",
        says=("IPv6", "--uplink.require-family=ipv6"),
    ),
    Case(
        name="a node without any device",
        before=("link del eth0", "link del eth1"),
        usable=False,
        present=False,
        verdict="route_missing",
        says=("no network device but the loopback",),
    ),
)

CASES = (*TWO_WAYS, *REFUSED, *OVERRIDDEN, *OBJECTS, *SOURCES, *DEVICES, *MISSING)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_page_says_whether_traffic_leaves_and_why_not(node: Node, case: Case) -> None:
    for name, value in case.sysctls.items():
        node.here.sysctl(name, value)
    run(node, case.before)
    with watching(node.here, policy=case.policy) as watched:
        run(node, case.done)
        watched.catch_up()
        family = case.policy.required[0]
        page = watched.shows(
            {
                f'uplink_default_route_usable{{family="{family}"}}': case.usable,
                f'uplink_default_route_present{{family="{family}"}}': case.present,
                f'uplink_default_route_losses_total{{family="{family}"}}': case.losses,
                f'uplink_diagnosis{{verdict="{case.verdict}"}}': 1,
                **case.samples,
            },
            within=0.5,
        )
        assert page
        assert watched.scene().diagnosis.device == case.device or not case.device
        told = watched.told()
        assert [words for words in case.says if words not in told] == [], told
        assert [words for words in case.never if words in told] == [], told
