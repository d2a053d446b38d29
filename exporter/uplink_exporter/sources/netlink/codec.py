"""From rtnetlink's bytes to facts. Pure.

Decoding is by `struct`, not by pyroute2's message classes: those cost 8 MiB of memory and over 100 us a link, and
this exporter decodes every link of the node twice a minute.
"""

from __future__ import annotations

from collections.abc import Iterator

from uplink_exporter.facts import (
    Address,
    Link,
    Neighbour,
    NeighbourState,
    Operstate,
)
from uplink_exporter.sources.netlink.layout import (
    ADDRESS,
    FAMILIES,
    LINK,
    NEIGHBOUR,
    Type,
)
from uplink_exporter.sources.wire import HEADER, Flag, Message, attributes, ip, listed, number, text

# The kubelet takes any route whose destination reads 00000000 for a default one, 0.0.0.0/1 included. Longer
# prefixes of zero are not seen in the wild, and looking closer at each of 100,000 routes would cost.
LONGEST_ZERO_PREFIX = 8

# Of a link these kinds name another one below them; veth names its other end.
_STANDING = frozenset({"vlan", "macvlan", "macvtap", "ipvlan", "ipvtap", "macsec"})

_IFF_UP, _IFF_LOOPBACK = 0x1, 0x8
_ALT_IFNAME = 53
_MODE_DORMANT = 1  # IF_LINK_MODE_DORMANT
_RAW = frozenset({801, 802, 803})  # ARPHRD_IEEE80211 and its kin: what takes 802.11 frames is a monitor

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


def split(data: bytes) -> Iterator[Message]:
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


def parse_link(body: memoryview) -> Link | None:
    """A link from RTM_NEWLINK or RTM_DELLINK; what sysfs knows of its hardware is not in there.

    None for one that tells only of a part, as a bridge does of its port (its RTM_DELLINK means that the link left the
    bridge, not that it is gone) and wireless extensions of a scan: what is not in there must not be taken for no.
    """
    _, hardware, index, flags, _ = LINK.unpack_from(body)
    found = attributes(body, LINK.size)
    if 33 not in found:  # IFLA_CARRIER
        return None
    state = number(found.get(16))
    info = found.get(18)
    kind = text(attributes(info, 0).get(1)) if info is not None else ""
    return Link(
        index=index,
        name=text(found.get(3)),
        operstate=_OPERSTATES[state] if state < len(_OPERSTATES) else Operstate.UNKNOWN,
        admin_up=bool(flags & _IFF_UP),
        carrier=bool(number(found.get(33))),
        carrier_changes=number(found.get(35)),
        kind=kind,
        loopback=bool(flags & _IFF_LOOPBACK),
        mtu=number(found.get(4)),
        carrier_ups=number(found.get(47)),
        supplicant=number(found.get(17)) == _MODE_DORMANT,
        raw=hardware in _RAW,
        master=number(found.get(10)),
        # With an IFLA_LINK_NETNSID it is another network's.
        lower=number(found.get(5)) if kind in _STANDING and 37 not in found else 0,
        altnames=tuple(text(name) for kind, name in listed(found[52], 0) if kind == _ALT_IFNAME) if 52 in found else (),
    )


def parse_address(body: memoryview) -> Address | None:
    """An address from RTM_NEWADDR or RTM_DELADDR; None for a family that is neither IPv4 nor IPv6."""
    family, prefix_length, flags, scope, index = ADDRESS.unpack_from(body)
    if family not in FAMILIES:
        return None
    found = attributes(body, ADDRESS.size)
    return Address(
        index=index,
        family=FAMILIES[family],
        # IFA_ADDRESS is the peer's on a point-to-point link; IFA_LOCAL is ours (IPv6 has it only there).
        address=ip(found.get(2, found.get(1))),
        prefix_length=prefix_length,
        scope=scope,
        flags=number(found[8]) if 8 in found else flags,
    )


def parse_neighbour(body: memoryview) -> Neighbour | None:
    """A neighbour entry from RTM_NEWNEIGH; None for a family that is neither IPv4 nor IPv6 (a bridge's)."""
    family, index, state, _, _ = NEIGHBOUR.unpack_from(body)
    if family not in FAMILIES:
        return None
    address = ip(attributes(body, NEIGHBOUR.size).get(1))
    return Neighbour(index=index, address=address, state=_NEIGHBOUR_STATES.get(state, NeighbourState.NONE))
