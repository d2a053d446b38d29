"""What k3s and its kin say of their end, of their start and of what they wait for. Text alone, as in `causes`.

k3s writes logrus' text form, in which the message is quoted as Go quotes, and klog's lines among it. Words of three
eras: v1.21, those up to the middle of the 2020s, today's. Not every fatal line is a crash, and today's k3s shuts down
in good order after flannel failed, with many lines and exit code 0: the telling line is looked for from the end.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from itertools import islice

from uplink_exporter.flannel.causes import LONGEST_SEARCHED, Words, cause_of, last_words, printable, split_klog
from uplink_exporter.flannel.observed import Cause
from uplink_exporter.flannel.units import Home, Learned

MOST_LINES = 1024
"""Of the end of a run: today's k3s says some hundreds after the one that tells."""
MOST_OF_FLANNELD = 128

_LOGRUS = re.compile(r'time="?[^" ]*"? level=([a-z]+) msg=(?:"((?:[^"\\]|\\.)*)"?|(\S+))')
_LEVELS = {"panic": "F", "fatal": "F", "error": "E", "warning": "W"}
_ESCAPE = re.compile(r"\\(.)")
_ESCAPES = {"n": " ", "t": " ", "r": " "}

_CLEAN = re.compile(
    r"^flannel exited: <nil>$|context canceled|^interrupted$|^shutdown request received$", re.IGNORECASE
)
_EXIT = re.compile(
    r"^flannel exited: |^shutdown request received(: |$)|^panic: |^fatal error: |^error: ", re.IGNORECASE
)
# In these a unit waits, whatever their level: no restart follows, and they come again every few seconds.
_WAITS = re.compile(
    r"waiting to retrieve agent configuration|failed to configure agent|failed to get ca certs"
    r"|failed to validate connection to cluster|waiting for default route to appear|couldn't fetch network config",
    re.IGNORECASE,
)
_STARTED = {
    Home.K3S: re.compile(r"^(wrote (flannel )?subnet file to |running (flannel )?backend)", re.IGNORECASE),
    Home.RKE2: re.compile(r"^running kubelet ", re.IGNORECASE),
}
_FLANNELD_STARTED = re.compile(r"^(running backend|wrote subnet file to )", re.IGNORECASE)
_VERSION = re.compile(r"^Starting (?:k3s|rke2)(?: agent)? (v[0-9][\w.+-]{1,40})")
_IFACE = re.compile(
    r"^determining ip address of specified interface: (\S{1,15})$"
    r"|interface (\S{1,15}) does not have a correct global unicast ip"
    r"|unable to find interface (\S{1,15}): ",
    re.IGNORECASE,
)


def last_words_of_unit(home: Home, newest_first: Iterable[str]) -> Words | None:
    """The last words of a run that is over, from its lines, the newest first; None if none of them tells."""
    if home not in _STARTED:
        lines = list(islice(newest_first, MOST_OF_FLANNELD))[::-1]
        return last_words(lines, ended=True) if lines else None
    for line in newest_first:
        level, message = split(line)
        if level == "F" or (level in ("E", "I", "") and _EXIT.search(message)):
            cause = Cause.CLEAN if _CLEAN.search(message) else cause_of(message)
            return Words(cause=cause, line=printable(message))
    return None


def waits_for(newest_first: Iterable[str]) -> Words | None:
    """What a run that goes on waits for, by the newest line that says so."""
    messages = (split(line)[1] for line in newest_first)
    waiting = next((message for message in messages if _WAITS.search(message)), None)
    return None if waiting is None else Words(cause=cause_of(waiting), line=printable(waiting))


def learning(known: Learned, home: Home, line: str) -> Learned:
    """What is known of a run after one more of its lines."""
    _, message = split(line)
    if _STARTED.get(home, _FLANNELD_STARTED).search(message):
        return replace(known, started=True)
    if version := _VERSION.search(message):
        return replace(known, version=version[1])
    if iface := _IFACE.search(message):
        return replace(known, iface=next(filter(None, iface.groups())))
    return known


def split(line: str) -> tuple[str, str]:
    """Severity, as klog spells it, and message of a line of logrus' or klog's; none if it is neither."""
    logrus = _LOGRUS.match(line[:LONGEST_SEARCHED])
    if logrus is None:
        return split_klog(line)
    level, quoted, bare = logrus.groups()
    message = bare if quoted is None else _ESCAPE.sub(lambda match: _ESCAPES.get(match[1], match[1]), quoted)
    return _LEVELS.get(level, "I"), message
