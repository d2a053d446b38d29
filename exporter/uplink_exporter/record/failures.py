"""What SQLite and the disk may answer, with a reason of the closed set and what to do about it."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from uplink_exporter.facts import Reason, SourceError

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
    Reason.PARSE: "the exporter looks at the file anew, and sets it aside if it is damaged",
    Reason.INTERNAL: "the exporter looks at the file anew; please report this as a fault of uplink-exporter",
    Reason.IO: "it must be a directory on a disk without faults (dmesg tells of them)",
}


NOT_SOUND = (ValueError, ArithmeticError, MemoryError, SystemError)
"""What sqlite3 raises beside its own errors where a file is damaged: a message that quotes it may be no text."""


def primary_code(error: sqlite3.Error) -> int:
    """SQLite's primary result code, 0 if it gave none."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF  # the lower byte is the primary code


@contextmanager
def judged(directory: Path, *, must: str = "write") -> Iterator[None]:
    """Every failure of SQLite and of the disk, as a SourceError. `must` is what the user needs the right to do.

    Whatever a file holds must not end the exporter, so no other exception gets through either.
    """
    try:
        yield
    except SourceError:
        raise
    except sqlite3.Error as error:
        raise failure(directory, _REASONS.get(primary_code(error), Reason.IO), str(error), must) from error
    except OSError as error:
        reason = _ERRNOS.get(error.errno or 0, Reason.IO)
        raise failure(directory, reason, error.strerror or str(error), must) from error
    except Exception as error:
        reason = Reason.PARSE if isinstance(error, NOT_SOUND) else Reason.INTERNAL
        raise failure(directory, reason, told(error), must) from error


def told(error: Exception) -> str:
    """What an exception says; of a message that is no text, the message."""
    return error.object.decode(errors="replace") if isinstance(error, UnicodeDecodeError) else repr(error)


def failure(directory: Path, reason: Reason, text: str, must: str = "write") -> SourceError:
    """The failure, with the directory and the remedy."""
    remedy = _REMEDIES[reason].format(user=os.getuid(), must=must)
    return SourceError(reason, f"--state.directory {directory}: {text}; {remedy}")
