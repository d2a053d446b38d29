"""What flannel's last words mean. This file knows text alone: no files, no envelopes of a container runtime, no clock.

flanneld logs through klog and exits at its first fatal error (flannel main.go), so the line that it always exits
after is its last word.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from uplink_exporter.flannel.cause_rules import (
    AFTERMATH,
    BEGINS,
    EXITS,
    EXPLAINED_BY,
    RULES,
    STARTED,
    STOPPED,
    TRACES,
)
from uplink_exporter.flannel.observed import Cause

LONGEST_LINE = 512
LONGEST_FLAGS_LINE = 4096
LONGEST_SEARCHED = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """Why an attempt ended, and the message that says so: one printable line of bounded length."""

    cause: Cause
    line: str


_KLOG = re.compile(r"([IWEF])\d{4} \d\d:\d\d:\d\d\.\d+ +\d+ \S+:\d+\] ?(.*)", re.DOTALL)
_ETCD_PASSWORD = re.compile(r"etcdPassword:.*?(?= (?:help|version):|\}|$)")


def printable(text: str, longest: int = LONGEST_LINE) -> str:
    """The text as one printable line of at most `longest` characters."""
    return "".join(char if char.isprintable() else " " for char in text[:longest]).strip()


def cause_of(message: str) -> Cause:
    """What a message blames, by the first rule that matches it."""
    return next((cause for cause, pattern in RULES if pattern.search(message)), Cause.UNKNOWN)


def last_words(lines: Sequence[str], *, ended: bool) -> Words | None:
    """The last words of an attempt, from the tail of its log.

    `ended` tells that the process is known to be gone; else only words that it always exits after are its last, and
    None means that it may be running.
    """
    split = [split_klog(line) for line in lines]
    index = _last_of(split, _is_exit)
    if index is None:
        index = _last_of(split, _is_trace)
    if index is not None:
        return _words(split, index)
    return _words_of_the_silent(split) if ended else None


def started(lines: Sequence[str]) -> bool | None:
    """Whether the newest process of a log found the interface that it uses; None if the lines do not tell."""
    for line in reversed(lines):
        if STARTED.search(line[:LONGEST_SEARCHED]):
            return True
        if BEGINS.search(line[:LONGEST_SEARCHED]):
            return False
    return None


def flags_line(lines: Sequence[str]) -> str:
    """The newest `CLI flags config: {...}` message without its password, empty if there is none (before v0.15.0)."""
    messages = (split_klog(line)[1] for line in reversed(lines) if "CLI flags config: {" in line)
    return printable(_ETCD_PASSWORD.sub("etcdPassword:", next(messages, "")), LONGEST_FLAGS_LINE)


def split_klog(line: str) -> tuple[str, str]:
    """Severity and message of a klog line; a line without klog's header has no severity."""
    match = _KLOG.match(line[:LONGEST_SEARCHED])
    return (match[1], match[2]) if match else ("", line[:LONGEST_SEARCHED])


def _is_exit(severity: str, message: str) -> bool:
    if severity in {"I", "W"}:
        return STOPPED.search(message) is not None
    # klog exits after a line of severity F. Errors about a cancelled context follow a stop that was asked for.
    exits = severity == "F" or EXITS.search(message) is not None
    return exits and "context canceled" not in message


def _is_trace(severity: str, message: str) -> bool:
    return TRACES.search(message) is not None


def _last_of(split: Sequence[tuple[str, str]], accepts: Callable[[str, str], bool]) -> int | None:
    # A kubelet before v1.21 could begin again at 0 and append to an old log (kubernetes#99748): another process
    # began there, and what was said before is not its word.
    for index in range(len(split) - 1, -1, -1):
        severity, message = split[index]
        if accepts(severity, message):
            return index
        if BEGINS.search(message):
            return None
    return None


def _words(split: Sequence[tuple[str, str]], index: int) -> Words:
    message = split[index][1]
    for vague, telling in EXPLAINED_BY:
        if vague.search(message):
            message = _explanation(split[:index], telling) or message
    return Words(cause=cause_of(message), line=printable(message))


def _explanation(before: Sequence[tuple[str, str]], telling: re.Pattern[str]) -> str:
    messages = (message for _, message in reversed(before) if telling.search(message))
    return next((message for message in messages if cause_of(message) is not Cause.UNKNOWN), "")


def _words_of_the_silent(split: Sequence[tuple[str, str]]) -> Words:
    """The last line of a process that is gone and never said why: somebody killed it."""
    messages = (message for _, message in reversed(split) if message.strip() and not AFTERMATH.search(message))
    return Words(cause=Cause.UNKNOWN, line=printable(next(messages, "")))
