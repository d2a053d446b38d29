"""Routes, their next hops, and the gateways behind them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum

from uplink_exporter.facts.links import Family


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


MAIN_TABLE = 254
LOCAL_TABLE = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A route that covers a part of the outside, in dump order. `destination` is empty for 0.0.0.0/n and ::/n.

    `nested` tells that the next hops came in RTA_MULTIPATH (or from a nexthop object) instead of RTA_OIF: the same
    to the kernel, another thing to flannel, which reads RTA_OIF only.
    """

    family: Family
    next_hops: tuple[NextHop, ...]
    destination: str = ""
    prefix_length: int = 0
    table: int = MAIN_TABLE
    type: RouteType = RouteType.UNICAST
    protocol: str = "boot"
    metric: int = 0
    tos: int = 0
    nested: bool = False
    preferred_source: str = ""
    nexthop_object: int = 0
    lifetime: float | None = field(default=None, compare=False)
    """Seconds until a router's advertisement of it expires, as of the dump."""
    expired: bool = False
    """Whether it did: the kernel uses it no more, and takes its time to remove it."""

    @property
    def to_all(self) -> bool:
        """Whether it is a default route, of whatever type."""
        return self.prefix_length == 0 and self.table == MAIN_TABLE

    @property
    def default(self) -> bool:
        """Whether it is a default route of type unicast."""
        return self.to_all and self.type is RouteType.UNICAST


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """What the kernel answers to `ip route get`: a device and the source address, or an errno instead."""

    index: int = 0
    preferred_source: str = ""
    errno: int = 0
    gateway: str = ""
    type: RouteType = RouteType.UNICAST
    table: int = MAIN_TABLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A policy rule (ip-rule(8)): which table is asked, or what is answered instead. `table` is 0 if none is.

    `action` is OTHER for one that goes on to a later rule.
    """

    family: Family
    priority: int
    table: int = 0
    action: RouteType = RouteType.UNICAST
    always: bool = True
    """Whether it holds for every packet."""
