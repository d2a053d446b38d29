"""What is asked of the kernel, and which of its events are listened to, as bytes. Pure."""

from __future__ import annotations

import sys
from ipaddress import IPv4Address, IPv6Address
from struct import Struct

from uplink_exporter.facts import MAIN_TABLE, Family, NextHop
from uplink_exporter.sources.netlink.layout import (
    ADDRESS,
    AF_INET,
    AF_INET6,
    AF_UNSPEC,
    LINK,
    NEIGHBOUR,
    NEXTHOP_OBJECT,
    NUMBERS,
    ROUTE,
    RULE,
    U32,
    Type,
)
from uplink_exporter.sources.wire import Flag, attribute, request

# RTMGRP_*: LINK, NEIGH, IPV4_IFADDR, IPV4_ROUTE, IPV4_RULE, IPV6_IFADDR, IPV6_ROUTE; RTNLGRP_IPV6_RULE; and
# RTNLGRP_NEXTHOP (since 5.3), for a nexthop object that is deleted takes its IPv4 routes along without a word.
EVENT_GROUPS = 0x1 | 0x4 | 0x10 | 0x40 | 0x80 | 0x100 | 0x400 | 1 << 18 | 1 << 31

# Halves of the world count, and 2000::/4; each IPv6 link has a route to ff00::/8.
_LONGEST_PREFIX_HEARD = 7

_LOOKUP_TABLE = 0x1000  # RTM_F_LOOKUP_TABLE: the answer says which table it is from
_UID = 25  # RTA_UID (since 4.10): on whose behalf
_SKIP_STATS = 0x8  # RTEXT_FILTER_SKIP_STATS: a third of a link message is counters that nobody here reads


def links_request(sequence: int) -> bytes:
    """A dump of all links, without their counters."""
    body = LINK.pack(AF_UNSPEC, 0, 0, 0, 0) + attribute(29, U32.pack(_SKIP_STATS))
    return request(Type.GETLINK, Flag.DUMP, sequence, body)


def addresses_request(sequence: int) -> bytes:
    """A dump of all addresses."""
    return request(Type.GETADDR, Flag.DUMP, sequence, ADDRESS.pack(AF_UNSPEC, 0, 0, 0, 0))


def routes_request(sequence: int, family: Family, table: int = MAIN_TABLE) -> bytes:
    """A dump of the table, where the kernel filters (since 4.20); of all tables where it does not, and if it is 0."""
    body = ROUTE.pack(NUMBERS[family], 0, 0, 0, table, 0, 0, 0, 0)
    return request(Type.GETROUTE, Flag.DUMP, sequence, body)


def rules_request(sequence: int, family: Family) -> bytes:
    """A dump of the family's policy rules."""
    return request(Type.GETRULE, Flag.DUMP, sequence, RULE.pack(NUMBERS[family], 0, 0, 0, 0, 0, 0))


def nexthops_request(sequence: int) -> bytes:
    """A dump of all nexthop objects (since 5.3)."""
    return request(Type.GETNEXTHOP, Flag.DUMP, sequence, NEXTHOP_OBJECT.pack(AF_UNSPEC, 0))


def neighbour_request(sequence: int, hop: NextHop) -> bytes:
    """A question for the one neighbour entry of a gateway (since 5.0)."""
    address = _packed(hop.gateway)
    number = AF_INET if len(address) == 4 else AF_INET6
    body = NEIGHBOUR.pack(number, hop.index, 0, 0, 0) + attribute(1, address)
    return request(Type.GETNEIGH, 0, sequence, body)


def reached_request(sequence: int, address: str) -> bytes:
    """A question for the way to an address, as root's `ip route get` asks."""
    packed = _packed(address)
    number = AF_INET if len(packed) == 4 else AF_INET6
    # IPv6 always says the table, and refuses the flag.
    flags = _LOOKUP_TABLE if number == AF_INET else 0
    body = ROUTE.pack(number, 8 * len(packed), 0, 0, 0, 0, 0, 0, flags) + attribute(1, packed)
    # A rule may hold for some users only (uidrange), and flannel and the kubelet run as root.
    body += attribute(_UID, U32.pack(0))
    return request(Type.GETROUTE, 0, sequence, body)


def neighbours_request(sequence: int) -> bytes:
    """A dump of all neighbour entries, for kernels that cannot be asked for one."""
    return request(Type.GETNEIGH, Flag.DUMP, sequence, NEIGHBOUR.pack(AF_UNSPEC, 0, 0, 0, 0))


def _packed(address: str) -> bytes:
    return IPv6Address(address).packed if ":" in address else IPv4Address(address).packed


def event_filter() -> bytes:
    """A classic BPF program that drops what never matters before it takes room in the socket's buffer.

    Dropped are events of routes to a part of the world, and of neighbours on the way from one state to another (DELAY,
    PROBE, INCOMPLETE). 10,000 route changes overflow an unfiltered socket; through this filter not one arrives.
    """
    load_half, load_byte, equal, greater, any_bit, give = 0x28, 0x30, 0x15, 0x25, 0x45, 0x06
    accept, drop = (give, 0, 0, 0xFFFFFFFF), (give, 0, 0, 0)
    settled = 0x02 | 0x04 | 0x20 | 0x40 | 0x80  # REACHABLE, STALE, FAILED, NOARP, PERMANENT
    program = (
        (load_half, 0, 0, 4),  # nlmsg_type
        (equal, 3, 0, _swapped(Type.NEWROUTE)),
        (equal, 2, 0, _swapped(Type.DELROUTE)),
        (equal, 4, 0, _swapped(Type.NEWNEIGH)),
        accept,
        (load_byte, 0, 0, 17),  # rtm_dst_len
        (greater, 3, 0, _LONGEST_PREFIX_HEARD),
        accept,
        (load_half, 0, 0, 24),  # ndm_state
        (any_bit, 1, 0, _swapped(settled)),
        drop,
        accept,
    )
    return b"".join(Struct("=HBBI").pack(*instruction) for instruction in program)


def _swapped(number: int) -> int:
    # BPF loads in network order, netlink writes in the host's.
    return int.from_bytes(number.to_bytes(2, sys.byteorder), "big")
