"""What is kept of each container that may be flannel: how often it restarted, and how much of that was before us."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from types import MappingProxyType

Key = tuple[str, str]
"""The uid of a pod, and the name of a container in it."""

MAX_GONE = 256
"""How many containers are remembered that no path lists any more, lest one that comes back counts twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Between which two looks an attempt began, in seconds since boot: no log's clock comes into it."""

    attempt: int
    after: float
    by: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """One container: its count before we looked, the highest count told, the last attempt whose end is known."""

    before: int = -1
    """-1 if it was made since."""
    count: int = 0
    heard: int = -1
    """-1 if none."""
    starts: tuple[Start, ...] = ()
    """Of the newest attempt and of the one before it, where we saw them come."""
    hinted: int = 0
    """The starts that were last seen of a unit, which count while its journal is silent."""
    oom: int = -1
    """The last attempt that the API server says was killed for its memory; -1 if none."""


def starts_of(known: Tally | None, count: int, *, after: float, by: float) -> tuple[Start, ...]:
    """The starts of attempt `count` and of the one before it, which are new since the last look."""
    new = tuple(Start(attempt=n, after=after, by=by) for n in range(max(0, count - 1), count + 1))
    if known is None or known.count < count - 1:
        return new
    return (*(start for start in known.starts if start.attempt == count - 1), new[-1])


def remembered(tallies: Mapping[Key, Tally], listed: Mapping[str, frozenset[Key]]) -> Mapping[Key, Tally]:
    """The tallies without those that no path lists any more, save the last MAX_GONE of them."""
    still = frozenset(chain.from_iterable(listed.values()))
    gone = [key for key in tallies if key not in still]
    forgotten = frozenset(gone[:-MAX_GONE])
    return MappingProxyType({key: tally for key, tally in tallies.items() if key not in forgotten})
