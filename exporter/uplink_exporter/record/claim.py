"""That no two exporters write to one directory: each would count what the other counts."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from uplink_exporter.facts import Reason, SourceError
from uplink_exporter.record.failures import judged

_HELD = (errno.EWOULDBLOCK, errno.EACCES)


@contextmanager
def claimed(directory: Path) -> Iterator[None]:
    """Within it, the directory is ours. Raises SourceError if another exporter writes there."""
    descriptor = claim(directory)
    try:
        yield
    finally:
        os.close(descriptor)


def claim(directory: Path) -> int:
    """A descriptor that is to be kept open, and by which the directory is ours; one of a killed process is nobody's.

    The directory itself is locked (flock(2)), so that there is no further file, and another file in it is no way out.
    """
    with judged(directory):
        directory.mkdir(mode=0o750, parents=True, exist_ok=True)
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _HELD:
                os.close(descriptor)
                said = "another exporter writes there: give each a directory of its own"
                raise SourceError(Reason.TIMEOUT, f"--state.directory {directory}: {said}") from error
            # A file system without such locks (some of a network's) has none for SQLite either: go on as before.
        return descriptor
