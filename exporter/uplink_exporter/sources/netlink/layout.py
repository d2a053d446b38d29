"""rtnetlink's numbers and layouts: rtnetlink(7), linux/rtnetlink.h, linux/if_link.h."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, IntFlag
from struct import Struct

from uplink_exporter.facts import Family


class Type(IntEnum):
    """The message types that are asked for or listened to."""

    ERROR = 2
    DONE = 3
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


class Flag(IntFlag):
    """NLM_F_*."""

    REQUEST = 0x1
    MULTI = 0x2
    DUMP_INTR = 0x10
    REPLACE = 0x100
    DUMP = 0x300
    APPEND = 0x800


AF_UNSPEC, AF_INET, AF_INET6 = 0, 2, 10
FAMILIES = {AF_INET: Family.IPV4, AF_INET6: Family.IPV6}
NUMBERS = {family: number for number, family in FAMILIES.items()}

HEADER = Struct("=IHHII")
ATTRIBUTE = Struct("=HH")
LINK = Struct("=BxHiII")
ADDRESS = Struct("=BBBBI")
ROUTE = Struct("=BBBBBBBBI")
NEIGHBOUR = Struct("=B3xiHBB")
RULE = Struct("=BBBBB2xBI")
NEXTHOP_OBJECT = Struct("=B3xI")

U32 = Struct("=I")


@dataclass(frozen=True, slots=True)
class Message:
    """One netlink message: its type, its flags, and what follows the header."""

    type: int
    flags: int
    body: memoryview
