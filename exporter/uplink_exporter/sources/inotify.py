"""Hints that a directory changed: inotify(7) through libc, since the standard library has nothing for it."""

from __future__ import annotations

import asyncio
import ctypes
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from itertools import islice
from struct import Struct

# linux/inotify.h
_IN_MODIFY, _IN_MOVED_FROM, _IN_MOVED_TO, _IN_CREATE, _IN_DELETE, _IN_ONLYDIR = 0x2, 0x40, 0x80, 0x100, 0x200, 0x1000000
_INOTIFY_MASK = _IN_MODIFY | _IN_MOVED_FROM | _IN_MOVED_TO | _IN_CREATE | _IN_DELETE | _IN_ONLYDIR

MAX_WATCHES = 1024
"""Directories watched by inotify: each pins an inode in the kernel, and fs.inotify.max_user_watches is shared."""


_EVENT = Struct("=iIII")


HintAt = Callable[[Iterable[str]], bool]
"""Has hints come from these directories too, and says whether one is new: what came before may have been missed.

For a thread, as to find a directory the disk may be asked.
"""


def _refused(directories: Iterable[str]) -> bool:
    """Where the kernel grants no inotify."""
    return False


def _nobody(name: str) -> None:
    """Who does not ask what came."""


def _moved_to(data: bytes) -> Iterator[str]:
    at = 0
    while at < len(data):
        _, mask, _, size = _EVENT.unpack_from(data, at)
        at += _EVENT.size + size
        if mask & _IN_MOVED_TO:
            yield os.fsdecode(data[at - size : at].rstrip(b"\0"))


@contextmanager
def hints(changed: asyncio.Event, came: Callable[[str], None] = _nobody) -> Iterator[HintAt]:
    """Sets `changed` when something happens in a directory that was given to the function that it yields.

    `came` is told the name of each file that is moved there, which is how a link is replaced as well. What the kernel
    refuses (no instance or no watch left, no such directory) is left to the rescan.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    if descriptor < 0:
        yield _refused
        return
    newest: int = 0
    add: Callable[[bytes, int], int] = partial(libc.inotify_add_watch, descriptor)

    def hint_at(directories: Iterable[str]) -> bool:
        nonlocal newest
        watched = (add(os.fsencode(directory), _INOTIFY_MASK) for directory in islice(directories, MAX_WATCHES))
        before, newest = newest, max(newest, *watched, 0)  # a new watch has the highest number yet
        return before < newest

    def on_events() -> None:
        changed.set()
        with suppress(BlockingIOError):
            for name in _moved_to(os.read(descriptor, 64 * 1024)):
                came(name)

    loop = asyncio.get_running_loop()
    loop.add_reader(descriptor, on_events)
    try:
        yield hint_at
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
