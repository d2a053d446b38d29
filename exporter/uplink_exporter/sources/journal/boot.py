"""What is read of one boot: what systemd says of the units that are watched, and the lines of their runs."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from heapq import merge
from itertools import islice
from operator import attrgetter
from typing import NamedTuple

from uplink_exporter.sources.journal.file import Entry, JournalFile
from uplink_exporter.sources.journal.runs import MOST_EVENTS, Event, Said, UnitInBoot

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
        for entry in self._new(file, f"MESSAGE_ID={Said.RESTART.value}", None):
            name = next((name for name in names if _by_systemd(file, entry, name)), None)
            if name is not None:
                self.unit(name).restarts.add(entry.monotonic, _counter(file, entry))
        for name in names:
            for entry in self._new(file, f"UNIT={name}", MOST_EVENTS):
                event = _event(file, entry) if _by_systemd(file, entry, name) else None
                if event is not None:
                    self.unit(name).heard(event)

    def unit(self, name: str) -> UnitInBoot:
        """What has been read of a unit."""
        return self.units.setdefault(name, UnitInBoot())

    def lines_since(self, file: JournalFile, invocation: str, most: int) -> Iterator[str]:
        """The lines of a run that were not read yet, of the first `most` that a file has of it."""
        read = self.read.setdefault(file.id, {})
        for entry in self._new(file, value := _run(invocation), None):
            if read[value] >= most:
                return
            yield _line(file, entry).text

    def read_of(self, file: JournalFile, invocation: str) -> int:
        """How many lines of a run were read in a file."""
        return self.read.get(file.id, {}).get(_run(invocation), 0)

    def forget(self, files: Collection[bytes], runs: Collection[str]) -> None:
        """Keep how far was read only of these files, and in them only of these runs."""
        gone = [file for file in self.read if file not in files]
        for file in gone:
            del self.read[file]
        kept = {_run(run) for run in runs}
        for read in self.read.values():
            for value in [value for value in read if value.startswith(_run("")) and value not in kept]:
                del read[value]

    def _new(self, file: JournalFile, value: str, most: int | None) -> Iterator[Entry]:
        """The entries of this boot that hold a value and were not read yet, of the last `most` of them."""
        at = file.find(value.encode())
        if at is None:
            return
        index, read = file.index(at), self.read.setdefault(file.id, {})
        if value not in read:
            read[value] = file.first_of(index, self.id)
        if most is not None:
            read[value] = max(read[value], index.length - most)
        while read[value] < index.length:
            for offset in file.offsets(index, read[value], min(index.length, read[value] + MOST_AT_ONCE)):
                yield file.entry(offset)
                read[value] += 1


def newest_lines(files: Iterable[JournalFile], invocation: str, most: int) -> Iterator[Line]:
    """The last lines of a run, the newest first."""
    backwards = (_backwards(file, invocation) for file in files)
    return islice(merge(*backwards, key=attrgetter("at"), reverse=True), most)


def _backwards(file: JournalFile, invocation: str) -> Iterator[Line]:
    at = file.find(_run(invocation).encode())
    if at is None:
        return
    index = file.index(at)
    for stop in range(index.length, 0, -SLICE):
        for offset in reversed(file.offsets(index, max(0, stop - SLICE), stop)):
            yield _line(file, file.entry(offset))


def _run(invocation: str) -> str:
    return f"_SYSTEMD_INVOCATION_ID={invocation}"


def _line(file: JournalFile, entry: Entry) -> Line:
    text = file.fields(entry, (b"MESSAGE",)).get(b"MESSAGE", b"")
    return Line(entry.monotonic, entry.realtime, text.decode(errors="replace"))


def _by_systemd(file: JournalFile, entry: Entry, unit: str) -> bool:
    """Whether it is systemd itself that says this of a unit: anybody may write the field UNIT."""
    wanted = (file.find(b"_PID=1"), file.find(f"UNIT={unit}".encode()))
    return all(at in entry.items for at in wanted)


def _counter(file: JournalFile, entry: Entry) -> int:
    counter = file.fields(entry, (b"N_RESTARTS",)).get(b"N_RESTARTS", b"")
    return int(counter) if re.fullmatch(rb"[0-9]{1,10}", counter) else 0


_IDS = {said.value.encode(): said for said in Said}


def _event(file: JournalFile, entry: Entry) -> Event | None:
    fields = file.fields(entry, (b"MESSAGE_ID", b"INVOCATION_ID", b"MESSAGE"))
    said = _IDS.get(fields.get(b"MESSAGE_ID", b""))
    if said is None:
        return None
    invocation, text = (fields.get(name, b"").decode(errors="replace") for name in (b"INVOCATION_ID", b"MESSAGE"))
    return Event(entry.monotonic, said, invocation, text, entry.realtime)
