"""`python unshared.py SECONDS SECONDS PROGRAM ...`: a program whose children have clocks that are so far ahead.

The first is the clock since boot, the second the same without sleep. The program has a host name of its own, too.
unshare(1) does the same, but util-linux 2.39, which Ubuntu 24.04 has, takes no clock that is behind.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

CLONE_NEWTIME, CLONE_NEWUTS = 0x80, 0x4000000
OFFSETS = Path("/proc/self/timens_offsets")


def main(boottime: str, monotonic: str, *command: str) -> None:
    """Become the program."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWTIME | CLONE_NEWUTS):
        sys.exit(f"unshare: {os.strerror(ctypes.get_errno())}")
    OFFSETS.write_text(f"boottime {boottime} 0\nmonotonic {monotonic} 0\n")
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(*sys.argv[1:])
