"""From rtnetlink's bytes to facts. Pure.

Decoding is by `struct`, not by pyroute2's message classes: those cost 8 MiB of memory and over 100 us a link, and
this exporter decodes every link of the node twice a minute.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address
from struct import Struct

from uplink_exporter.facts import (
    Address,
    Link,
    Neighbour,
    NeighbourState,
    NextHop,
    Operstate,
    Reached,
    Route,
    RouteType,
)
from uplink_exporter.sources.netlink.layout import (
    ADDRESS,
    ATTRIBUTE,
    FAMILIES,
    HEADER,
    LINK,
    MAIN_TABLE,
    NEIGHBOUR,
    ROUTE,
    Flag,
    Message,
    Type,
)

# The kubelet takes any route whose destination reads 00000000 for a default one, 0.0.0.0/1 included. Longer
# prefixes of zero are not seen in the wild, and looking closer at each of 100,000 routes would cost.
LONGEST_ZERO_PREFIX = 8

_NEXT_HOP = Struct("=HBBi")

_IFF_UP, _IFF_LOOPBACK = 0x1, 0x8
_RTNH_F_DEAD, _RTNH_F_LINKDOWN = 0x1, 0x10
_RTM_F_CLONED = 0x200

_OPERSTATES = tuple(Operstate)
_NEIGHBOUR_STATES = {
    0x01: NeighbourState.INCOMPLETE,
    0x02: NeighbourState.REACHABLE,
    0x04: NeighbourState.STALE,
    0x08: NeighbourState.DELAY,
    0x10: NeighbourState.PROBE,
    0x20: NeighbourState.FAILED,
    0x40: NeighbourState.NOARP,
    0x80: NeighbourState.PERMANENT,
}
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


def messages(data: bytes) -> Iterator[Message]:
    """The messages of one datagram, less the routes that lead elsewhere. Raises ValueError if it is cut short.

    A full table has 100,000 such routes in each dump, and the kernel does not filter by prefix: they are skipped here,
    by one byte, before anything is made of them.
    """
    view, offset, size = memoryview(data), 0, len(data)
    new_route, unpack = int(Type.NEWROUTE), HEADER.unpack_from
    dumped, looked_at = int(Flag.MULTI), int(Flag.MULTI | Flag.DUMP_INTR)
    while offset + 16 <= size:
        length, kind, flags, _, _ = unpack(data, offset)
        if not 16 <= length <= size - offset:
            raise ValueError(f"netlink message of {length} bytes in {size - offset}")
        route = kind == new_route and flags & looked_at == dumped and length > 17
        if not (route and data[offset + 17] > LONGEST_ZERO_PREFIX):
            yield Message(kind, flags, view[offset + 16 : offset + length])
        offset += (length + 3) & ~3


def error_code(message: Message) -> int:
    """The errno of an ERROR message, or of a DONE that ends a failed dump; 0 for success."""
    if message.type not in (Type.ERROR, Type.DONE) or len(message.body) < 4:
        return 0
    return abs(int.from_bytes(message.body[:4], sys.byteorder, signed=True))


def _attributes(body: memoryview, offset: int) -> dict[int, memoryview]:
    found: dict[int, memoryview] = {}
    while offset + 4 <= len(body):
        length, kind = ATTRIBUTE.unpack_from(body, offset)
        if not 4 <= length <= len(body) - offset:
            raise ValueError(f"netlink attribute of {length} bytes in {len(body) - offset}")
        found.setdefault(kind & 0x3FFF, body[offset + 4 : offset + length])
        offset += (length + 3) & ~3
    return found


def _number(value: memoryview | None) -> int:
    return int.from_bytes(value, sys.byteorder) if value is not None else 0


def _text(value: memoryview | None) -> str:
    # The name of a device may be any bytes, and two of them must not become one.
    return bytes(value).split(b"\0")[0].decode("utf-8", "backslashreplace") if value is not None else ""


def _ip(value: memoryview | None) -> str:
    if value is None:
        return ""
    return str(IPv4Address(bytes(value)) if len(value) == 4 else IPv6Address(bytes(value)))


def parse_link(body: memoryview) -> Link | None:
    """A link from RTM_NEWLINK or RTM_DELLINK; what sysfs knows of its hardware is not in there.

    None for one that tells only of a part, as a bridge does of its port (its RTM_DELLINK means that the link left the
    bridge, not that it is gone) and wireless extensions of a scan: what is not in there must not be taken for no.
    """
    _, _, index, flags, _ = LINK.unpack_from(body)
    attributes = _attributes(body, LINK.size)
    if 33 not in attributes:  # IFLA_CARRIER
        return None
    state = _number(attributes.get(16))
    info = attributes.get(18)
    return Link(
        index=index,
        name=_text(attributes.get(3)),
        operstate=_OPERSTATES[state] if state < len(_OPERSTATES) else Operstate.UNKNOWN,
        admin_up=bool(flags & _IFF_UP),
        carrier=bool(_number(attributes.get(33))),
        carrier_changes=_number(attributes.get(35)),
        kind=_text(_attributes(info, 0).get(1)) if info is not None else "",
        loopback=bool(flags & _IFF_LOOPBACK),
        mtu=_number(attributes.get(4)),
    )


def parse_address(body: memoryview) -> Address | None:
    """An address from RTM_NEWADDR or RTM_DELADDR; None for a family that is neither IPv4 nor IPv6."""
    family, prefix_length, flags, scope, index = ADDRESS.unpack_from(body)
    if family not in FAMILIES:
        return None
    attributes = _attributes(body, ADDRESS.size)
    return Address(
        index=index,
        family=FAMILIES[family],
        # IFA_ADDRESS is the peer's on a point-to-point link; IFA_LOCAL is ours (IPv6 has it only there).
        address=_ip(attributes.get(2, attributes.get(1))),
        prefix_length=prefix_length,
        scope=scope,
        flags=_number(attributes[8]) if 8 in attributes else flags,
    )


def parse_route(body: memoryview) -> Route | None:
    """A route from RTM_NEWROUTE or RTM_DELROUTE; None unless it is of the main table and leads towards zero."""
    family, prefix_length, _, tos, table, protocol, _, kind, flags = ROUTE.unpack_from(body)
    if family not in FAMILIES or flags & _RTM_F_CLONED or prefix_length > LONGEST_ZERO_PREFIX:
        return None
    attributes = _attributes(body, ROUTE.size)
    if (_number(attributes[15]) if 15 in attributes else table) != MAIN_TABLE or any(attributes.get(1, b"")):
        return None
    nested = attributes.get(9)
    hops = tuple(_next_hops(nested)) if nested is not None else _direct(attributes, flags)
    return Route(
        family=FAMILIES[family],
        next_hops=hops,
        prefix_length=prefix_length,
        type=_ROUTE_TYPES.get(kind, RouteType.OTHER),
        protocol=_PROTOCOLS.get(protocol, str(protocol)),
        metric=_number(attributes.get(6)),
        tos=tos,
        nested=not _number(attributes.get(4)),
        preferred_source=_ip(attributes.get(7)),
    )


def _direct(attributes: dict[int, memoryview], flags: int) -> tuple[NextHop, ...]:
    # Without an RTA_OIF there is a nexthop object (RTA_NH_ID, nexthop_compat_mode=0), or the route leads nowhere.
    index = _number(attributes.get(4))
    return (_next_hop(index, attributes, flags),) if index or 30 in attributes else ()


def _next_hops(nested: memoryview) -> Iterator[NextHop]:
    offset = 0
    while offset + _NEXT_HOP.size <= len(nested):
        length, flags, _, index = _NEXT_HOP.unpack_from(nested, offset)
        if not _NEXT_HOP.size <= length <= len(nested) - offset:
            raise ValueError(f"next hop of {length} bytes in {len(nested) - offset}")
        yield _next_hop(index, _attributes(nested[offset : offset + length], _NEXT_HOP.size), flags)
        offset += (length + 3) & ~3


def _next_hop(index: int, attributes: dict[int, memoryview], flags: int) -> NextHop:
    via = attributes.get(18)  # RTA_VIA: an IPv4 route through an IPv6 gateway (RFC 5549); two bytes of family first
    return NextHop(
        index=index,
        gateway=_ip(via[2:] if via is not None else attributes.get(5)),
        dead=bool(flags & _RTNH_F_DEAD),
        linkdown=bool(flags & _RTNH_F_LINKDOWN),
    )


def parse_neighbour(body: memoryview) -> Neighbour | None:
    """A neighbour entry from RTM_NEWNEIGH; None for a family that is neither IPv4 nor IPv6 (a bridge's)."""
    family, index, state, _, _ = NEIGHBOUR.unpack_from(body)
    if family not in FAMILIES:
        return None
    address = _ip(_attributes(body, NEIGHBOUR.size).get(1))
    return Neighbour(index=index, address=address, state=_NEIGHBOUR_STATES.get(state, NeighbourState.NONE))


def parse_reached(body: memoryview) -> Reached:
    """The way to an address, from the RTM_NEWROUTE that answers."""
    attributes = _attributes(body, ROUTE.size)
    return Reached(index=_number(attributes.get(4)), preferred_source=_ip(attributes.get(7)))
