"""The attributes of a netlink message, and what is in them. Pure."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address

from uplink_exporter.sources.wire.message import ATTRIBUTE


def attributes(body: memoryview, offset: int) -> dict[int, memoryview]:
    """The attributes from an offset on; of several of one type the first."""
    found: dict[int, memoryview] = {}
    for kind, value in listed(body, offset):
        found.setdefault(kind, value)
    return found


def listed(body: memoryview, offset: int) -> Iterator[tuple[int, memoryview]]:
    """All attributes from an offset on. Raises ValueError if one is cut short."""
    while offset + 4 <= len(body):
        length, kind = ATTRIBUTE.unpack_from(body, offset)
        if not 4 <= length <= len(body) - offset:
            raise ValueError(f"netlink attribute of {length} bytes in {len(body) - offset}")
        yield kind & 0x3FFF, body[offset + 4 : offset + length]
        offset += (length + 3) & ~3


def number(value: memoryview | None) -> int:
    """An unsigned number; 0 for an attribute that is not there."""
    return int.from_bytes(value, sys.byteorder) if value is not None else 0


def text(value: memoryview | None) -> str:
    """A string that a zero ends; empty for an attribute that is not there."""
    # The name of a device may be any bytes, and two of them must not become one.
    return bytes(value).split(b"\0")[0].decode("utf-8", "backslashreplace") if value is not None else ""


def ip(value: memoryview | None) -> str:
    """An address; empty for an attribute that is not there."""
    if value is None:
        return ""
    return str(IPv4Address(bytes(value)) if len(value) == 4 else IPv6Address(bytes(value)))
