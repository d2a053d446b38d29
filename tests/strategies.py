"""Any node at all: facts such as the kernel could tell, in any combination, for property tests."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.builders import BOOT
from tests.feeding import Happening
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
    Reason,
    Route,
    RouteType,
)
from uplink_exporter.flannel.ledger import kept
from uplink_exporter.flannel.observed import (
    ApiPath,
    Cause,
    ContainerRestarts,
    FlannelContainer,
    FlannelLogs,
    LastWords,
    NodePods,
    WaitingReason,
)

INDEXES = range(1, 6)

# dev_valid_name() of the kernel's net/core/dev.c lets through whatever is not a space, a slash or a colon.
hostile = st.text(st.characters(exclude_characters="/:", exclude_categories=("Cs", "Z", "Cc")), min_size=1)
names = st.sampled_from(["wlan0", "eth0", "-f", "$(reboot)", "a'b", 'a"b', "a\\b", "<b>", "veth12", "br-1"]) | (
    hostile.filter(lambda name: len(name.encode()) < 16 and name not in (".", ".."))
)
gateways = st.sampled_from(["", "192.168.6.1", "192.168.6.2", "fe80::1"])
hops = st.builds(
    NextHop, index=st.integers(0, max(INDEXES) + 1), gateway=gateways, dead=st.booleans(), linkdown=st.booleans()
)
routes = st.builds(
    Route,
    family=st.sampled_from(Family),
    next_hops=st.lists(hops, min_size=1, max_size=3).map(tuple),
    prefix_length=st.sampled_from([0, 0, 0, 1]),
    type=st.sampled_from(RouteType),
    protocol=st.sampled_from(["dhcp", "static", "ra", "99"]),
    metric=st.sampled_from([0, 100, 4294967295]),
    nested=st.booleans(),
)
addresses = st.builds(
    Address,
    index=st.sampled_from(INDEXES),
    family=st.sampled_from(Family),
    address=st.sampled_from(["192.168.6.11", "169.254.1.1", "127.0.0.1", "2001:db8::1", "fe80::2", "::1"]),
    prefix_length=st.integers(0, 32),
    scope=st.sampled_from([0, 253, 254]),
    flags=st.sampled_from([0, Address.TENTATIVE, Address.DADFAILED, Address.DEPRECATED, Address.PERMANENT]),
)
neighbours = st.builds(
    Neighbour,
    index=st.sampled_from(INDEXES),
    address=gateways,
    state=st.sampled_from(NeighbourState),
)


@st.composite
def links(draw: st.DrawFn) -> tuple[Link, ...]:
    """Some links; the kernel gives each an index and a name of its own."""
    called = draw(st.lists(names, unique=True, max_size=len(INDEXES)))
    return tuple(
        Link(
            index=index,
            name=name,
            operstate=draw(st.sampled_from(Operstate)),
            admin_up=draw(st.booleans()),
            carrier=draw(st.booleans()),
            carrier_changes=draw(st.integers(0, 2**32 - 1)),
            kind=draw(st.sampled_from(["", "veth", "bridge", "vxlan"])),
            wireless=draw(st.booleans()),
        )
        for index, name in zip(INDEXES, called, strict=False)
    )


networks = st.builds(
    Network,
    links=links(),
    addresses=st.lists(addresses, max_size=4).map(tuple),
    routes=st.lists(routes, max_size=4).map(tuple),
    neighbours=st.lists(neighbours, max_size=3, unique_by=lambda n: (n.index, n.address)).map(tuple),
)
loads = st.builds(
    Load,
    load1=st.floats(0, 1e4),
    load5=st.just(0.5),
    load15=st.just(0.5),
    cpus=st.integers(1, 512),
    blocked=st.integers(0, 9),
    pressure=st.just(()) | st.just((Pressure(resource="io", share="full", seconds=1.25),)),
)
claims = st.builds(
    Claim,
    manager=st.sampled_from(Manager),
    device=st.sampled_from(["*", "wlan0", "eth*"]),
    but=st.sampled_from([(), ("wlan0",)]),
    running=st.booleans(),
    file=st.sampled_from(["", "/etc/network/interfaces"]),
    line=st.integers(0, 9),
    ports=st.sampled_from([(), ("eth0", "eth7")]),
)
hosts = st.builds(
    Host,
    name=st.sampled_from(["", "pi-master1", "<script>"]),
    claims=st.lists(claims, max_size=3).map(tuple),
    rfkill_soft=st.booleans(),
    rfkill_hard=st.booleans(),
    host_network=st.sampled_from([True, True, True, False]),
)
restarts = st.builds(
    ContainerRestarts,
    uid=st.sampled_from(["u1", "u2"]),
    namespace=st.just("kube-flannel"),
    pod=st.sampled_from(["kube-flannel-ds-1", "kube-flannel-ds-2"]),
    container=st.just("kube-flannel"),
    count=st.integers(0, 2000),
)
last_words = st.builds(
    LastWords,
    uid=st.sampled_from(["u1", "u2"]),
    container=st.just("kube-flannel"),
    attempt=st.integers(0, 2000),
    cause=st.sampled_from(Cause),
    line=st.text(max_size=20),
    at=st.none() | st.floats(BOOT - 1e6, BOOT + 1e6),
)
logs = st.builds(
    FlannelLogs,
    found=st.booleans(),
    restarts=st.lists(restarts, max_size=2).map(tuple),
    last_words=st.lists(last_words, max_size=2).map(tuple),
    ended=st.none() | last_words,
    subnet_file=st.none() | st.floats(BOOT, BOOT + 1e6),
)
pods = st.builds(
    NodePods,
    path=st.sampled_from(ApiPath),
    flannel=st.lists(
        st.builds(
            FlannelContainer,
            restarts=restarts,
            running=st.booleans(),
            ready=st.booleans(),
            waiting=st.sampled_from(["", *WaitingReason]),
        ),
        max_size=2,
    ).map(tuple),
)
facts: st.SearchStrategy[Fact] = st.one_of(networks, networks, loads, hosts, logs, pods)
policies = st.builds(
    Policy,
    required=st.lists(st.sampled_from(Family), unique=True).map(tuple),
    devices=st.lists(names, unique=True, max_size=2).map(tuple),
)
reasons = st.sampled_from(Reason)

# A source yields, or fails.
happenings: st.SearchStrategy[Happening] = facts | st.tuples(st.sampled_from(["netlink", "load", "host"]), reasons)
gaps = st.sampled_from([0.0, 0.001, 1.0, 29.0, 100.0, 1000.0])


@st.composite
def timelines(draw: st.DrawFn) -> list[tuple[float, Happening]]:
    """What happened on a node, each at its uptime; time stands still or goes on."""
    uptime, timeline = draw(gaps), []
    for happening in draw(st.lists(happenings, min_size=1, max_size=8)):
        timeline.append((uptime, happening))
        uptime += draw(gaps)
    return timeline


def after(state: NodeState, now: Instant, happening: Happening) -> NodeState:
    """The state after one thing happened."""
    if isinstance(happening, tuple):
        return state.fail(*happening)
    return kept(state.observe(happening, now), happening, now)
