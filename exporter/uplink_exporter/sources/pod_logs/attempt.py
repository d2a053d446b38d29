"""What the log of one attempt tells."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from uplink_exporter.files import opened
from uplink_exporter.flannel import causes
from uplink_exporter.flannel.options import Stack
from uplink_exporter.flannel.stacks import logged_stack
from uplink_exporter.sources.pod_logs.runtime_log import parse_log

HEAD = 16 * 1024
TAIL = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What the log of one attempt tells. `words` is None while it may be running."""

    words: causes.Words | None = None
    began: float | None = None
    ended: float | None = None
    started: bool | None = None
    flags_line: str = ""
    stack: Stack | None = None


Version = tuple[int, int, int]
"""Inode, size and time of a file."""

Reader = Callable[[str, bool, Version], Attempt]


def parse_attempt_log(head: bytes, tail: bytes, *, ended: bool) -> Attempt:
    """What one attempt's log tells from its first and its last bytes; `ended` if a later attempt exists."""
    lines = parse_log(tail)
    words = causes.last_words([line.text for line in lines], ended=ended)
    whole = parse_log(head) + lines
    texts = [line.text for line in whole]
    return Attempt(
        words=words,
        began=whole[0].at if whole and words else None,
        ended=lines[-1].at if lines and words else None,
        started=causes.started(texts),
        flags_line=causes.flags_line(texts),
        stack=logged_stack(texts),
    )


def read_attempt(path: str, ended: bool, version: Version) -> Attempt:
    """What the log of one attempt tells, from its ends: it may have gigabytes. Raises OSError.

    `version` is for a cache to tell one content of the file from another.
    """
    with opened(path) as descriptor:
        start = max(0, os.fstat(descriptor).st_size - TAIL)
        head = os.pread(descriptor, HEAD, 0) if start else b""
        tail = os.pread(descriptor, TAIL, start)
    head = head[: head.rfind(b"\n") + 1]
    tail = tail.partition(b"\n")[2] if start else tail
    if not ended:  # the line that is being written is told when it is complete
        tail = tail[: tail.rfind(b"\n") + 1]
    return parse_attempt_log(head, tail, ended=ended)
