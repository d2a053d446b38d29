"""What is asked of generic netlink and of nl80211, as bytes. Pure."""

from __future__ import annotations

import sys

from uplink_exporter.sources.wire import Flag, attribute, request
from uplink_exporter.sources.wireless.codec import CONTROL, GENERIC, Attribute, Command, Generic

_FAMILY_NAME = 2  # CTRL_ATTR_FAMILY_NAME


def family_request(sequence: int) -> bytes:
    """Which number nl80211 has on this kernel; ENOENT if it has no cfg80211."""
    return _generic(CONTROL, 0, sequence, Command.GET_FAMILY, attribute(_FAMILY_NAME, b"nl80211\0"))


def interfaces_request(sequence: int, nl80211: Generic) -> bytes:
    """All wireless interfaces."""
    return _generic(nl80211.id, Flag.DUMP, sequence, Command.GET_INTERFACE)


def stations_request(sequence: int, nl80211: Generic, index: int) -> bytes:
    """What an interface is connected to."""
    return _generic(nl80211.id, Flag.DUMP, sequence, Command.GET_STATION, _of(index))


def scan_request(sequence: int, nl80211: Generic, index: int) -> bytes:
    """What the last scan heard. It starts none, which would take a privilege."""
    return _generic(nl80211.id, Flag.DUMP, sequence, Command.GET_SCAN, _of(index))


def _of(index: int) -> bytes:
    return attribute(Attribute.IFINDEX, index.to_bytes(4, sys.byteorder))


def _generic(family: int, flags: int, sequence: int, command: Command, body: bytes = b"") -> bytes:
    return request(family, flags, sequence, GENERIC.pack(command, 1, 0) + body)
