"""rtnetlink's numbers and layouts: rtnetlink(7), linux/rtnetlink.h, linux/if_link.h."""

from __future__ import annotations

from enum import IntEnum
from struct import Struct

from uplink_exporter.facts import Family


class Type(IntEnum):
    """The message types that are asked for or listened to."""

    NEWLINK = 16
    DELLINK = 17
    GETLINK = 18
    NEWADDR = 20
    DELADDR = 21
    GETADDR = 22
    NEWROUTE = 24
    DELROUTE = 25
    GETROUTE = 26
    NEWNEIGH = 28
    DELNEIGH = 29
    GETNEIGH = 30
    NEWRULE = 32
    GETRULE = 34
    NEWNEXTHOP = 104
    GETNEXTHOP = 106


AF_UNSPEC, AF_INET, AF_INET6 = 0, 2, 10
FAMILIES = {AF_INET: Family.IPV4, AF_INET6: Family.IPV6}
NUMBERS = {family: number for number, family in FAMILIES.items()}

LINK = Struct("=BxHiII")
ADDRESS = Struct("=BBBBI")
ROUTE = Struct("=BBBBBBBBI")
NEIGHBOUR = Struct("=B3xiHBB")
RULE = Struct("=BBBBB2xBI")
NEXTHOP_OBJECT = Struct("=B3xI")

U32 = Struct("=I")
