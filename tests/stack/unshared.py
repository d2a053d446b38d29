"""`python unshared.py SECONDS PROGRAM ...`: a program whose children have a clock since boot that is so far ahead.

It has a host name of its own, too. unshare(1) does the same, but util-linux 2.39, which Ubuntu 24.04 has, takes no
clock that is behind.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

CLONE_NEWTIME, CLONE_NEWUTS = 0x80, 0x4000000
OFFSETS = Path("/proc/self/timens_offsets")


def main(seconds: str, *command: str) -> None:
    """Become the program."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWTIME | CLONE_NEWUTS):
        sys.exit(f"unshare: {os.strerror(ctypes.get_errno())}")
    OFFSETS.write_text(f"boottime {seconds} 0\n")
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(*sys.argv[1:])
