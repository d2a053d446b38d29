"""Reading files that are others': regular ones only, and no more than a bound of each.

A FIFO would block for ever, a device may start something as it is opened, /dev/zero has no end. A disk may stall even
so: what serves clients calls these in a thread (threads.py).
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

LONGEST_FILE = 64 * 1024
MOST_NAMES = 4096


@contextmanager
def opened(path: Path | str) -> Iterator[int]:
    """A descriptor of a regular file. Raises OSError, ENXIO for what is none."""
    _check(Path(path).stat(), path)  # before it is opened, because to open a device may start something
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        _check(os.fstat(descriptor), path)
        yield descriptor
    finally:
        os.close(descriptor)


def _check(status: os.stat_result, path: Path | str) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.ENXIO, "not a regular file", str(path))


def read(path: Path | str, longest: int = LONGEST_FILE) -> bytes:
    """The first bytes of a file. Raises OSError."""
    with opened(path) as descriptor:
        content = b""
        # What the kernel makes up as it is read comes in pieces.
        while len(content) < longest and (piece := os.read(descriptor, longest - len(content))):
            content += piece
        return content


def text(path: Path | str, longest: int = LONGEST_FILE) -> str:
    """The beginning of a text; empty if there is none, or it may not be read."""
    try:
        return read(path, longest).decode(errors="replace")
    except (OSError, ValueError):  # a path that a file names may hold what no path can
        return ""


def names(directory: Path | str) -> tuple[str, ...]:
    """The names in a directory, in order; none if it is not there, or may not be read."""
    try:
        with os.scandir(directory) as entries:
            return tuple(sorted(entry.name for entry in islice(entries, MOST_NAMES)))
    except (OSError, ValueError):
        return ()
