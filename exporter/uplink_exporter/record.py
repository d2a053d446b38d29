"""The record: a SQLite file in the state directory.

Each write is one transaction and one flush. The write-ahead log with synchronous=FULL
(sqlite.org/pragma.html#pragma_synchronous) keeps what was committed over a loss of power. A file that cannot be read is
set aside, and a new one begun.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from uplink_exporter.facts import Instant, Reason, SourceError
from uplink_exporter.history.chronicle import MOST_BOOTS, MOST_TRANSITIONS, Boot, Chronicle, Transition
from uplink_exporter.history.codec import decode, encode
from uplink_exporter.history.memory import Memory

FILE = "uplink-exporter.db"
PARTS = ("-wal", "-shm", "-journal", "")
KEPT_TRANSITIONS = 8192
KEPT_ASIDE = 3
LARGEST = 64 * 1024 * 1024
"""Bytes. Ours stays under 5 MiB: a larger file is not ours."""

BUSY = 2.0
"""Seconds to wait for another process that holds the file."""

# From each schema to the next; `PRAGMA user_version` says how many were applied.
MIGRATIONS = (
    (
        """
        CREATE TABLE boots (
          number INTEGER PRIMARY KEY,
          id TEXT NOT NULL UNIQUE,
          time REAL NOT NULL,
          watched_since REAL NOT NULL,
          watched_until REAL NOT NULL,
          memory TEXT NOT NULL
        )
        """,
        """
        CREATE TABLE transitions (
          number INTEGER PRIMARY KEY,
          boot TEXT NOT NULL,
          uptime REAL NOT NULL,
          wall REAL NOT NULL,
          kind TEXT NOT NULL,
          subject TEXT NOT NULL,
          was TEXT NOT NULL,
          now TEXT NOT NULL,
          text TEXT NOT NULL
        )
        """,
    ),
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What a file holds: what the last run left, if it did, and what happened."""

    memory: Memory | None = None
    chronicle: Chronicle = field(default_factory=Chronicle)


def begin(directory: Path) -> Record:
    """What earlier runs left, in a file that is made if there is none. Raises SourceError."""
    try:
        with closing(connect(directory)) as connection:
            return held(connection, directory)
    except SourceError:
        # What cannot be written can often be read. That it cannot be written is told when that is tried.
        with suppress(SourceError):
            return read(directory)
        raise


def read(directory: Path) -> Record:
    """What the file holds, which another process may be writing to just now. Raises SourceError."""
    path = directory / FILE
    with _judged(directory, must="read"):
        if not path.exists():
            raise SourceError(Reason.IO, f"{path} does not exist: no exporter has written there yet")
        # Where nobody writes, SQLite would make files that it then leaves, or not have the right to make them.
        if not _part(path, "-shm").exists():
            if not _part(path, "-wal").exists():
                return _read_only(path, "immutable=1")
            with TemporaryDirectory() as copy:
                for suffix in ("", "-wal"):
                    shutil.copyfile(_part(path, suffix), _part(Path(copy, FILE), suffix))
                if not _part(path, "-shm").exists():  # nor did anybody begin meanwhile
                    return _read_only(Path(copy, FILE), "mode=rw")
        return _read_only(path, "mode=ro")


def _read_only(path: Path, how: str) -> Record:
    with closing(sqlite3.connect(f"{path.as_uri()}?{how}", uri=True, timeout=BUSY)) as connection:
        connection.text_factory = _text
        return _read(connection, KEPT_TRANSITIONS)


def write(
    connection: sqlite3.Connection, directory: Path, memory: Memory, transitions: tuple[Transition, ...], now: Instant
) -> None:
    """Write what this run leaves and what is new, in one transaction. Raises SourceError."""
    with _judged(directory), connection:
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
    # The name of a device may be any bytes.
    return text.encode(errors="replace").decode()


def gone(directory: Path) -> bool:
    """Whether somebody removed the file, which is open: what is written to it then, nobody can find."""
    return not os.path.exists(directory / FILE)  # noqa: PTH110  # unlike Path.exists() it never raises


def held(connection: sqlite3.Connection, directory: Path) -> Record:
    """What the file holds, with as many transitions as are held at hand. Raises SourceError."""
    with _judged(directory):
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


def _text(text: bytes) -> str:
    return text.decode(errors="replace")


def _memory(text: str) -> Memory | None:
    try:
        return decode(Memory, json.loads(text))
    except (ValueError, TypeError, RecursionError) as error:
        log.warning("what the last run left cannot be read", extra={"error": str(error)})
        return None


def _decoded(kind: type[Any], rows: Iterator[sqlite3.Row]) -> Iterator[Any]:
    """Those of the rows that are of that type: a later version may have written others."""
    for row in rows:
        try:
            yield decode(kind, dict(row))
        except ValueError:
            continue


def connect(directory: Path) -> sqlite3.Connection:
    """A connection to a file that is known to be sound. Raises SourceError."""
    path = directory / FILE
    with _judged(directory):
        try:
            directory.mkdir(mode=0o750, parents=True, exist_ok=True)
            return _connected(path)
        except UnreadableError as error:
            aside = _put_aside(path)
            log.error("the record cannot be read and is set aside", extra={"error": str(error), "file": str(aside)})
            return _begun_anew(path)


def _begun_anew(path: Path) -> sqlite3.Connection:
    try:
        return _connected(path)
    except UnreadableError as error:
        raise _failure(path.parent, Reason.PARSE, f"{error}, though the file was only just made") from error


class UnreadableError(Exception):
    """The file is none of ours, or not any more."""


def _connected(path: Path) -> sqlite3.Connection:
    # Flannel's flags may hold a password.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    if path.stat().st_size > LARGEST:
        raise UnreadableError(f"larger than {LARGEST} bytes")
    # The thread changes from call to call, but they come one after the other.
    connection = sqlite3.connect(path, timeout=BUSY, isolation_level=None, check_same_thread=False)
    try:
        _configure(connection)
    except sqlite3.Error as error:
        connection.close()
        if _code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR):
            raise UnreadableError(str(error)) from error
        raise
    except BaseException:
        connection.close()
        raise
    return connection


def _configure(connection: sqlite3.Connection) -> None:
    connection.text_factory = _text
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cache_size = -256")
    if (found := connection.execute("PRAGMA integrity_check(1)").fetchone()[0]) != "ok":
        raise UnreadableError(found)
    version = _version(connection)  # before anything is written to it
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA wal_autocheckpoint = 64")
    connection.execute("PRAGMA journal_size_limit = 262144")
    if version < len(MIGRATIONS):
        _migrate(connection)


def _migrate(connection: sqlite3.Connection) -> None:
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        for statement in chain.from_iterable(MIGRATIONS[_version(connection) :]):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")


def _version(connection: sqlite3.Connection) -> int:
    version: int
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(MIGRATIONS):
        raise UnreadableError(f"schema {version} is of a later version of uplink-exporter")
    if _tables(connection) != _tables_of(MIGRATIONS[:version]):
        raise UnreadableError(f"its tables are not those of schema {version}")
    return version


def _tables_of(migrations: Sequence[Sequence[str]]) -> list[tuple[str, ...]]:
    with closing(sqlite3.connect(":memory:")) as fresh:
        for statement in chain.from_iterable(migrations):
            fresh.execute(statement)
        return _tables(fresh)


def _tables(connection: sqlite3.Connection) -> list[tuple[str, ...]]:
    return connection.execute(
        "SELECT s.type, s.name, c.name FROM sqlite_schema s LEFT JOIN pragma_table_info(s.name) c ORDER BY 1, 2, c.cid"
    ).fetchall()


def set_aside(directory: Path) -> list[Path]:
    """The files that could not be read, the oldest first. Raises SourceError."""
    with _judged(directory):
        return sorted(directory.glob(f"{FILE}.aside-[0-9]"), key=lambda path: path.stat().st_mtime)


def _put_aside(path: Path) -> Path:
    """Rename the file and what belongs to it; of those that lie there the oldest goes."""
    there = set_aside(path.parent)
    for old in there[: len(there) - KEPT_ASIDE + 1]:
        _unlink(old)
    taken = {old.name for old in set_aside(path.parent)}
    names = (f"{FILE}.aside-{number}" for number in range(1, KEPT_ASIDE + 1))
    aside = path.with_name(next(name for name in names if name not in taken))
    for suffix in PARTS:
        if (part := _part(path, suffix)).exists():
            part.rename(_part(aside, suffix))
    return aside


def _unlink(path: Path) -> None:
    for suffix in PARTS:
        _part(path, suffix).unlink(missing_ok=True)


def _part(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


_REASONS = {
    sqlite3.SQLITE_BUSY: Reason.TIMEOUT,
    sqlite3.SQLITE_LOCKED: Reason.TIMEOUT,
    sqlite3.SQLITE_FULL: Reason.OVERFLOW,
    sqlite3.SQLITE_READONLY: Reason.PERMISSION,
    sqlite3.SQLITE_PERM: Reason.PERMISSION,
    sqlite3.SQLITE_CANTOPEN: Reason.PERMISSION,
    sqlite3.SQLITE_CORRUPT: Reason.PARSE,
    sqlite3.SQLITE_NOTADB: Reason.PARSE,
}
_ERRNOS = {
    errno.EACCES: Reason.PERMISSION,
    errno.EPERM: Reason.PERMISSION,
    errno.EROFS: Reason.PERMISSION,
    errno.ENOSPC: Reason.OVERFLOW,
    errno.EDQUOT: Reason.OVERFLOW,
}
_REMEDIES = {
    Reason.TIMEOUT: "another process holds the file: give each exporter a directory of its own",
    Reason.OVERFLOW: "make room on that disk",
    Reason.PERMISSION: "user {user} must be able to {must} there",
    Reason.PARSE: "the file is looked at anew",
    Reason.IO: "it must be a directory on a disk without faults (dmesg tells of them)",
}


def _code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF  # the lower byte is the primary code


@contextmanager
def _judged(directory: Path, *, must: str = "write") -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise _failure(directory, _REASONS.get(_code(error), Reason.IO), str(error), must) from error
    except OSError as error:
        reason = _ERRNOS.get(error.errno or 0, Reason.IO)
        raise _failure(directory, reason, error.strerror or str(error), must) from error


def _failure(directory: Path, reason: Reason, text: str, must: str = "write") -> SourceError:
    remedy = _REMEDIES[reason].format(user=os.getuid(), must=must)
    return SourceError(reason, f"--state.directory {directory}: {text}; {remedy}")
