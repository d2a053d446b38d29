"""What the sources tell in the cases: the node of the incident, its flannel, and its other pods."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tests.builders import ADDRESS, ETH0, HOST, LO, LOAD, ROUTE, WLAN0, never_up
from tests.scenarios.case import Moment
from uplink_exporter.facts import Network, NextHop, Operstate
from uplink_exporter.flannel.observed import (
    ApiPath,
    Cause,
    ContainerRestarts,
    FlannelContainer,
    FlannelLogs,
    LastWords,
    NodePods,
    WaitingContainer,
)

# The default route is wlan0's. The node's own address, the API server's too, is eth0's, in a LAN without a router.
LAN = replace(ETH0, operstate=Operstate.UP, carrier=True)
LAN_ADDRESS = replace(ADDRESS, index=2)
WIFI_ADDRESS = replace(ADDRESS, address="192.168.10.23")
WIFI_ROUTE = replace(ROUTE, next_hops=(NextHop(index=3, gateway="192.168.10.1"),))
CONNECTED = Network(links=(LO, LAN, WLAN0), addresses=(LAN_ADDRESS, WIFI_ADDRESS), routes=(WIFI_ROUTE,))
WIFI_NEVER_UP = replace(CONNECTED, links=(LO, LAN, never_up(WLAN0)), addresses=(LAN_ADDRESS,), routes=())

STRAINED = replace(LOAD, load1=23.4, load5=20.1, load15=12.7, blocked=7)
SINCE_BOOT = 41.0
"""When flannel wrote its subnet.env, where it came up with the node."""

LIFE = 0.2
"""For how many seconds an attempt lives that finds no default route."""

NO_ROUTE = "Failed to find any valid interface to use: failed to get default interface: Unable to find default route"
FORBIDDEN = (
    "Failed to create SubnetManager: error retrieving pod spec for 'kube-system/kube-flannel-ds-jqgsm': "
    'pods "kube-flannel-ds-jqgsm" is forbidden'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    """A pod of flannel's DaemonSet."""

    name: str
    uid: str

    def restarts(self, count: int) -> ContainerRestarts:
        """Its container's restart count."""
        return ContainerRestarts(
            uid=self.uid, namespace="kube-system", pod=self.name, container="kube-flannel", count=count
        )


JQGSM = Pod(name="kube-flannel-ds-jqgsm", uid="0f8f9b4c-5a0b-4c55-9c9e-0d6d7f0f1a11")
TQ9X5 = Pod(name="kube-flannel-ds-tq9x5", uid="5d1be2c1-77a3-4f0e-8a5e-3d3b5e0c9a42")
JDWCR = Pod(name="kube-flannel-ds-jdwcr", uid="c27d0d3e-9f57-4ab8-b1a4-6f4f6f6f2b07")
"""Of the other node, zcloud: 1931 restarts, all of them old."""


def logs(pod: Pod, attempt: int, *, subnet_file: float | None = None, flags_line: str = "") -> FlannelLogs:
    """The logs of a pod whose newest attempt has left no last words."""
    return FlannelLogs(
        found=True, restarts=(pod.restarts(attempt),), subnet_file=subnet_file, flags_line=flags_line, started=True
    )


def crashed(
    pod: Pod,
    attempt: int,
    at: float,
    *,
    cause: Cause = Cause.NO_DEFAULT_ROUTE,
    line: str = NO_ROUTE,
    life: float = LIFE,
) -> FlannelLogs:
    """The logs of a pod whose newest attempt died at that uptime, of what the one before it died of."""
    words = LastWords(
        uid=pod.uid, container="kube-flannel", attempt=attempt, cause=cause, line=line, at=at, began=at - life
    )
    earlier = (replace(words, attempt=attempt - 1, at=at - 300, began=at - 300 - life),) if attempt else ()
    return replace(logs(pod, attempt), started=False, last_words=(*earlier, words), ended=words)


def begun(before: FlannelLogs) -> FlannelLogs:
    """The logs when the next attempt has begun, and said nothing yet."""
    (known,) = before.restarts
    restarts = (replace(known, count=known.count + 1),)
    return replace(before, restarts=restarts, last_words=before.last_words[-1:], ended=None, started=None)


def stopped(pod: Pod, attempt: int, at: float) -> FlannelLogs:
    """The logs of a pod whose newest attempt was told to end, and ended well."""
    return crashed(pod, attempt, at, cause=Cause.CLEAN, line="shutdownHandler sent cancel signal...")


NO_FLANNEL = FlannelLogs(found=False)


def crash_loop(pod: Pod, first: int, last: int, *, since: float, every: float = 300.0) -> tuple[Moment, ...]:
    """One attempt after the other, each of which finds no default route."""
    starts = ((attempt, since + every * (attempt - first)) for attempt in range(first, last + 1))
    return tuple(Moment(uptime=uptime, tells=(crashed(pod, attempt, uptime),)) for attempt, uptime in starts)


def pods(
    pod: Pod | None = None,
    count: int = 0,
    waiting: str = "",
    *,
    path: ApiPath = ApiPath.SERVICE,
    others: tuple[WaitingContainer, ...] = (),
) -> NodePods:
    """What the API server tells: flannel's pod, which runs unless it waits, and the other pods that wait."""
    if pod is None:
        return NodePods(path=path, waiting=others)
    container = FlannelContainer(restarts=pod.restarts(count), running=not waiting, ready=not waiting, waiting=waiting)
    own = (waits(pod.name, waiting, container="kube-flannel"),) if waiting else ()
    return NodePods(path=path, flannel=(container,), waiting=(*others, *own), version="v0.14.0", stack="ipv4")


def waits(pod: str, reason: str, *, container: str = "") -> WaitingContainer:
    """A container that waits, by default the one that a static pod is made of."""
    name = container or pod.removesuffix("-pi-master1")
    return WaitingContainer(namespace="kube-system", pod=pod, container=name, reason=reason)


STUCK = tuple(
    waits(f"{name}-pi-master1", "CreateContainerError") for name in ("etcd", "kube-apiserver", "kube-scheduler")
)
"""The static pods of the incident, which everybody looked at first."""

RUNNING = (HOST, LOAD, CONNECTED, logs(JQGSM, 3, subnet_file=SINCE_BOOT), pods(JQGSM, 3))
"""A node on which all is well."""
