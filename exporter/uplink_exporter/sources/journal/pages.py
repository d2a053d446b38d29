"""Bytes of a file that others write, some pages of it at hand for the length of one look.

Read, not mapped: journald cuts a file when it is done with it, and to touch a mapped page beyond the end is fatal.
"""

from __future__ import annotations

import os
from functools import lru_cache

from uplink_exporter.sources.journal.file import Read

PAGE = 4096
MOST_PAGES = 64


def pages(descriptor: int) -> Read:
    """How to read an open file. What was read is not read again, so it serves for one look."""

    @lru_cache(maxsize=MOST_PAGES)
    def page(number: int) -> bytes:
        return os.pread(descriptor, PAGE, number * PAGE)

    def read(offset: int, size: int) -> bytes:
        if size > PAGE:
            return os.pread(descriptor, size, offset)
        first, last = offset // PAGE, (offset + size - 1) // PAGE
        data = page(first) if first == last else page(first) + page(last)
        return data[offset - first * PAGE :][:size]

    return read
