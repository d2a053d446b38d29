"""What is true of this node: frozen slices, each complete, and how each follows the one before it.

Rules of this file: no clock, no kernel, no library, no opinion. A source builds a fact from what it read;
`following` is the only place where a counter may grow. Times are seconds since boot (CLOCK_BOOTTIME), because
the wall clock of a node without a network, hence without NTP, may be wrong by decades.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import ClassVar, Protocol, Self, TypeVar


@dataclass(frozen=True, slots=True, kw_only=True)
class Instant:
    """One moment: seconds since boot, and the Unix time of that boot as the wall clock has it now."""

    uptime: float
    boot_time: float

    def unix(self, uptime: float) -> float:
        """The Unix time of a moment given in seconds since boot."""
        return self.boot_time + uptime


class Family(StrEnum):
    """Address families, in the order in which flannel and the kubelet ask for them."""

    IPV4 = "ipv4"
    IPV6 = "ipv6"


class Operstate(StrEnum):
    """The states of RFC 2863 as the kernel spells them (Documentation/networking/operstates.rst)."""

    UNKNOWN = "unknown"
    NOTPRESENT = "notpresent"
    DOWN = "down"
    LOWERLAYERDOWN = "lowerlayerdown"
    TESTING = "testing"
    DORMANT = "dormant"
    UP = "up"


# Drivers that never report an operstate (tun, wireguard, some Wi-Fi) stay "unknown" and carry traffic all the same.
CARRYING = frozenset({Operstate.UP, Operstate.UNKNOWN})


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A network interface. `kind` is rtnetlink's link kind, empty for a physical device."""

    index: int
    name: str
    operstate: Operstate
    admin_up: bool
    carrier: bool
    carrier_changes: int = 0
    kind: str = ""
    loopback: bool = False
    mtu: int = 1500
    wireless: bool = False
    driver: str = ""

    @property
    def carries(self) -> bool:
        """Whether traffic can leave by it, as far as the kernel knows."""
        return self.admin_up and self.operstate in CARRYING


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """An address on a link, in the kernel's dump order. `flags` are IFA_F_*, `scope` is RT_SCOPE_*."""

    index: int
    family: Family
    address: str
    prefix_length: int
    scope: int = 0
    flags: int = 0

    # linux/if_addr.h
    TEMPORARY: ClassVar[int] = 0x01
    DADFAILED: ClassVar[int] = 0x08
    DEPRECATED: ClassVar[int] = 0x20
    TENTATIVE: ClassVar[int] = 0x40
    PERMANENT: ClassVar[int] = 0x80

    @property
    def usable(self) -> bool:
        """Whether it can be the source of traffic that leaves the link."""
        unready = self.flags & (self.TENTATIVE | self.DADFAILED)
        local = self.address.startswith(("169.254.", "fe80:", "127.")) or self.address == "::1"
        return not unready and not local


class NeighbourState(StrEnum):
    """The kernel's NUD_* states (linux/neighbour.h)."""

    NONE = "none"
    INCOMPLETE = "incomplete"
    REACHABLE = "reachable"
    STALE = "stale"
    DELAY = "delay"
    PROBE = "probe"
    FAILED = "failed"
    NOARP = "noarp"
    PERMANENT = "permanent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """The neighbour entry of a default gateway; `failed` holds through the kernel's next try (INCOMPLETE)."""

    index: int
    address: str
    state: NeighbourState
    failed: bool = False

    def following(self, previous: Neighbour | None) -> Neighbour:
        """The same entry, remembering that resolution failed until it succeeds."""
        still = self.state is NeighbourState.INCOMPLETE and previous is not None and previous.failed
        return replace(self, failed=self.state is NeighbourState.FAILED or still)


@dataclass(frozen=True, slots=True, kw_only=True)
class NextHop:
    """Where a route leaves. `gateway` is empty if on-link, `index` is 0 if the kernel names a nexthop object only."""

    index: int
    gateway: str = ""
    dead: bool = False
    linkdown: bool = False


class RouteType(StrEnum):
    """rtm_type (linux/rtnetlink.h), as ip-route(8) spells it."""

    UNICAST = "unicast"
    BLACKHOLE = "blackhole"
    UNREACHABLE = "unreachable"
    PROHIBIT = "prohibit"
    THROW = "throw"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A route of the main table towards 0.0.0.0/n or ::/n, in dump order; a default route if n is 0.

    `nested` tells that the next hops came in RTA_MULTIPATH (or from a nexthop object) instead of RTA_OIF: the same
    to the kernel, another thing to flannel, which reads RTA_OIF only.
    """

    family: Family
    next_hops: tuple[NextHop, ...]
    prefix_length: int = 0
    type: RouteType = RouteType.UNICAST
    protocol: str = "boot"
    metric: int = 0
    tos: int = 0
    nested: bool = False
    preferred_source: str = ""

    @property
    def default(self) -> bool:
        """Whether it is a default route of type unicast."""
        return self.prefix_length == 0 and self.type is RouteType.UNICAST


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteHistory:
    """What became of one family's default route in this boot. Times are uptimes."""

    usable: bool
    seen: bool
    watched_since: float
    known_until: float | None = None
    """When an earlier run of ours that left this history looked last; None while we watch."""
    changed: float | None = None
    """When it last became usable or unusable; None while nothing changed since we look."""
    losses: int = 0
    absent_before: float = 0.0
    """Seconds without one, up to the current absence."""
    absent_since: float | None = None
    first_usable: float | None = None
    """None until one came up under our eyes: one that was there before we looked has no known time."""

    @classmethod
    def first(cls, *, usable: bool, uptime: float) -> RouteHistory:
        """The first look. None there means none since boot: that is the incident, and nothing says otherwise."""
        return cls(usable=usable, seen=usable, watched_since=uptime, absent_since=None if usable else 0.0)

    def following(self, *, usable: bool, uptime: float) -> RouteHistory:
        """The history after one more look at `uptime`."""
        watched = self if self.known_until is None else replace(self, known_until=None)
        if usable == self.usable:
            return watched
        if not usable:
            return replace(watched, usable=False, changed=uptime, losses=self.losses + 1, absent_since=uptime)
        # One that came while nobody watched was absent for as long as is known, and came at no known time.
        absent_until = uptime if self.known_until is None else self.known_until
        return replace(
            watched,
            usable=True,
            seen=True,
            changed=uptime,
            absent_before=self.absent_seconds(absent_until),
            absent_since=None,
            first_usable=self.first_usable if self.seen or self.known_until is not None else uptime,
        )

    def absent_seconds(self, uptime: float) -> float:
        """Seconds of this boot without a usable default route, as of `uptime`."""
        running = 0.0 if self.absent_since is None else max(0.0, uptime - self.absent_since)
        return self.absent_before + running


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """What the kernel answers to `ip route get`: a device and the source address, or an errno instead."""

    index: int = 0
    preferred_source: str = ""
    errno: int = 0


class Reason(StrEnum):
    """Why a source failed."""

    OVERFLOW = "overflow"
    CLOSED = "closed"
    INTERRUPTED = "interrupted"
    PERMISSION = "permission"
    TIMEOUT = "timeout"
    IO = "io"
    PARSE = "parse"
    FINISHED = "finished"
    INTERNAL = "internal"


class Fact(Protocol):
    """One complete slice of the node. `source` names who yields it; after `max_age` seconds it counts for nothing.

    `reasons` are those for which the source may fail, as far as it knows: a fault of ours is not among them.
    """

    source: ClassVar[str]
    max_age: ClassVar[float]
    reasons: ClassVar[tuple[Reason, ...]]

    def following(self, previous: Self | None, now: Instant) -> Self:
        """This fact with the counters of its predecessor carried on."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """Links, addresses, routes towards zero and gateway neighbours, as one dump of the kernel's has them."""

    source: ClassVar[str] = "netlink"
    max_age: ClassVar[float] = 90.0  # three resyncs
    reasons: ClassVar[tuple[Reason, ...]] = (
        Reason.OVERFLOW,
        Reason.INTERRUPTED,
        Reason.PERMISSION,
        Reason.TIMEOUT,
        Reason.IO,
        Reason.PARSE,
    )

    links: tuple[Link, ...] = ()
    addresses: tuple[Address, ...] = ()
    routes: tuple[Route, ...] = ()
    neighbours: tuple[Neighbour, ...] = ()
    reached: Mapping[str, Reached] = field(default_factory=lambda: MappingProxyType({}))
    """By which way the kernel would send to the addresses that were asked about."""
    history: Mapping[Family, RouteHistory] = field(default_factory=lambda: MappingProxyType({}))
    uplinks: Mapping[Family, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    """What carries each family's default route, else what last carried it, be it in an earlier boot."""

    def link(self, name: str) -> Link | None:
        """The link of that name."""
        return next((link for link in self.links if link.name == name), None)

    def link_at(self, index: int) -> Link | None:
        """The link of that index."""
        return next((link for link in self.links if link.index == index), None)

    def default_routes(self, family: Family) -> tuple[Route, ...]:
        """The family's default routes, in dump order (the kernel dumps the lowest metric first)."""
        return tuple(route for route in self.routes if route.default and route.family is family)

    def carries(self, hop: NextHop) -> bool:
        """Whether traffic can leave by this next hop."""
        link = self.link_at(hop.index)
        alive = not hop.dead and not hop.linkdown
        return alive and (link.carries if link is not None else hop.index == 0)

    def usable_next_hops(self, family: Family) -> tuple[NextHop, ...]:
        """The next hops of the family's default routes by which traffic can leave."""
        routes = self.default_routes(family)
        return tuple(hop for route in routes for hop in route.next_hops if self.carries(hop))

    def devices(self, family: Family) -> tuple[str, ...]:
        """The devices that the family's default routes name, each once, in dump order."""
        hops = (hop for route in self.default_routes(family) for hop in route.next_hops)
        links = (self.link_at(hop.index) for hop in hops)
        return tuple(dict.fromkeys(link.name for link in links if link is not None))

    def neighbour(self, hop: NextHop) -> Neighbour | None:
        """The neighbour entry of the next hop's gateway."""
        return next((n for n in self.neighbours if (n.index, n.address) == (hop.index, hop.gateway)), None)

    def following(self, previous: Network | None, now: Instant) -> Network:
        """This dump with the route histories carried on, and equal parts shared with the last one."""
        previous = previous or Network()
        history = {family: self._history(family, previous, now) for family in Family}
        carrying = {family: devices for family in Family if (devices := self.devices(family))}
        known = {(n.index, n.address): n for n in previous.neighbours}
        following = replace(
            self,
            neighbours=tuple(n.following(known.get((n.index, n.address))) for n in self.neighbours),
            history=MappingProxyType(history),
            uplinks=MappingProxyType({**previous.uplinks, **carrying}),
        )
        return following._sharing(previous)

    def _history(self, family: Family, previous: Network, now: Instant) -> RouteHistory:
        usable, before = bool(self.usable_next_hops(family)), previous.history.get(family)
        if before is None:
            return RouteHistory.first(usable=usable, uptime=now.uptime)
        return before.following(usable=usable, uptime=now.uptime)

    def _sharing(self, previous: Network) -> Network:
        # An unchanged part stays the same object, so that what is rendered from it can be kept by identity.
        return replace(
            self,
            links=previous.links if self.links == previous.links else self.links,
            addresses=previous.addresses if self.addresses == previous.addresses else self.addresses,
            routes=previous.routes if self.routes == previous.routes else self.routes,
            neighbours=previous.neighbours if self.neighbours == previous.neighbours else self.neighbours,
            history=previous.history if self.history == previous.history else self.history,
            uplinks=previous.uplinks if self.uplinks == previous.uplinks else self.uplinks,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Pressure:
    """A PSI total: seconds in which `share` (some, full) of the tasks stalled on `resource`."""

    resource: str
    share: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """The load averages and what they count. `pressure` is empty where the kernel has no PSI."""

    source: ClassVar[str] = "load"
    max_age: ClassVar[float] = 30.0
    reasons: ClassVar[tuple[Reason, ...]] = (Reason.IO, Reason.PARSE)

    load1: float
    load5: float
    load15: float
    cpus: int
    blocked: int
    pressure: tuple[Pressure, ...] = ()

    def following(self, previous: Load | None, now: Instant) -> Load:
        """Itself: the kernel keeps these counters."""
        return self


class Manager(StrEnum):
    """What configures the node's network, hence whose command brings an uplink back."""

    NETPLAN = "netplan"
    NETWORK_MANAGER = "NetworkManager"
    NETWORKD = "systemd-networkd"
    IFUPDOWN = "ifupdown"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """The node around the network. `rfkill_*`: a switch holds its Wi-Fi off, in software or in hardware."""

    source: ClassVar[str] = "host"
    max_age: ClassVar[float] = 180.0
    reasons: ClassVar[tuple[Reason, ...]] = ()

    name: str = ""
    manager: Manager = Manager.UNKNOWN
    rfkill_soft: bool = False
    rfkill_hard: bool = False
    host_network: bool = True
    """False in a pod that is not on the host's network, and so sees its own."""

    def following(self, previous: Host | None, now: Instant) -> Host:
        """Itself: nothing is counted."""
        return self


class SourceError(Exception):
    """A source could not go on, for a reason of the closed set."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How one source fares: when it last yielded (None: never), and its failures by reason."""

    last_fact: Instant | None = None
    errors: Mapping[Reason, int] = field(default_factory=lambda: MappingProxyType({}))

    def failed(self, reason: Reason) -> Health:
        """This health after one more failure."""
        return replace(self, errors=MappingProxyType({**self.errors, reason: self.errors.get(reason, 0) + 1}))


@dataclass(frozen=True, slots=True, kw_only=True)
class FlannelPolicy:
    """What the operator says of flannel, where it cannot be found out; empty if nothing."""

    args: str = ""
    version: str = ""
    stack: str = ""

    @property
    def given(self) -> bool:
        """Whether the operator says that flannel is here."""
        return bool(self.args or self.version or self.stack)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What the operator says this node must have."""

    required: tuple[Family, ...] = (Family.IPV4,)
    devices: tuple[str, ...] = ()
    flannel: FlannelPolicy = FlannelPolicy()
    windows: tuple[float, ...] = (900.0, 3600.0)
    """Over how many seconds flannel's restarts are shown as deltas."""


F = TypeVar("F", bound=Fact)


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeState:
    """All that is known of this node. Replaced whole, never changed."""

    policy: Policy = Policy()
    facts: Mapping[type, Fact] = field(default_factory=lambda: MappingProxyType({}))
    health: Mapping[str, Health] = field(default_factory=lambda: MappingProxyType({}))

    def last(self, kind: type[F]) -> F | None:
        """The last fact of that kind, however old."""
        fact = self.facts.get(kind)
        return fact if isinstance(fact, kind) else None

    def fresh(self, kind: type[F], now: Instant) -> F | None:
        """The last fact of that kind, or None if there is none or it is stale."""
        return self.last(kind) if self.up(kind.source, kind.max_age, now) else None

    def up(self, source: str, max_age: float, now: Instant) -> bool:
        """Whether the source has yielded within `max_age` seconds."""
        last = self.health.get(source, Health()).last_fact
        return last is not None and now.uptime - last.uptime <= max_age

    def observe(self, fact: Fact, now: Instant) -> NodeState:
        """This state after a source yielded a fact."""
        kind = type(fact)
        following = fact.following(self.last(kind), now)
        health = replace(self.health.get(kind.source, Health()), last_fact=now)
        return replace(
            self,
            facts=MappingProxyType({**self.facts, kind: following}),
            health=MappingProxyType({**self.health, kind.source: health}),
        )

    def fail(self, source: str, reason: Reason) -> NodeState:
        """This state after a source failed."""
        health = self.health.get(source, Health()).failed(reason)
        return replace(self, health=MappingProxyType({**self.health, source: health}))
