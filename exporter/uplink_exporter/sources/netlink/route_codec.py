"""From rtnetlink's bytes to routes, rules, nexthop objects, and the kernel's answers to the way. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from struct import Struct

from uplink_exporter.facts import OUTSIDE, Family, NextHop, Reached, Route, RouteType, Rule
from uplink_exporter.sources.netlink.codec import LONGEST_ZERO_PREFIX
from uplink_exporter.sources.netlink.layout import FAMILIES, NEXTHOP_OBJECT, ROUTE, RULE
from uplink_exporter.sources.wire import attributes, ip, number

_NEXT_HOP = Struct("=HBBi")
_GROUP_MEMBER = Struct("=I4x")
_CACHE_INFO = Struct("=8xi")  # of rta_cacheinfo, as far as rta_expires
_TICKS = 100.0  # USER_HZ

# The first byte tells whether a prefix of up to 8 bits covers an address.
_FIRST_BYTES = {
    family: tuple(ip_address(address).packed[0] for address in addresses) for family, addresses in OUTSIDE.items()
}
# FRA_*: what makes a rule hold for some packets only.
_SELECTORS = (3, 10, 11, 12, 13, 17, 19, 20, 22, 23, 24)
_SUPPRESS_PREFIXLEN, _NOTHING = 14, 0xFFFFFFFF  # which the kernel tells of every rule
_FIB_RULE_INVERT = 0x2
_FR_ACT_NOP = 3

_RTNH_F_DEAD, _RTNH_F_LINKDOWN = 0x1, 0x10
_RTM_F_CLONED = 0x200

_ROUTE_TYPES = {
    1: RouteType.UNICAST,
    6: RouteType.BLACKHOLE,
    7: RouteType.UNREACHABLE,
    8: RouteType.PROHIBIT,
    9: RouteType.THROW,
}
# /etc/iproute2/rt_protos; anything else is shown as its number, of which there are 256.
_PROTOCOLS = {
    0: "unspec",
    1: "redirect",
    2: "kernel",
    3: "boot",
    4: "static",
    9: "ra",
    11: "zebra",
    12: "bird",
    16: "dhcp",
    18: "keepalived",
    42: "babel",
    186: "bgp",
    187: "isis",
    188: "ospf",
}


def parse_route(body: memoryview) -> Route | None:
    """A route from RTM_NEWROUTE or RTM_DELROUTE; None unless it covers a part of the outside, or leads towards zero."""
    af, prefix_length, _, tos, table, protocol, _, kind, flags = ROUTE.unpack_from(body)
    if af not in FAMILIES or flags & _RTM_F_CLONED or prefix_length > LONGEST_ZERO_PREFIX:
        return None
    family, found = FAMILIES[af], attributes(body, ROUTE.size)
    destination = found.get(1, b"\0")
    if any(destination) and not _covers_outside(family, destination[0], prefix_length):
        return None
    nested = found.get(9)
    hops = tuple(_next_hops(nested)) if nested is not None else _direct(found, flags)
    expires = _CACHE_INFO.unpack_from(found[12])[0] if family is Family.IPV6 and 12 in found else 0
    return Route(
        family=family,
        next_hops=hops,
        destination=ip(found[1]) if any(destination) else "",
        prefix_length=prefix_length,
        table=number(found[15]) if 15 in found else table,
        type=_ROUTE_TYPES.get(kind, RouteType.OTHER),
        protocol=_PROTOCOLS.get(protocol, str(protocol)),
        metric=number(found.get(6)),
        tos=tos,
        nested=not number(found.get(4)),
        preferred_source=ip(found.get(7)),
        nexthop_object=number(found.get(30)),
        lifetime=expires / _TICKS if expires else None,
        expired=expires < 0,
    )


def _covers_outside(family: Family, first: int, prefix_length: int) -> bool:
    return any((first ^ byte) >> (8 - prefix_length) == 0 for byte in _FIRST_BYTES[family])


def _direct(found: dict[int, memoryview], flags: int) -> tuple[NextHop, ...]:
    # Without an RTA_OIF there is a nexthop object (RTA_NH_ID, nexthop_compat_mode=0), or the route leads nowhere.
    index = number(found.get(4))
    return (_next_hop(index, found, flags),) if index or 30 in found else ()


def _next_hops(nested: memoryview) -> Iterator[NextHop]:
    offset = 0
    while offset + _NEXT_HOP.size <= len(nested):
        length, flags, _, index = _NEXT_HOP.unpack_from(nested, offset)
        if not _NEXT_HOP.size <= length <= len(nested) - offset:
            raise ValueError(f"next hop of {length} bytes in {len(nested) - offset}")
        yield _next_hop(index, attributes(nested[offset : offset + length], _NEXT_HOP.size), flags)
        offset += (length + 3) & ~3


def _next_hop(index: int, found: dict[int, memoryview], flags: int) -> NextHop:
    via = found.get(18)  # RTA_VIA: an IPv4 route through an IPv6 gateway (RFC 5549); two bytes of family first
    return NextHop(
        index=index,
        gateway=ip(via[2:] if via is not None else found.get(5)),
        dead=bool(flags & _RTNH_F_DEAD),
        linkdown=bool(flags & _RTNH_F_LINKDOWN),
    )


def parse_reached(body: memoryview) -> Reached:
    """The way to an address, from the RTM_NEWROUTE that answers."""
    _, _, _, _, table, _, _, kind, flags = ROUTE.unpack_from(body)
    found = attributes(body, ROUTE.size)
    index = number(found.get(4))
    return Reached(
        index=index,
        preferred_source=ip(found.get(7)),
        gateway=_next_hop(index, found, flags).gateway,
        type=_ROUTE_TYPES.get(kind, RouteType.OTHER),
        table=number(found[15]) if 15 in found else table,
    )


def parse_rule(body: memoryview) -> Rule | None:
    """A policy rule from RTM_NEWRULE; None for one that does nothing, or of neither IPv4 nor IPv6."""
    family, to_length, from_length, tos, table, action, flags = RULE.unpack_from(body)
    if family not in FAMILIES or action == _FR_ACT_NOP:
        return None
    found = attributes(body, RULE.size)
    selective = to_length or from_length or tos or flags & _FIB_RULE_INVERT
    suppressive = _SUPPRESS_PREFIXLEN in found and number(found[_SUPPRESS_PREFIXLEN]) != _NOTHING
    to_table = action == 1  # FR_ACT_TO_TBL; the others have the numbers of route types
    return Rule(
        family=FAMILIES[family],
        priority=number(found.get(6)),
        table=(number(found[15]) if 15 in found else table) if to_table else 0,
        action=_ROUTE_TYPES.get(action, RouteType.OTHER),
        always=not selective and not suppressive and not any(kind in found for kind in _SELECTORS),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class NexthopObject:
    """A nexthop object: a next hop, a group of others by their numbers, or a blackhole."""

    number: int
    hop: NextHop | None = None
    members: tuple[int, ...] = ()


def parse_nexthop(body: memoryview) -> NexthopObject:
    """A nexthop object from RTM_NEWNEXTHOP."""
    _, flags = NEXTHOP_OBJECT.unpack_from(body)
    found = attributes(body, NEXTHOP_OBJECT.size)  # NHA_*
    identity, group = number(found.get(1)), found.get(2)
    if group is not None:
        whole = group[: len(group) - len(group) % _GROUP_MEMBER.size]
        return NexthopObject(number=identity, members=tuple(member for (member,) in _GROUP_MEMBER.iter_unpack(whole)))
    if 4 in found:
        return NexthopObject(number=identity)
    return NexthopObject(
        number=identity,
        hop=NextHop(
            index=number(found.get(5)),
            gateway=ip(found.get(6)),
            dead=bool(flags & _RTNH_F_DEAD),
            linkdown=bool(flags & _RTNH_F_LINKDOWN),
        ),
    )
