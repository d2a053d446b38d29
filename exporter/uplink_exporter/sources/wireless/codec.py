"""From nl80211's bytes to facts. Pure. Layouts: linux/genetlink.h, linux/nl80211.h, IEEE 802.11 for the frames."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from struct import Struct

from uplink_exporter.facts import End, Happened, Mode
from uplink_exporter.sources.wire import attributes, number, text

CONTROL = 16
"""The family of genetlink's own, GENL_ID_CTRL."""

LONGEST_SSID = 32
MOST_HEARD = 64

GENERIC = Struct("=BBH")
_NOTHING = memoryview(b"")
_FLAGS = Struct("=II")
_AUTHORIZED = 1 << 1  # NL80211_STA_FLAG_AUTHORIZED
_ASSOCIATED = 1  # NL80211_BSS_STATUS_ASSOCIATED
# A frame of authentication or association: 24 bytes of header, then in the first algorithm, transaction and status.
_AUTH_STATUS, _ASSOC_STATUS = 28, 26


class Command(IntEnum):
    """NL80211_CMD_*, and CTRL_CMD_GETFAMILY."""

    GET_FAMILY = 3
    GET_INTERFACE = 5
    SET_INTERFACE = 6
    NEW_INTERFACE = 7
    DEL_INTERFACE = 8
    GET_STATION = 17
    GET_SCAN = 32
    NEW_SCAN_RESULTS = 34
    AUTHENTICATE = 37
    ASSOCIATE = 38
    CONNECT = 46
    ROAM = 47
    DISCONNECT = 48


class Attribute(IntEnum):
    """NL80211_ATTR_*."""

    IFINDEX = 3
    IFNAME = 4
    IFTYPE = 5
    MAC = 6
    STA_INFO = 21
    BSS = 47
    FRAME = 51
    REASON_CODE = 54
    DISCONNECTED_BY_AP = 71
    STATUS_CODE = 72


# The codes of IEEE 802.11-2020, table 9-49, that a failing handshake ends with.
_HANDSHAKE = frozenset({14, 15, 16, 23})
_INACTIVE = 4  # the kernel's own for an access point that it does not hear (net/mac80211/mlme.c)

_MODES = {2: Mode.STATION, 3: Mode.ACCESS_POINT, 6: Mode.MONITOR}


@dataclass(frozen=True, slots=True, kw_only=True)
class Generic:
    """The number of a generic netlink family, and those of its groups."""

    id: int
    groups: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """A wireless interface."""

    index: int
    name: str
    mode: Mode


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """The other side of a connection."""

    bssid: str
    authorized: bool
    signal: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """One entry of the last scan. `age` is in seconds."""

    bssid: str
    ssid: str
    associated: bool
    age: float


def parse_family(body: memoryview) -> Generic:
    """The answer to CTRL_CMD_GETFAMILY."""
    found = attributes(body, GENERIC.size)
    groups: dict[str, int] = {}
    for group in attributes(found.get(7, _NOTHING), 0).values():
        inner = attributes(group, 0)
        groups[text(inner.get(1))] = number(inner.get(2))
    return Generic(id=number(found.get(1)), groups=groups)


def parse_interface(body: memoryview) -> Interface | None:
    """An interface; None for one that is no network device (P2P)."""
    found = attributes(body, GENERIC.size)
    if Attribute.IFINDEX not in found:
        return None
    mode = _MODES.get(number(found.get(Attribute.IFTYPE)), Mode.OTHER)
    return Interface(index=number(found[Attribute.IFINDEX]), name=text(found.get(Attribute.IFNAME)), mode=mode)


def parse_station(body: memoryview) -> Station:
    """The access point that a station has joined, as it hears it."""
    found = attributes(body, GENERIC.size)
    info = attributes(found.get(Attribute.STA_INFO, _NOTHING), 0)
    flags, signal = info.get(17), info.get(7)
    return Station(
        bssid=_mac(found.get(Attribute.MAC)),
        authorized=flags is not None and len(flags) >= _FLAGS.size and bool(_FLAGS.unpack_from(flags)[1] & _AUTHORIZED),
        signal=int.from_bytes(signal[:1], sys.byteorder, signed=True) if signal else None,
    )


def parse_heard(body: memoryview) -> Heard:
    """One network of the last scan."""
    bss = attributes(attributes(body, GENERIC.size).get(Attribute.BSS, _NOTHING), 0)
    return Heard(
        bssid=_mac(bss.get(1)),
        ssid=_ssid(bss.get(6)),
        associated=9 in bss and number(bss[9]) == _ASSOCIATED,
        age=number(bss.get(10)) / 1000,
    )


def parse_index(body: memoryview) -> int:
    """Of which interface a message is; 0 if of none."""
    return number(attributes(body, GENERIC.size).get(Attribute.IFINDEX))


def parse_event(body: memoryview) -> tuple[int, Happened] | None:
    """Of which device an event tells, and what; None if nothing that is counted."""
    command, found = body[0], attributes(body, GENERIC.size)
    index, bssid = number(found.get(Attribute.IFINDEX)), _mac(found.get(Attribute.MAC))
    match command:
        case Command.CONNECT if not number(found.get(Attribute.STATUS_CODE)):
            return index, Happened(device="", bssid=bssid)
        case Command.ROAM:
            return index, Happened(device="", bssid=bssid)
        case Command.DISCONNECT:
            return index, Happened(device="", end=_end(found))
        case Command.AUTHENTICATE if _status(found, _AUTH_STATUS) not in _GOES_ON:
            return index, Happened(device="", end=End.REFUSED)
        case Command.ASSOCIATE if _status(found, _ASSOC_STATUS):
            return index, Happened(device="", end=End.REFUSED)
    return None


# Status 0 is success; 76 and 126 are steps of SAE's own (an anti-clogging token, hash to element).
_GOES_ON = frozenset({0, 76, 126})


def _end(found: Mapping[int, memoryview]) -> End:
    code, by_access_point = number(found.get(Attribute.REASON_CODE)), Attribute.DISCONNECTED_BY_AP in found
    if code in _HANDSHAKE:
        return End.HANDSHAKE
    if by_access_point:
        return End.ACCESS_POINT
    return End.SIGNAL_LOST if code == _INACTIVE else End.LOCAL


def _status(found: Mapping[int, memoryview], offset: int) -> int:
    frame = found.get(Attribute.FRAME, _NOTHING)
    return int.from_bytes(frame[offset : offset + 2], "little")


def _ssid(elements: memoryview | None) -> str:
    """The SSID among information elements; empty for a hidden network."""
    for kind, value in _elements(elements if elements is not None else _NOTHING):
        if kind == 0:
            return printable(bytes(value[:LONGEST_SSID]))
    return ""


def _elements(elements: memoryview) -> Iterator[tuple[int, memoryview]]:
    offset = 0
    while offset + 2 <= len(elements):
        kind, length = elements[offset], elements[offset + 1]
        yield kind, elements[offset + 2 : offset + 2 + length]
        offset += 2 + length


def printable(ssid: bytes) -> str:
    """An SSID, which may be any bytes, as iw(8) prints it: what is not printable ASCII is escaped."""
    text = ssid.strip(b"\0")
    return "".join(chr(byte) if 0x20 <= byte < 0x7F and byte != 0x5C else f"\\x{byte:02x}" for byte in text)


def _mac(value: memoryview | None) -> str:
    return bytes(value[:6]).hex(":") if value is not None else ""
