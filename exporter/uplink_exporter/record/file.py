"""The SQLite file: opened, checked, and set aside where it cannot be read.

The write-ahead log with synchronous=FULL (sqlite.org/pragma.html#pragma_synchronous) keeps what was committed over a
loss of power.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from pathlib import Path

from uplink_exporter.facts import Reason
from uplink_exporter.record.failures import NOT_SOUND, failure, judged, primary_code, told
from uplink_exporter.record.schema import MIGRATIONS, UnreadableError, migrate, schema_version

FILE = "uplink-exporter.db"
PARTS = ("-wal", "-shm", "-journal", "")

KEPT_ASIDE = 3
LARGEST = 64 * 1024 * 1024
"""Bytes. Ours stays under 5 MiB: a larger file is not ours."""

BUSY = 2.0
"""Seconds to wait for another process that holds the file."""

log = logging.getLogger(__name__)


def gone(directory: Path) -> bool:
    """Whether somebody removed the file, which is open: what is written to it then, nobody can find."""
    return not os.path.exists(directory / FILE)  # noqa: PTH110  # unlike Path.exists() it never raises


def lenient_text(text: bytes) -> str:
    """Text as it can be read: a damaged file may hold any bytes."""
    return text.decode(errors="replace")


def connect(directory: Path) -> sqlite3.Connection:
    """A connection to a file that is known to be sound. Raises SourceError."""
    path = directory / FILE
    with judged(directory):
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
        raise failure(path.parent, Reason.PARSE, f"{error}, though the file was only just made") from error


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
        if primary_code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR):
            raise UnreadableError(str(error)) from error
        raise
    except NOT_SOUND as error:
        connection.close()
        raise UnreadableError(told(error)) from error
    except BaseException:
        connection.close()
        raise
    return connection


def _configure(connection: sqlite3.Connection) -> None:
    connection.text_factory = lenient_text
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cache_size = -256")
    if (found := connection.execute("PRAGMA integrity_check(1)").fetchone()[0]) != "ok":
        raise UnreadableError(found)
    version = schema_version(connection)  # before anything is written to it
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA wal_autocheckpoint = 64")
    connection.execute("PRAGMA journal_size_limit = 262144")
    if version < len(MIGRATIONS):
        migrate(connection)


def set_aside(directory: Path) -> list[Path]:
    """The files that could not be read, the oldest first. Raises SourceError."""
    with judged(directory):
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
        if (part := part_of(path, suffix)).exists():
            part.rename(part_of(aside, suffix))
    return aside


def _unlink(path: Path) -> None:
    for suffix in PARTS:
        part_of(path, suffix).unlink(missing_ok=True)


def part_of(path: Path, suffix: str) -> Path:
    """The path of a file that SQLite keeps beside the file."""
    return path.with_name(path.name + suffix)
