"""Which boots are known, and what is known of each."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from math import isfinite

from uplink_exporter.facts import Family, Instant
from uplink_exporter.history.chronicle import Boot, Chronicle, Kind, Transition


def boots(chronicle: Chronicle, watching: Instant | None = None) -> tuple[Boot, ...]:
    """The boots, the oldest first, the current one included."""
    known = {boot.id: boot for boot in chronicle.boots if _finite(boot)}
    ids = dict.fromkeys(chain(known, (t.boot for t in chronicle.transitions)))
    if watching is not None:
        ids.pop(chronicle.boot, None)
        ids[chronicle.boot] = None
    now = {chronicle.boot: watching}
    return tuple(_boot(known.get(boot), boot, of_boot(chronicle, boot), now.get(boot)) for boot in ids)


def _finite(boot: Boot) -> bool:
    return all(isfinite(time) for time in (boot.time, boot.watched_since, boot.watched_until))


def of_boot(chronicle: Chronicle, boot: str) -> tuple[Transition, ...]:
    """The boot's transitions, in the order of time."""
    transitions = (t for t in chronicle.transitions if t.boot == boot and isfinite(t.uptime) and t.uptime >= 0)
    return tuple(sorted(transitions, key=lambda t: t.uptime))


def moves(chronicle: Chronicle) -> tuple[tuple[float, Transition], ...]:
    """When (in Unix time) traffic moved to another device, the last time first."""
    found = (
        (boot.unix(transition.uptime), transition)
        for boot in boots(chronicle)
        for transition in of_boot(chronicle, boot.id)
        if transition.kind is Kind.MOVE and transition.subject in set(Family)
    )
    return tuple(found)[::-1]


def _boot(known: Boot | None, name: str, transitions: tuple[Transition, ...], now: Instant | None) -> Boot:
    """The boot as it was written down, if it was, and as its transitions and the present have it."""
    uptimes = [*(t.uptime for t in transitions), *((now.uptime,) if now else ())]
    time = transitions[-1].wall - transitions[-1].uptime if transitions else 0.0
    written = known or Boot(id=name, time=time, watched_since=min(uptimes, default=0.0), watched_until=0.0)
    return replace(
        written,
        time=now.boot_time if now else written.time,
        watched_until=max(written.watched_until, *uptimes, 0.0),
    )
