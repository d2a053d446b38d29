"""The cases: every verdict, and what is next door to it."""

from __future__ import annotations

from dataclasses import replace

from tests.builders import (
    ADDRESS6,
    FLANNEL1,
    HOST,
    LOAD,
    ROUTE6,
    WLAN0,
    no_carrier,
    unplugged,
    with_links,
    with_neighbour,
)
from tests.scenarios.case import Alert, Case, Moment
from tests.scenarios.told import (
    CONNECTED,
    FORBIDDEN,
    JDWCR,
    JQGSM,
    NO_FLANNEL,
    RUNNING,
    SINCE_BOOT,
    STRAINED,
    STUCK,
    WIFI_NEVER_UP,
    WIFI_ROUTE,
    crash_loop,
    crashed,
    logs,
    pods,
    waits,
)
from uplink_exporter.diagnosis import Verdict
from uplink_exporter.facts import Fact, NeighbourState, Network, NextHop, Operstate, Policy, RouteType
from uplink_exporter.flannel.observed import ApiPath, Cause, FlannelLogs, NodePods

HOUR = 3600.0
GATEWAY = WIFI_ROUTE.next_hops[0]
WIFI_WITHOUT_CARRIER = unplugged(CONNECTED)
WIFI_SET_DOWN = replace(WIFI_NEVER_UP, links=(*WIFI_NEVER_UP.links[:2], replace(no_carrier(WLAN0), admin_up=False)))
TWO_NEXT_HOPS = replace(
    WIFI_ROUTE, next_hops=(GATEWAY, NextHop(index=2, gateway="192.168.6.1")), nested=True, protocol="static"
)
TOLD_WLAN9 = (
    "CLI flags config: {kubeSubnetMgr:true iface:[wlan9] ifaceRegex:[] ipMasq:true ifaceCanReach: "
    "subnetFile:/run/flannel/subnet.env publicIP: publicIPv6: subnetLeaseRenewMargin:60 version:false}"
)
NO_WLAN9 = (
    "Could not find valid interface matching wlan9: error looking up interface wlan9: "
    "route ip+net: no such network interface"
)
NO_DEVICE_IN_ROUTE = (
    "Failed to find any valid interface to use: failed to get default interface: "
    "Found default route but could not determine interface"
)
BY_WIRE = replace(WIFI_ROUTE, next_hops=(NextHop(index=2, gateway="10.0.0.1"),), metric=100, protocol="static")
WIRE_WITHOUT_CARRIER = replace(
    CONNECTED, routes=(replace(BY_WIRE, next_hops=(replace(BY_WIRE.next_hops[0], linkdown=True),)), WIFI_ROUTE)
)
UNREACHABLE = replace(WIFI_ROUTE, next_hops=(), type=RouteType.UNREACHABLE, metric=10, protocol="boot")
TUN0 = replace(WLAN0, index=9, name="tun0", kind="tun", wireless=False, driver="", operstate=Operstate.UNKNOWN)
HALF = replace(WIFI_ROUTE, next_hops=(NextHop(index=9),), prefix_length=1, metric=0, protocol="boot")
BY_TUNNEL = replace(CONNECTED, links=(*CONNECTED.links, TUN0), routes=(HALF, replace(HALF, destination="128.0.0.0")))
LOOPING = crash_loop(JQGSM, 1239, 1250, since=60.0)


def began(*facts: Fact, uptime: float = 20.0) -> Moment:
    """The first look of an exporter that comes up with its node."""
    return Moment(uptime=uptime, tells=facts)


HEALTHY = (
    Case(
        name="all is well",
        moments=(began(*RUNNING),),
        until=HOUR,
        verdict=Verdict.HEALTHY,
        says=("pi-master1: healthy: the default route leaves by wlan0.", "default via 192.168.10.1 dev wlan0"),
        samples={
            'uplink_diagnosis{verdict="healthy"}': 1,
            "uplink_flannel_running": 1,
            "uplink_flannel_ready": 1,
            "uplink_flannel_would_start": 1,
            'uplink_flannel_interface_info{address="192.168.10.23",device="wlan0",method="default_route"}': 1,
            "uplink_flannel_restarts_total": 0,
            'uplink_api_path{path="service"}': 1,
        },
    ),
    Case(
        name="flannel restarted 1931 times, all of it days ago",
        moments=(began(HOST, LOAD, CONNECTED, logs(JDWCR, 1931, subnet_file=SINCE_BOOT), pods(JDWCR, 1931)),),
        until=HOUR,
        verdict=Verdict.HEALTHY,
        says=("healthy",),
        samples={
            'uplink_flannel_container_restarts{container="kube-flannel",namespace="kube-system",'
            'pod="kube-flannel-ds-jdwcr"}': 1931,
            "uplink_flannel_restarts_total": 0,
            'uplink_flannel_restart_delta{window="15m"}': 0,
            'uplink_flannel_crashes_total{cause="no_default_route"}': 0,
        },
    ),
    Case(
        name="a node whose flannel is no pod, as with k3s",
        moments=(began(HOST, LOAD, CONNECTED, NO_FLANNEL, pods()),),
        until=HOUR,
        verdict=Verdict.HEALTHY,
        says=("healthy",),
        samples={"uplink_flannel_found": 0, "uplink_flannel_running": None, "uplink_flannel_subnet_file_present": 0},
    ),
    Case(
        name="an outage of ten minutes is over for an hour",
        moments=(
            began(*RUNNING),
            Moment(uptime=600.0, tells=(WIFI_SET_DOWN,)),
            Moment(uptime=1200.0, tells=(CONNECTED,)),
        ),
        until=1200.0 + HOUR,
        verdict=Verdict.HEALTHY,
        says=("healthy", "usable again for 1h 0m; lost 1x and absent for 10m 0s in this boot"),
        samples={
            'uplink_default_route_losses_total{family="ipv4"}': 1,
            'uplink_default_route_absent_seconds_total{family="ipv4"}': 600,
        },
    ),
    Case(
        name="the uplink comes and goes, and is there just now",
        moments=(
            began(*RUNNING),
            *(
                Moment(uptime=600.0 + 300.0 * n, tells=(CONNECTED if n % 2 else WIFI_WITHOUT_CARRIER,))
                for n in range(12)
            ),
        ),
        until=4000.0,
        verdict=Verdict.HEALTHY,
        says=("healthy", "lost 6x"),
        samples={'uplink_default_route_losses_total{family="ipv4"}': 6},
        alerts=frozenset({Alert.UPLINK_FLAPPING}),
    ),
    Case(
        name="Prometheus could not reach the node while the uplink was gone",
        moments=(
            began(*RUNNING),
            Moment(uptime=600.0, tells=(WIFI_SET_DOWN,)),
            Moment(uptime=1800.0, tells=(CONNECTED,)),
        ),
        until=2100.0,
        unscraped=(600.0, 1800.0),
        verdict=Verdict.HEALTHY,
        says=("healthy", "lost 1x and absent for 20m 0s"),
        samples={'uplink_default_route_absent_seconds_total{family="ipv4"}': 1200},
        alerts=frozenset({Alert.UPLINK_OUTAGE_SEEN_LATE}),
    ),
    Case(
        name="the exporter cannot be scraped, and nobody knows why",
        moments=(began(*RUNNING),),
        until=HOUR,
        unscraped=(600.0, HOUR),
        verdict=Verdict.HEALTHY,
        says=("healthy",),
        alerts=frozenset({Alert.UPLINK_EXPORTER_DOWN}),
    ),
    Case(
        name="all traffic leaves by a tunnel, without a default route",
        moments=(began(HOST, LOAD, BY_TUNNEL, NO_FLANNEL, pods()),),
        until=HOUR,
        verdict=Verdict.HEALTHY,
        says=("healthy: traffic leaves by tun0 (0.0.0.0/1)", "128.0.0.0/1 dev tun0"),
        samples={'uplink_default_route_present{family="ipv4"}': 0, 'uplink_default_route_usable{family="ipv4"}': 1},
    ),
)

UNKNOWN = (
    Case(
        name="the kernel is not heard of any more",
        moments=(began(*RUNNING), Moment(uptime=600.0, fails=(Network,))),
        until=HOUR,
        verdict=Verdict.UNKNOWN,
        says=("the kernel cannot be asked for its routes", "silent for", "failed: io 1x"),
        samples={
            'uplink_source_up{source="netlink"}': 0,
            'uplink_default_route_present{family="ipv4"}': None,
            "uplink_flannel_would_start": None,
            "uplink_flannel_running": 1,
        },
        alerts=frozenset({Alert.UPLINK_EXPORTER_BLIND}),
    ),
    Case(
        name="the exporter's pod is not on the host's network",
        moments=(began(replace(HOST, host_network=False), LOAD, CONNECTED),),
        until=HOUR,
        verdict=Verdict.UNKNOWN,
        says=("this is a pod's own network, not the node's", "hostNetwork: true"),
        samples={"uplink_host_network": 0},
        alerts=frozenset({Alert.UPLINK_EXPORTER_BLIND}),
    ),
)

UPLINK_MISSING = (
    Case(
        name="the Wi-Fi adapter does not exist since boot, though it is configured",
        policy=Policy(devices=("wlan0",)),
        moments=(began(HOST, LOAD, replace(WIFI_NEVER_UP, links=WIFI_NEVER_UP.links[:2])), *LOOPING),
        until=HOUR,
        verdict=Verdict.UPLINK_MISSING,
        says=("the uplink wlan0 does not exist", "flannel does not run, 3 restarts in 15m", "dmesg"),
        samples={'uplink_interface_present{device="wlan0"}': 0, "uplink_flannel_running": 0},
        alerts=frozenset(
            {
                Alert.UPLINK_DOWN_SINCE_BOOT,
                Alert.FLANNEL_CRASH_LOOPING,
                Alert.FLANNEL_NOT_STARTED_SINCE_BOOT,
            }
        ),
    ),
    Case(
        name="the Wi-Fi adapter is pulled out of a running node",
        moments=(
            began(*RUNNING),
            Moment(uptime=600.0, tells=(replace(WIFI_NEVER_UP, links=WIFI_NEVER_UP.links[:2]),)),
        ),
        until=HOUR,
        verdict=Verdict.UPLINK_MISSING,
        says=("the uplink wlan0 does not exist", "it last carried the default route", "runs, but would not start"),
        samples={'uplink_interface_expected{device="wlan0",reason="remembered"}': 1, "uplink_flannel_running": 1},
        alerts=frozenset({Alert.UPLINK_LOST, Alert.FLANNEL_WOULD_NOT_START}),
    ),
)

UPLINK_DOWN = (
    Case(
        name="the incident: wlan0 is down since boot",
        moments=(
            began(HOST, STRAINED, WIFI_NEVER_UP, logs(JQGSM, 1239)),
            *LOOPING,
            Moment(uptime=300.0, tells=(pods(JQGSM, 1240, "CrashLoopBackOff", path=ApiPath.ENDPOINT, others=STUCK),)),
        ),
        until=HOUR,
        verdict=Verdict.UPLINK_DOWN,
        says=(
            "pi-master1: the uplink wlan0 is down, so there is no IPv4 default route.",
            "wlan0 operstate down, administratively down: nothing has brought it up",
            "eth0 operstate up, but brought no route",
            "none in the main table, never since boot 1h 0m ago",
            "flannel does not run, 3 restarts in 15m",
            "its last words Failed to find any valid interface to use",
            "etcd-pi-master1 waits: CreateContainerError",
            "load 23.4 on 4 CPUs, 7 processes blocked: a consequence, not the cause",
            "sudo netplan apply",
        ),
        samples={
            'uplink_diagnosis{verdict="uplink_down"}': 1,
            'uplink_default_route_seen_since_boot{family="ipv4"}': 0,
            "uplink_flannel_would_start": 0,
            'uplink_flannel_start_blocked{reason="no_default_route"}': 1,
            "uplink_flannel_restarts_total": 11,
            'uplink_flannel_restart_delta{window="15m"}': 3,
            'uplink_flannel_crashes_total{cause="no_default_route"}': 12,
            'uplink_api_path{path="endpoint"}': 1,
            'uplink_pod_waiting{container="etcd",namespace="kube-system",pod="etcd-pi-master1",'
            'reason="CreateContainerError"}': 1,
        },
        alerts=frozenset(
            {
                Alert.UPLINK_DOWN_SINCE_BOOT,
                Alert.FLANNEL_CRASH_LOOPING,
                Alert.FLANNEL_NOT_STARTED_SINCE_BOOT,
                Alert.CONTROL_PLANE_POD_STUCK,
                Alert.NODE_OVERLOADED_WITHOUT_UPLINK,
            }
        ),
    ),
    Case(
        name="the incident, with both paths to flannel blind",
        moments=(
            began(HOST, LOAD, WIFI_NEVER_UP, logs(JQGSM, 1239)),
            *LOOPING[:4],
            Moment(uptime=1100.0, fails=(FlannelLogs, NodePods)),
        ),
        until=HOUR,
        verdict=Verdict.UPLINK_DOWN,
        says=("the uplink wlan0 is down, so there is no IPv4 default route.", "sudo netplan apply"),
        samples={
            "uplink_flannel_restarts_total": 3,
            "uplink_flannel_running": None,
            'uplink_source_up{source="pod-logs"}': 0,
            'uplink_api_path{path="none"}': 1,
        },
        alerts=frozenset({Alert.UPLINK_DOWN_SINCE_BOOT, Alert.UPLINK_EXPORTER_BLIND}),
    ),
    Case(
        name="wlan0 is set down on a running node, whose flannel does not notice",
        moments=(began(*RUNNING), Moment(uptime=600.0, tells=(WIFI_SET_DOWN,))),
        until=HOUR,
        verdict=Verdict.UPLINK_DOWN,
        says=(
            "the uplink wlan0 is down",
            "lost 1x",
            "runs, but would not start again now: it finds no IPv4 default route",
        ),
        samples={"uplink_flannel_running": 1, "uplink_flannel_would_start": 0},
        alerts=frozenset({Alert.UPLINK_LOST, Alert.FLANNEL_WOULD_NOT_START}),
    ),
)

ROUTE_MISSING = (
    Case(
        name="wlan0 is up since boot, and DHCP does not answer",
        moments=(
            began(HOST, LOAD, replace(CONNECTED, routes=(), addresses=CONNECTED.addresses[:1])),
            *LOOPING,
        ),
        until=HOUR,
        policy=Policy(devices=("wlan0",)),
        verdict=Verdict.ROUTE_MISSING,
        says=("wlan0 is up, yet there is no IPv4 default route", "DHCP has not answered", "flannel does not run"),
        samples={'uplink_interface_addresses{device="wlan0",family="ipv4"}': 0},
        alerts=frozenset(
            {
                Alert.UPLINK_DOWN_SINCE_BOOT,
                Alert.FLANNEL_CRASH_LOOPING,
                Alert.FLANNEL_NOT_STARTED_SINCE_BOOT,
            }
        ),
    ),
)

WITHOUT_A_GATEWAY = replace(CONNECTED, links=CONNECTED.links[:2], addresses=CONNECTED.addresses[:1], routes=())
IPV6_ALONE = replace(
    WITHOUT_A_GATEWAY,
    addresses=(replace(ADDRESS6, index=2),),
    routes=(replace(ROUTE6, next_hops=(NextHop(index=2, gateway="fe80::1"),)),),
)
TOLD_ETH0 = TOLD_WLAN9.replace("wlan9", "eth0")

# The verdict holds the node to what it is told (IPv4, by default). A page would wake somebody for a node that works.
BY_DESIGN = (
    Case(
        name="a node with IPv6 alone, of which nobody said so",
        moments=(began(HOST, LOAD, IPV6_ALONE, replace(logs(JQGSM, 0, subnet_file=SINCE_BOOT), stack="ipv6")),),
        until=HOUR,
        verdict=Verdict.ROUTE_MISSING,
        says=("there is no IPv4 default route",),
        samples={"uplink_flannel_would_start": 1, 'uplink_default_route_usable{family="ipv6"}': 1},
    ),
    Case(
        name="a LAN without a gateway, and flannel is told its device",
        moments=(began(HOST, LOAD, WITHOUT_A_GATEWAY, logs(JQGSM, 0, subnet_file=SINCE_BOOT, flags_line=TOLD_ETH0)),),
        until=HOUR,
        verdict=Verdict.ROUTE_MISSING,
        says=("there is no IPv4 default route",),
        samples={"uplink_flannel_would_start": 1, 'uplink_default_route_present{family="ipv4"}': 0},
    ),
)

ROUTE_DEAD = (
    Case(
        name="wlan0 loses its access point, and the kernel keeps the route",
        moments=(began(*RUNNING), Moment(uptime=600.0, tells=(WIFI_WITHOUT_CARRIER,))),
        until=HOUR,
        verdict=Verdict.ROUTE_DEAD,
        says=("the IPv4 default route leads out of wlan0, which is dead", "dev wlan0 linkdown"),
        samples={
            'uplink_default_route_present{family="ipv4"}': 1,
            'uplink_default_route_usable{family="ipv4"}': 0,
            "uplink_flannel_would_start": 1,
        },
        alerts=frozenset({Alert.UPLINK_DEAD}),
    ),
    Case(
        name="the gateway does not answer",
        moments=(
            began(*RUNNING),
            Moment(uptime=600.0, tells=(with_neighbour(CONNECTED, NeighbourState.FAILED, GATEWAY),)),
        ),
        until=HOUR,
        verdict=Verdict.ROUTE_DEAD,
        says=("the IPv4 default gateway 192.168.10.1 on wlan0 does not answer", "ping -c 3"),
        samples={
            'uplink_gateway_neighbour_failed{device="wlan0",family="ipv4",gateway="192.168.10.1"}': 1,
            'uplink_default_route_usable{family="ipv4"}': 0,
        },
        alerts=frozenset({Alert.UPLINK_DEAD}),
    ),
    Case(
        name="the wire with the better route is out, and the kernel goes on to send by it though Wi-Fi would do",
        moments=(began(*RUNNING), Moment(uptime=600.0, tells=(WIRE_WITHOUT_CARRIER,))),
        until=HOUR,
        verdict=Verdict.ROUTE_DEAD,
        says=(
            "the IPv4 default route leads out of eth0, which is dead",
            "default via 10.0.0.1 dev eth0 linkdown metric 100",
            "default via 192.168.10.1 dev wlan0 metric 600 would work, and is not asked",
        ),
        samples={'uplink_default_route_usable{family="ipv4"}': 0},
        alerts=frozenset({Alert.UPLINK_DEAD}),
    ),
    Case(
        name="an unreachable default route comes before that of Wi-Fi",
        moments=(began(*RUNNING), Moment(uptime=600.0, tells=(replace(CONNECTED, routes=(UNREACHABLE, WIFI_ROUTE)),))),
        until=HOUR,
        verdict=Verdict.ROUTE_DEAD,
        says=(
            "an unreachable default route comes first",
            "would work, and is not asked",
            "route del unreachable default",
        ),
        samples={'uplink_default_route_present{family="ipv4"}': 1, 'uplink_default_route_usable{family="ipv4"}': 0},
        alerts=frozenset({Alert.UPLINK_DEAD, Alert.FLANNEL_WOULD_NOT_START}),
    ),
)

FLANNEL_REFUSES = (
    Case(
        name="a default route of two next hops, which flannel cannot read",
        moments=(began(*RUNNING), Moment(uptime=600.0, tells=(replace(CONNECTED, routes=(TWO_NEXT_HOPS,)),))),
        until=HOUR,
        verdict=Verdict.FLANNEL_REFUSES,
        says=(
            "the uplink works, but flannel would die at its next start: it cannot read the default route.",
            f"flannel would say {NO_DEVICE_IN_ROUTE}",
            "default via 192.168.10.1 dev wlan0",
            "leave one, or tell flannel the interface",
        ),
        samples={
            'uplink_flannel_start_blocked{reason="default_route_no_oif"}': 1,
            "uplink_flannel_would_start": 0,
            "uplink_flannel_running": 1,
            'uplink_default_route_usable{family="ipv4"}': 1,
        },
        alerts=frozenset({Alert.FLANNEL_WOULD_NOT_START}),
    ),
    Case(
        name="the default route leaves by a device without an address",
        moments=(
            began(HOST, LOAD, replace(CONNECTED, addresses=CONNECTED.addresses[:1])),
            *(
                Moment(
                    uptime=60.0 + 300.0 * n,
                    tells=(
                        crashed(
                            JQGSM,
                            n,
                            60.0 + 300.0 * n,
                            cause=Cause.IFACE_NO_ADDRESS,
                            line="failed to find IPv4 address for interface wlan0",
                        ),
                    ),
                )
                for n in range(12)
            ),
        ),
        until=HOUR,
        verdict=Verdict.FLANNEL_REFUSES,
        says=(
            "the uplink works, but flannel would die at its start: its interface has no address.",
            "flannel does not run, 3 restarts in 15m",
            "its last words failed to find IPv4 address for interface wlan0",
            "ip -br addr",
        ),
        samples={
            'uplink_flannel_start_blocked{reason="iface_no_address"}': 1,
            'uplink_flannel_crashes_total{cause="iface_no_address"}': 11,
            "uplink_flannel_running": 0,
        },
        alerts=frozenset({Alert.FLANNEL_CRASH_LOOPING, Alert.FLANNEL_NOT_STARTED_SINCE_BOOT}),
    ),
    Case(
        name="flannel is told to use a device that is not there",
        moments=(
            began(HOST, LOAD, CONNECTED),
            Moment(uptime=60.0, tells=(logs(JQGSM, 3, subnet_file=SINCE_BOOT, flags_line=TOLD_WLAN9),)),
        ),
        until=HOUR,
        verdict=Verdict.FLANNEL_REFUSES,
        says=(
            "the uplink works, but flannel would die at its next start: its interface does not exist.",
            f"flannel tries {NO_WLAN9}",
            "flannel would say Failed to find interface to use that matches the interfaces and/or regexes provided",
            "do flannel's flags fit this node?",
        ),
        samples={
            'uplink_flannel_start_blocked{reason="iface_missing"}': 1,
            'uplink_interface_expected{device="wlan9",reason="flannel"}': 1,
            'uplink_interface_present{device="wlan9"}': 0,
        },
        alerts=frozenset({Alert.FLANNEL_WOULD_NOT_START}),
    ),
)

FLANNEL_FAILING = (
    Case(
        name="the API server lets flannel not in",
        moments=(
            began(*RUNNING),
            *(
                Moment(
                    uptime=660.0 + 300.0 * n,
                    tells=(
                        replace(
                            crashed(JQGSM, 4 + n, 660.0 + 300.0 * n, cause=Cause.RBAC, line=FORBIDDEN),
                            subnet_file=SINCE_BOOT,
                        ),
                        pods(JQGSM, 4 + n, "CrashLoopBackOff"),
                    ),
                )
                for n in range(10)
            ),
        ),
        until=HOUR,
        verdict=Verdict.FLANNEL_FAILING,
        says=(
            "the uplink is fine, but flannel does not run: the API server does not allow it what it needs (RBAC).",
            "default via 192.168.10.1 dev wlan0",
            "flannel does not run, CrashLoopBackOff, 3 restarts in 15m",
            "its last words Failed to create SubnetManager",
            "tail -n 20",
        ),
        samples={
            "uplink_flannel_would_start": 1,
            'uplink_flannel_crashes_total{cause="rbac"}': 11,
            'uplink_flannel_waiting{reason="CrashLoopBackOff"}': 1,
        },
        alerts=frozenset({Alert.FLANNEL_CRASH_LOOPING}),
    ),
    Case(
        name="the adapter was plugged in again, and flannel.1 went with it",
        moments=(
            began(HOST, LOAD, with_links(CONNECTED, FLANNEL1), logs(JQGSM, 3, subnet_file=SINCE_BOOT), pods(JQGSM, 3)),
            Moment(uptime=600.0, tells=(replace(CONNECTED, links=CONNECTED.links[:2], routes=()),)),
            Moment(uptime=640.0, tells=(CONNECTED,)),
        ),
        until=HOUR,
        verdict=Verdict.FLANNEL_FAILING,
        says=(
            "flannel runs, but flannel's device flannel.1 is gone",
            "kubectl delete pod -n kube-system kube-flannel-ds-jqgsm",
        ),
        samples={"uplink_flannel_running": 1, "uplink_flannel_would_start": 1},
        alerts=frozenset({Alert.FLANNEL_DEVICE_GONE}),
    ),
    Case(
        name="the runtime cannot make flannel's container",
        moments=(began(*RUNNING), Moment(uptime=600.0, tells=(pods(JQGSM, 3, "CreateContainerError"),))),
        until=HOUR,
        verdict=Verdict.FLANNEL_FAILING,
        says=("the uplink is fine, but flannel does not run: CreateContainerError.",),
        samples={
            'uplink_flannel_waiting{reason="CreateContainerError"}': 1,
            "uplink_flannel_restarts_total": 0,
            "uplink_flannel_ready": 0,
        },
        alerts=frozenset({Alert.CONTROL_PLANE_POD_STUCK}),
    ),
)

RECOVERING = (
    Case(
        name="the incident, two minutes after netplan apply: flannel waits for its turn",
        moments=(
            began(HOST, STRAINED, WIFI_NEVER_UP, logs(JQGSM, 1239)),
            *LOOPING,
            Moment(uptime=HOUR + 100.0, tells=(CONNECTED,)),
        ),
        until=HOUR + 220.0,
        verdict=Verdict.RECOVERING,
        says=(
            "the uplink came back 2m 0s ago; flannel is not back yet.",
            "default via 192.168.10.1 dev wlan0",
            "IPv4 uplink usable again for 2m 0s; lost 0x and absent for 1h 1m in this boot",
            "flannel does not run",
            "wait: the kubelet",
        ),
        samples={
            'uplink_diagnosis{verdict="recovering"}': 1,
            'uplink_boot_to_default_route_seconds{family="ipv4"}': HOUR + 100,
            "uplink_flannel_would_start": 1,
            "uplink_flannel_running": 0,
        },
        alerts=frozenset({Alert.FLANNEL_CRASH_LOOPING, Alert.FLANNEL_NOT_STARTED_SINCE_BOOT}),
    ),
    Case(
        name="the uplink is back and flannel runs, and coredns waits for its turn",
        moments=(
            began(*RUNNING),
            Moment(uptime=600.0, tells=(WIFI_SET_DOWN,)),
            Moment(
                uptime=1200.0,
                tells=(
                    CONNECTED,
                    pods(
                        JQGSM, 3, others=(waits("coredns-78fcd69978-775zr", "CrashLoopBackOff", container="coredns"),)
                    ),
                ),
            ),
        ),
        until=1380.0,
        verdict=Verdict.RECOVERING,
        says=("the uplink came back 3m 0s ago; the pods are not back yet.", "coredns-78fcd69978-775zr waits"),
        samples={"uplink_flannel_running": 1},
    ),
)

CASES: tuple[Case, ...] = (
    *HEALTHY,
    *UNKNOWN,
    *UPLINK_MISSING,
    *UPLINK_DOWN,
    *ROUTE_MISSING,
    *BY_DESIGN,
    *ROUTE_DEAD,
    *FLANNEL_REFUSES,
    *FLANNEL_FAILING,
    *RECOVERING,
)
