"""What the file holds, read and written. Each write is one transaction and one flush."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from uplink_exporter.facts import Instant, Reason, SourceError
from uplink_exporter.history.chronicle import MOST_BOOTS, MOST_TRANSITIONS, Boot, Chronicle, Transition
from uplink_exporter.history.codec import decode, encode
from uplink_exporter.history.memory import Memory
from uplink_exporter.history.plausible import plausible
from uplink_exporter.record.claim import claimed
from uplink_exporter.record.failures import judged
from uplink_exporter.record.file import BUSY, FILE, connect, lenient_text, log, part_of

KEPT_TRANSITIONS = 8192

P = TypeVar("P", Memory, Boot, Transition)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What a file holds: what the last run left, if it did, and what happened."""

    memory: Memory | None = None
    chronicle: Chronicle = field(default_factory=Chronicle)


def begin(directory: Path) -> Record:
    """What earlier runs left, in a file that is made if there is none. Raises SourceError."""
    try:
        with claimed(directory), closing(connect(directory)) as connection:
            return held(connection, directory)
    except SourceError:
        # What cannot be written can often be read. That it cannot be written is told when that is tried.
        with suppress(SourceError):
            return read(directory)
        raise


def read(directory: Path) -> Record:
    """What the file holds, which another process may be writing to just now. Raises SourceError."""
    path = directory / FILE
    with judged(directory, must="read"):
        if not path.exists():
            raise SourceError(Reason.IO, f"{path} does not exist: no exporter has written there yet")
        # Where nobody writes, SQLite would make files that it then leaves, or not have the right to make them.
        if not part_of(path, "-shm").exists():
            if not part_of(path, "-wal").exists():
                return _read_only(path, "immutable=1")
            with TemporaryDirectory() as copy:
                for suffix in ("", "-wal"):
                    shutil.copyfile(part_of(path, suffix), part_of(Path(copy, FILE), suffix))
                if not part_of(path, "-shm").exists():  # nor did anybody begin meanwhile
                    return _read_only(Path(copy, FILE), "mode=rw")
        return _read_only(path, "mode=ro")


def _read_only(path: Path, how: str) -> Record:
    with closing(sqlite3.connect(f"{path.as_uri()}?{how}", uri=True, timeout=BUSY)) as connection:
        connection.text_factory = lenient_text
        return _read(connection, KEPT_TRANSITIONS)


def write(
    connection: sqlite3.Connection, directory: Path, memory: Memory, transitions: tuple[Transition, ...], now: Instant
) -> None:
    """Write what this run leaves and what is new, in one transaction. Raises SourceError."""
    with judged(directory), connection:
        connection.execute("BEGIN IMMEDIATE")
        _write_boot(connection, memory, now)
        _write_transitions(connection, transitions)


def _write_boot(connection: sqlite3.Connection, memory: Memory, now: Instant) -> None:
    # Only the newest memory counts.
    connection.execute("UPDATE boots SET memory = '' WHERE id != ? AND memory != ''", (memory.boot,))
    connection.execute(
        "INSERT INTO boots (id, time, watched_since, watched_until, memory) VALUES (?1, ?2, ?3, ?3, ?4)"
        " ON CONFLICT (id) DO UPDATE SET time = ?2, watched_until = ?3, memory = ?4",
        (memory.boot, now.boot_time, now.uptime, json.dumps(encode(memory), separators=(",", ":"))),
    )
    connection.execute("DELETE FROM boots WHERE number <= (SELECT max(number) FROM boots) - ?", (MOST_BOOTS,))


def _write_transitions(connection: sqlite3.Connection, transitions: tuple[Transition, ...]) -> None:
    connection.executemany(
        "INSERT INTO transitions (boot, uptime, wall, kind, subject, was, now, text) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [(t.boot, t.uptime, t.wall, t.kind, *map(_utf8, (t.subject, t.was, t.now, t.text))) for t in transitions],
    )
    connection.execute(
        "DELETE FROM transitions WHERE number <= (SELECT max(number) FROM transitions) - ?", (KEPT_TRANSITIONS,)
    )


def _utf8(text: str) -> str:
    # Names of others may hold what is no text.
    return text.encode(errors="backslashreplace").decode()


def held(connection: sqlite3.Connection, directory: Path) -> Record:
    """What the file holds, with as many transitions as are held at hand. Raises SourceError."""
    with judged(directory):
        return _read(connection, MOST_TRANSITIONS)


def _read(connection: sqlite3.Connection, most: int) -> Record:
    cursor = connection.cursor()
    cursor.row_factory = sqlite3.Row
    with connection:
        cursor.execute("BEGIN")  # both as of one commit
        boots = cursor.execute("SELECT * FROM boots ORDER BY number DESC LIMIT ?", (MOST_BOOTS,)).fetchall()
        rows = cursor.execute("SELECT * FROM transitions ORDER BY number DESC LIMIT ?", (most,)).fetchall()
    return Record(
        memory=next((_memory(boot["memory"]) for boot in boots if boot["memory"]), None),
        chronicle=Chronicle(
            boots=tuple(_decoded(Boot, reversed(boots))),
            transitions=tuple(_decoded(Transition, reversed(rows))),
        ),
    )


def _memory(text: str) -> Memory | None:
    try:
        return _plausible(decode(Memory, json.loads(text)))
    except (ValueError, TypeError, RecursionError) as error:
        log.warning("what the last run left cannot be read", extra={"error": str(error)})
        return None


def _plausible(found: P) -> P:
    if not plausible(found):
        raise ValueError(f"this {type(found).__name__.lower()} cannot have been")
    return found


def _decoded(kind: type[Any], rows: Iterator[sqlite3.Row]) -> Iterator[Any]:
    """Those of the rows that are of that type and can have been: a later version may have written others."""
    for row in rows:
        try:
            yield _plausible(decode(kind, dict(row)))
        except ValueError:
            continue
