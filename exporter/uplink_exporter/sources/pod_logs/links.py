"""Links of the node, followed where the node's root is seen.

Docker's logs are links in the kubelet's directories, to absolute paths of the node's own root. Where that is mounted
under /host, the kernel would look for them in ours.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

_MOST_LINKS = 40  # as the kernel has it (path_resolution(7))


def followed(path: str, rootfs: str) -> str:
    """Where a path leads, its links taken as those of the node whose root is `rootfs`. Raises OSError.

    A path out of `rootfs` is left as it is: there the kernel's own way is right.
    """
    rootfs = rootfs.rstrip("/")
    if not rootfs or not path.startswith(f"{rootfs}/"):
        return path
    here, links = rootfs, 0
    left = path[len(rootfs) :].split("/")[::-1]
    while left:
        part = left.pop()
        if part in {"", "."}:
            continue
        if part == "..":
            here = rootfs if here == rootfs else here.rpartition("/")[0]
            continue
        target = _target(f"{here}/{part}")
        if target is None:
            here = f"{here}/{part}"
            continue
        links += 1
        if links > _MOST_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
        here = rootfs if target.startswith("/") else here
        left += target.split("/")[::-1]
    return here


def _target(path: str) -> str | None:
    try:
        return str(Path(path).readlink())
    except OSError as error:
        if error.errno != errno.EINVAL:  # what readlink(2) says of anything but a link
            raise
        return None
