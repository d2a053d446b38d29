"""What is read of one boot: what systemd says of the units that are watched, and the lines of their runs."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import merge
from itertools import takewhile
from operator import attrgetter
from typing import NamedTuple

from uplink_exporter.sources.journal.file import Entry, JournalFile
from uplink_exporter.sources.journal.runs import MOST_EVENTS, SECOND, Event, Run, Said, UnitInBoot

SENT = b"_SOURCE_REALTIME_TIMESTAMP"
LATEST = 60 * SECOND
"""By how much journald may be late; beyond that, the clock was set in between."""

SLICE = 64
MOST_AT_ONCE = 4096
"""Entries of an index that are read in one go."""


class Line(NamedTuple):
    """A line of a run. `at` is in microseconds since boot, `unix` since 1970."""

    at: int
    unix: int
    text: str


@dataclass(slots=True)
class Boot:
    """What has been read of one boot so far, and how far: the number of the next entry, by file and value."""

    id: bytes
    units: dict[str, UnitInBoot] = field(default_factory=dict)
    read: dict[bytes, dict[str, int]] = field(default_factory=dict)

    def take_in(self, file: JournalFile, names: Sequence[str]) -> None:
        """Read what a file has had since the last look. Raises NotYetError; what was read until then is kept."""
        for entry in self._new(file, f"MESSAGE_ID={Said.RESTART.value}"):
            name = next((name for name in names if _by_systemd(file, entry, name)), None)
            if name is not None:
                self.unit(name).restarts.add(*_restart(file, entry))
        for name in names:
            for entry in self._new(file, f"UNIT={name}", most=MOST_EVENTS):
                event = _event(file, entry) if _by_systemd(file, entry, name) else None
                if event is not None:
                    self.unit(name).heard(event)

    def unit(self, name: str) -> UnitInBoot:
        """What has been read of a unit."""
        return self.units.setdefault(name, UnitInBoot())

    def lines_since(self, file: JournalFile, unit: str, run: Run) -> Iterator[str]:
        """The lines of a run that goes on that were not read yet."""
        for entry in self._new(file, _lines_of(unit), run.invocation, since=run.since):
            yield _line(file, entry).text

    def newest_lines(self, files: Iterable[JournalFile], unit: str, run: Run) -> Iterator[Line]:
        """The lines of a run, the newest first.

        By time: a process that lived for a moment is gone before journald asks which invocation it belonged to.
        """
        backwards = (self._backwards(file, _lines_of(unit), run.until) for file in files)
        return takewhile(lambda line: line.at >= run.since, merge(*backwards, key=attrgetter("at"), reverse=True))

    def _backwards(self, file: JournalFile, value: str, until: int | None) -> Iterator[Line]:
        at = file.find(value.encode())
        if at is None:
            return
        index = file.index(at)
        newest = index.length if until is None else file.first_of(index, self.id, until)
        for stop in range(newest, 0, -SLICE):
            for offset in reversed(file.offsets(index, max(0, stop - SLICE), stop)):
                entry = file.entry(offset)
                if entry.boot != self.id:
                    return
                yield _line(file, entry)

    def forget(self, files: Collection[bytes], runs: Collection[str]) -> None:
        """Keep how far was read only of these files, and of the lines only of these runs."""
        self.read = {
            file: {name: at for name, at in read.items() if "=" in name or name in runs}
            for file, read in self.read.items()
            if file in files
        }

    def _new(
        self, file: JournalFile, value: str, name: str = "", *, since: int = 0, most: int | None = None
    ) -> Iterator[Entry]:
        """The entries that hold a value, from a moment of this boot on, that were not read yet under this name."""
        at = file.find(value.encode())
        if at is None:
            return
        index, read, name = file.index(at), self.read.setdefault(file.id, {}), name or value
        if name not in read:
            read[name] = file.first_of(index, self.id, since)
        if most is not None:
            read[name] = max(read[name], index.length - most)
        while read[name] < index.length:
            for offset in file.offsets(index, read[name], min(index.length, read[name] + MOST_AT_ONCE)):
                yield file.entry(offset)
                read[name] += 1


def _lines_of(unit: str) -> str:
    return f"_SYSTEMD_UNIT={unit}"


def _line(file: JournalFile, entry: Entry) -> Line:
    text = file.fields(entry, (b"MESSAGE",)).get(b"MESSAGE", b"")
    return Line(entry.monotonic, entry.realtime, text.decode(errors="replace"))


def _by_systemd(file: JournalFile, entry: Entry, unit: str) -> bool:
    """Whether it is systemd itself that says this of a unit: anybody may write the field UNIT."""
    wanted = (file.find(b"_PID=1"), file.find(f"UNIT={unit}".encode()))
    return all(at in entry.items for at in wanted)


def _restart(file: JournalFile, entry: Entry) -> tuple[int, int]:
    """When it was, and systemd's own counter."""
    fields = file.fields(entry, (b"N_RESTARTS", SENT))
    return _sent(entry, fields), _number(fields.get(b"N_RESTARTS", b""))


def _sent(entry: Entry, fields: Mapping[bytes, bytes]) -> int:
    """When systemd said it, in microseconds since boot.

    journald notes when it takes a message in, which is in turn, and not in the order of what happened: what a process
    said may be taken in before that systemd started it, but it is said after that.
    """
    late = entry.realtime - _number(fields.get(SENT, b""))
    return entry.monotonic - late if 0 < late < LATEST else entry.monotonic


def _number(text: bytes) -> int:
    return int(text) if re.fullmatch(rb"[0-9]{1,18}", text) else 0


_IDS = {said.value.encode(): said for said in Said}


def _event(file: JournalFile, entry: Entry) -> Event | None:
    fields = file.fields(entry, (b"MESSAGE_ID", b"INVOCATION_ID", b"MESSAGE", SENT))
    said = _IDS.get(fields.get(b"MESSAGE_ID", b""))
    if said is None:
        return None
    invocation, text = (fields.get(name, b"").decode(errors="replace") for name in (b"INVOCATION_ID", b"MESSAGE"))
    return Event(_sent(entry, fields), said, invocation, text, entry.realtime)
