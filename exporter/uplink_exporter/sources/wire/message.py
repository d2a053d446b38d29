"""Netlink's own header, which every family of messages has: netlink(7), linux/netlink.h."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntFlag
from struct import Struct

HEADER = Struct("=IHHII")
ATTRIBUTE = Struct("=HH")
ERROR, DONE = 2, 3


class Flag(IntFlag):
    """NLM_F_*."""

    REQUEST = 0x1
    MULTI = 0x2
    DUMP_INTR = 0x10
    REPLACE = 0x100
    DUMP = 0x300
    APPEND = 0x800


@dataclass(frozen=True, slots=True)
class Message:
    """One netlink message: its type, its flags, and what follows the header."""

    type: int
    flags: int
    body: memoryview


def messages(data: bytes) -> Iterator[Message]:
    """The messages of one datagram. Raises ValueError if it is cut short."""
    view, offset, size = memoryview(data), 0, len(data)
    while offset + HEADER.size <= size:
        length, kind, flags, _, _ = HEADER.unpack_from(data, offset)
        if not HEADER.size <= length <= size - offset:
            raise ValueError(f"netlink message of {length} bytes in {size - offset}")
        yield Message(kind, flags, view[offset + HEADER.size : offset + length])
        offset += (length + 3) & ~3


def error_code(message: Message) -> int:
    """The errno of an ERROR message, or of a DONE that ends a failed dump; 0 for success."""
    if message.type not in (ERROR, DONE) or len(message.body) < 4:
        return 0
    return abs(int.from_bytes(message.body[:4], sys.byteorder, signed=True))


def request(kind: int, flags: int, sequence: int, body: bytes) -> bytes:
    """A request's bytes."""
    return HEADER.pack(HEADER.size + len(body), kind, Flag.REQUEST | flags, sequence, 0) + body


def attribute(kind: int, value: bytes) -> bytes:
    """An attribute's bytes."""
    return ATTRIBUTE.pack(4 + len(value), kind) + value + bytes(-len(value) % 4)
