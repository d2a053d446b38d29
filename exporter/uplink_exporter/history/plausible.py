"""Whether what a sound file holds can have been: anybody may have written it, and no counter may begin below zero."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from uplink_exporter.flannel.ledger import Ledger
from uplink_exporter.history.chronicle import Boot, Transition
from uplink_exporter.history.memory import Memory
from uplink_exporter.history.milestones import UNWATCHED, Milestones

MOST_COUNTED = 2**32
"""The kernel counts carrier changes to here, Kubernetes restarts to half of it."""

LONGEST_UPTIME = 100 * 366 * 86400.0

FURTHEST_WALL = 6e10
"""Seconds from 1970, in either direction: a wall clock may be wrong by decades, and must be told as a date."""

ROUNDING = 1.0
"""Seconds by which a sum of times may exceed the time in which they were."""

NONE_YET = -1


def plausible(found: Memory | Boot | Transition) -> bool:
    """Whether all its counts and times can have been."""
    match found:
        case Memory():
            return _memory(found)
        case Boot():
            return abs(found.time) <= FURTHEST_WALL and _within(
                (found.watched_since, found.watched_until), LONGEST_UPTIME
            )
        case Transition():
            return abs(found.wall) <= FURTHEST_WALL and _within((found.uptime,), LONGEST_UPTIME)


def _memory(memory: Memory) -> bool:
    ledger, milestones = memory.ledger, memory.milestones
    until = memory.known_until + ROUNDING
    return (
        _within((memory.known_until,), LONGEST_UPTIME)
        and _within(chain(_route_times(memory), _ledger_times(ledger), _milestone_times(milestones)), until)
        and (ledger.last_crash is None or -FURTHEST_WALL <= ledger.last_crash <= until)
        and _within(_counts(memory), MOST_COUNTED)
    )


def _within(values: Iterable[float], most: float) -> bool:
    return all(0 <= value <= most for value in values)


def _route_times(memory: Memory) -> Iterator[float]:
    for history in memory.routes.values():
        yield from (history.watched_since, history.absent_before)
        known = (history.known_until, history.changed, history.absent_since, history.first_usable, history.moved)
        yield from (time for time in known if time is not None)
    yield from (time for time in memory.overlays.values() if time is not None)


def _ledger_times(ledger: Ledger) -> Iterator[float]:
    yield from (at for at, _ in ledger.steps)
    yield from ledger.looked.values()
    for tally in ledger.tallies.values():
        yield from (time for start in tally.starts for time in (start.after, start.by))


def _milestone_times(milestones: Milestones) -> Iterator[float]:
    known = (milestones.watched_since, milestones.default_route, milestones.flannel)
    times = chain(known, milestones.links.values(), milestones.addresses.values())
    return (time for time in times if time is not None and time != UNWATCHED)


def _counts(memory: Memory) -> Iterator[int]:
    ledger = memory.ledger
    yield ledger.restarts
    yield from (history.losses for history in memory.routes.values())
    yield from (new for _, new in ledger.steps)
    yield from ledger.crashes.values()
    for tally in ledger.tallies.values():
        yield tally.count
        yield from (attempt for attempt in (tally.before, tally.heard, tally.oom) if attempt != NONE_YET)
        yield from (start.attempt for start in tally.starts)
    for link in memory.links:
        yield from (link.index, link.carrier_changes, link.mtu)
    devices = (device for history in memory.routes.values() for device in (history.device, history.earlier))
    yield from (device.index for device in devices if device is not None)
