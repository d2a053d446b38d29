"""One journal file, read as systemd's JOURNAL_FILE_FORMAT has it, by offsets that are never trusted.

A file is written while it is read, so whatever does not add up is "not yet": `NotYetError`, and the next look may find
it whole. An entry is complete before an index names it, and an index only grows.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import lru_cache
from operator import lt
from struct import Struct, unpack
from typing import NamedTuple, Self

from uplink_exporter.sources.journal.hashes import lookup3, siphash24
from uplink_exporter.sources.journal.packing import PackedError, unpacked

Read = Callable[[int, int], bytes]
"""Bytes of the file, by offset and size; fewer at its end."""

LONGEST = 16 * 1024
"""Of how long a value is read; a longer one is cut."""

LONGEST_NAME = 65
"""Of a field with its equals sign, as journald has it."""

LONGEST_PACKED = 1024 * 1024

MOST_HOPS = 1024
"""Along a chain of objects; journald begins a new file before one comes near to that."""

MOST_FIELDS = 1024
"""Of an entry, as journald itself has it (ENTRY_FIELD_COUNT_MAX)."""


class NotYetError(Exception):
    """What was read does not add up: it is being written, or it is damaged."""


class ForeignError(Exception):
    """It is no journal file, or one of a format that is not known here."""


class Entry(NamedTuple):
    """An entry without its fields. `realtime` and `monotonic` are microseconds, `items` the offsets of its data."""

    realtime: int
    monotonic: int
    boot: bytes
    items: tuple[int, ...]


class Index(NamedTuple):
    """The `length` entries that hold one value, oldest first: one, then those in a chain of arrays."""

    first: int
    array: int
    length: int


# Signature, compatible and incompatible flags, state, the ids of file, machine, boot and sequence, sizes of header and
# arena, offset and size of the hash table of data.
_HEADER = Struct("<8s 2I 8x 16s 48x 2Q 2Q")
_SIGNATURE = b"LPKSHHRH"
_OBJECT = Struct("<B B 6x Q")
_HASH_ITEM = Struct("<Q 8x")
_DATA = Struct("<16x Q Q 8x 3Q")
_ENTRY = Struct("<24x 2Q 16s 8x")
_NEXT_ARRAY = Struct("<16x Q")
_DATA_TYPE, _ENTRY_TYPE, _ARRAY_TYPE = 1, 3, 6
_SMALLEST = {_DATA_TYPE: _DATA.size, _ENTRY_TYPE: _ENTRY.size, _ARRAY_TYPE: _NEXT_ARRAY.size}
_PACKED = 7
_LATEST = 1 << 55  # microseconds; systemd's src/basic/time-util.h has it alike
_KEYED_HASH, _COMPACT, _KNOWN_FLAGS = 4, 16, 31


@lru_cache(maxsize=256)  # what is not there yet is looked for at every look
def _hash(value: bytes, key: bytes | None) -> int:
    return lookup3(value) if key is None else siphash24(value, key)


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalFile:
    """A journal file as its header has it. What its methods find may have grown since; all may raise NotYetError."""

    read: Read
    id: bytes
    keyed: bool
    compact: bool
    begin: int
    end: int
    table: int
    buckets: int
    found: dict[bytes, int]
    """Where values are kept, as far as they were looked for: there they stay."""

    @classmethod
    def opened(cls, read: Read, found: Callable[[bytes], dict[bytes, int]]) -> Self:
        """The file behind `read`. `found` gives what is known of a file, by its id. Raises ForeignError too."""
        raw = read(0, _HEADER.size)
        if len(raw) < _HEADER.size:
            raise NotYetError("shorter than a header")
        signature, _, flags, identity, begin, arena, table, size = _HEADER.unpack(raw)
        if signature != _SIGNATURE:
            raise ForeignError("no journal file")
        if flags & ~_KNOWN_FLAGS:
            raise ForeignError(f"of a format that is not known (incompatible flags {flags:#x})")
        if begin < _HEADER.size or not begin <= table <= table + size <= begin + arena or size < _HASH_ITEM.size:
            raise NotYetError("not set up")
        return cls(
            read=read,
            id=identity,
            keyed=bool(flags & _KEYED_HASH),
            compact=bool(flags & _COMPACT),
            begin=begin,
            end=begin + arena,
            table=table,
            buckets=size // _HASH_ITEM.size,
            found=found(identity),
        )

    def find(self, value: bytes) -> int | None:
        """Where a value (`FIELD=value`) is kept; None if no entry holds it."""
        if value not in self.found:
            at = self._look_up(value)
            if at is None:
                return None
            self.found[value] = at
        return self.found[value]

    def _look_up(self, value: bytes) -> int | None:
        wanted = _hash(value, self.id if self.keyed else None)
        (at,) = _HASH_ITEM.unpack(self._bytes(self.table + wanted % self.buckets * _HASH_ITEM.size, _HASH_ITEM.size))
        for _ in range(MOST_HOPS):
            if at == 0:
                return None
            told, following = _DATA.unpack(self._object(at, _DATA_TYPE, _DATA.size)[0])[:2]
            if told == wanted and self._holds(at, value):
                return int(at)
            at = following
        raise NotYetError("a chain of values without an end")

    def _holds(self, at: int, value: bytes) -> bool:
        try:
            return self.value(at, len(value) + 1) == value
        except PackedError as error:
            raise NotYetError(str(error)) from error

    def value(self, at: int, most: int = LONGEST) -> bytes:
        """The first `most` bytes of the value that is kept there, `FIELD=value`. Raises PackedError."""
        header = _DATA.size + 8 * self.compact
        head, flags, size = self._object(at, _DATA_TYPE, header + min(most, 128))
        if flags & _PACKED:
            return unpacked(self._bytes(at + header, min(size - header, LONGEST_PACKED)), flags & _PACKED, most)
        wanted = min(size - header, most)
        return head[header : header + wanted] if len(head) >= header + wanted else self._bytes(at + header, wanted)

    def index(self, at: int) -> Index:
        """The entries that hold the value that is kept there."""
        return Index(*_DATA.unpack(self._object(at, _DATA_TYPE, _DATA.size)[0])[2:])

    def offsets(self, index: Index, start: int, stop: int) -> list[int]:
        """Where the entries of an index are, from the one numbered `start` to the one before `stop`."""
        found = [index.first] if start == 0 < stop else []
        at, before, width, code = index.array, 1, *((4, "I") if self.compact else (8, "Q"))
        for _ in range(MOST_HOPS):
            if before >= stop:
                break
            head, _, size = self._object(at, _ARRAY_TYPE, _NEXT_ARRAY.size)
            room = (size - _NEXT_ARRAY.size) // width
            low, high = max(start - before, 0), min(stop - before, room)
            if low < high:
                raw = self._bytes(at + _NEXT_ARRAY.size + low * width, (high - low) * width)
                found += unpack(f"<{high - low}{code}", raw)
            before += room
            (at,) = _NEXT_ARRAY.unpack(head)
        if len(found) != max(0, stop - start) or not all(map(lt, found, found[1:])):
            raise NotYetError("an index with holes")
        return found

    def entry(self, at: int) -> Entry:
        """The entry that is kept there."""
        width = 4 if self.compact else 16
        raw, _, size = self._object(at, _ENTRY_TYPE, _ENTRY.size + 32 * width)
        count = (size - _ENTRY.size) // width
        if count > MOST_FIELDS or len(raw) < _ENTRY.size:
            raise NotYetError("an entry that is none")
        if len(raw) < size:
            raw = self._bytes(at, size)
        realtime, monotonic, boot = _ENTRY.unpack_from(raw)
        if max(realtime, monotonic) >= _LATEST:
            raise NotYetError("an entry out of time")
        items = unpack(f"<{count}I" if self.compact else f"<{2 * count}Q", raw[_ENTRY.size :][: count * width])
        return Entry(realtime, monotonic, boot, items if self.compact else items[::2])

    def first_of(self, index: Index, boot: bytes, since: int = 0) -> int:
        """The number of the first entry of the last boot, from a time of it on; the index's length if there is none."""

        def is_in(number: int) -> bool:
            (at,) = self.offsets(index, number, number + 1)
            entry = self.entry(at)
            return entry.boot == boot and entry.monotonic >= since

        return bisect_left(range(index.length), True, key=is_in)

    def fields(self, entry: Entry, names: Collection[bytes]) -> dict[bytes, bytes]:
        """Those fields of an entry; of one that cannot be unpacked the value is empty."""
        found: dict[bytes, bytes] = {}
        for at in reversed(entry.items):  # what no other entry holds was written last: the message is among the first
            name = self._field(at)
            if name in names:
                found[name] = self._told(at, name)
                if len(found) == len(names):
                    break
        return found

    def _field(self, at: int) -> bytes:
        return self._readable(at, LONGEST_NAME).partition(b"=")[0]

    def _told(self, at: int, name: bytes) -> bytes:
        return self._readable(at, LONGEST)[len(name) + 1 :]

    def _readable(self, at: int, most: int) -> bytes:
        try:
            return self.value(at, most)
        except PackedError:
            return b""

    def _object(self, at: int, kind: int, least: int) -> tuple[bytes, int, int]:
        """The first bytes of an object, its flags and its size."""
        if at % 8 or not self.begin <= at < self.end:
            raise NotYetError("an offset out of bounds")
        raw = self.read(at, least)
        if len(raw) < _OBJECT.size:
            raise NotYetError("an object out of bounds")
        told, flags, size = _OBJECT.unpack_from(raw)
        if told != kind or size < _SMALLEST[kind] or at + size > self.end or len(raw) < min(least, size):
            raise NotYetError("an object that is none")
        return raw[:size], flags, size

    def _bytes(self, at: int, size: int) -> bytes:
        raw = self.read(at, size)
        if len(raw) < size:
            raise NotYetError("shorter than it says")
        return raw
