"""Reading the few small files that the web config names."""

from __future__ import annotations

import os
import stat
from pathlib import Path

LARGEST = 1024 * 1024


def content(path: Path) -> bytes:
    """What is in a regular file of at most LARGEST bytes. Raises OSError, also for what is no such file."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(None, "not a regular file", str(path))
        data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise OSError(None, f"larger than {LARGEST} bytes", str(path))
    return data
