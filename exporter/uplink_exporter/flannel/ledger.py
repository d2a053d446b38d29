"""How often flannel restarted on this node, and why it died, over all its pods and over both paths that tell of them.

A pod's own count begins at 0 again when the pod is made anew, and each path may be gone for an hour. So what is kept
is the highest count that any path told of each container of each pod (the pod's uid names it for ever), less what it
had counted before we looked; the total is the sum.

A container was there before we looked if it is in the first listing of the path that first tells of it. One that
appears in a later listing was made since, and its whole count is new.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain
from math import inf
from types import MappingProxyType
from typing import ClassVar

from uplink_exporter.facts import Fact, Instant, NodeState, Reason
from uplink_exporter.flannel.observed import (
    Cause,
    ContainerRestarts,
    FlannelContainer,
    FlannelLogs,
    LastWords,
    NodePods,
)
from uplink_exporter.flannel.tally import Key, Tally, remembered, starts_of
from uplink_exporter.flannel.units import FlannelJournal, FlannelUnits, UnitLog

MAX_STEPS = 1024
"""How many increases are remembered: at the kubelet's back-off of five minutes, more than three days of them."""


KUBELETS_LAG = 10.0
"""By how many seconds the kubelet's word to the API server may be late (pkg/kubelet/status: syncPeriod)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """Flannel's restarts and crashes on this node since we first looked. The total never falls."""

    source: ClassVar[str] = "flannel"
    max_age: ClassVar[float] = 180.0  # the slower path's
    reasons: ClassVar[tuple[Reason, ...]] = ()

    restarts: int = 0
    tallies: Mapping[Key, Tally] = field(default_factory=lambda: MappingProxyType({}))
    """In the order in which they were last told of, the newest last."""
    listed: Mapping[str, frozenset[Key]] = field(default_factory=lambda: MappingProxyType({}))
    """What each path that has looked listed last."""
    looked: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    """When that was, in seconds since boot."""
    steps: tuple[tuple[float, int], ...] = ()
    """When (in seconds since boot) restarts were seen, and how many."""
    crashes: Mapping[Cause, int] = field(default_factory=lambda: MappingProxyType({}))
    last_crash: float | None = None
    """In seconds since boot, negative for a crash before it; None if none is known."""
    last_words: LastWords | None = None
    """Of the attempt that ended last, a clean stop included; None if none is known."""

    def following(self, previous: Ledger | None, now: Instant) -> Ledger:
        """Itself: it is made from its predecessor."""
        return self

    def after(self, fact: FlannelLogs | NodePods | FlannelJournal, now: Instant) -> Ledger:
        """This ledger after one path told its fact."""
        heard_at = self.looked.get(fact.source)
        if isinstance(fact, FlannelJournal):
            words = chain.from_iterable(log.last_words for log in fact.units)
            return self._of_units(fact, now).crashed(words, heard_at, now) if fact.listed else self
        if isinstance(fact, NodePods):
            seen = self.observe(fact.source, (container.restarts for container in fact.flannel), now, KUBELETS_LAG)
            return seen._killed(fact.flannel)
        if not fact.listed:
            return self
        return self.observe(fact.source, fact.restarts, now).crashed(fact.last_words, heard_at, now)

    def observe(self, path: str, restarts: Iterable[ContainerRestarts], now: Instant, lag: float = 0.0) -> Ledger:
        """This ledger after one path listed all flannel containers that it sees, be it `lag` seconds late."""
        first = path not in self.listed
        after = max(0.0, self.looked[path] - lag) if path in self.looked else None
        tallies = dict(self.tallies)
        keys, new = set(), 0
        for told in restarts:
            key = (told.uid, told.container)
            before = tallies.pop(key, None)
            known = before or (Tally(before=told.count, count=told.count) if first else Tally())
            if after is not None and (before is None or told.count > known.count):
                known = replace(known, starts=starts_of(before, told.count, after=after, by=now.uptime))
            tallies[key] = replace(known, count=max(known.count, told.count))
            new += tallies[key].count - known.count
            keys.add(key)
        listed = {**self.listed, path: frozenset(keys)}
        return replace(
            self,
            restarts=self.restarts + new,
            tallies=remembered(tallies, listed),
            listed=MappingProxyType(listed),
            looked=MappingProxyType({**self.looked, path: now.uptime}),
            steps=(*self.steps, (now.uptime, new))[-MAX_STEPS:] if new else self.steps,
        )

    def hinted(self, fact: FlannelUnits, now: Instant, *, counts: bool) -> Ledger:
        """This ledger after starts of units were seen, which count where no journal tells of them."""
        tallies, restarts = dict(self.tallies), []
        for seen in fact.units:
            key = (fact.boot, seen.unit)
            known = tallies.get(key, Tally(before=0, hinted=seen.restarts))
            new = max(0, seen.restarts - known.hinted) if counts else 0
            restarts.append(_as_container(key, known.count + new))
            tallies[key] = replace(known, hinted=seen.restarts)
        return replace(self, tallies=MappingProxyType(tallies)).observe(fact.source, restarts, now)

    def _of_units(self, fact: FlannelJournal, now: Instant) -> Ledger:
        """This ledger after the journal told of units. It tells of the whole boot: at first sight, all of it is new."""
        seen, ledger = self.listed.get(fact.source, frozenset()), self
        counts = {(fact.boot, log.unit): log.restarts for log in fact.units}
        for log in fact.units:
            if (fact.boot, log.unit) not in seen:
                ledger = ledger._at_first_sight((fact.boot, log.unit), log)
        return ledger.observe(fact.source, (_as_container(key, count) for key, count in counts.items()), now)

    def _at_first_sight(self, key: Key, log: UnitLog) -> Ledger:
        known = self.tallies.get(key, Tally(before=0))
        new = max(0, log.restarts - (known.count - max(known.before, 0)))
        times = log.times[-new:] if new else ()
        tally = replace(known, before=log.restarts, count=max(known.count, log.restarts))
        return replace(
            self,
            restarts=self.restarts + new,
            steps=tuple(sorted((*self.steps, *((at, 1) for at in times)))[-MAX_STEPS:]),
            tallies=MappingProxyType({**self.tallies, key: tally}),
        )

    def crashed(self, words: Iterable[LastWords], heard_at: float | None, now: Instant) -> Ledger:
        """This ledger after a path told all last words that it holds, of containers that it has observed.

        `heard_at` is when it last did so, in seconds since boot; None if it never did.
        """
        ledger = self
        for said in sorted(words, key=lambda said: said.attempt):
            tally = ledger.tallies.get((said.uid, said.container))
            if tally is not None and said.attempt > tally.heard:
                ledger = ledger._hearing(said, tally, heard_at, now)
        return ledger

    def began(self, told: ContainerRestarts | LastWords, now: Instant) -> tuple[float, float]:
        """Between which uptimes an attempt began. What its log says is believed only if it lies between our looks."""
        words = told if isinstance(told, LastWords) else None
        attempt = told.attempt if isinstance(told, LastWords) else told.count
        starts = self.tallies.get((told.uid, told.container), Tally()).starts
        start = next((start for start in starts if start.attempt == attempt), None)
        after, by = (start.after, start.by) if start else (-inf, now.uptime)
        at = words.began - now.boot_time if words is not None and words.began is not None else None
        return (at, at) if at is not None and after <= at <= by else (after, by)

    def _killed(self, containers: Iterable[FlannelContainer]) -> Ledger:
        tallies = dict(self.tallies)
        for container in containers:
            key = (container.restarts.uid, container.restarts.container)
            if container.oom > tallies[key].oom:
                tallies[key] = replace(tallies[key], oom=container.oom)
        return replace(self, tallies=MappingProxyType(tallies))

    def delta(self, window: float, now: Instant) -> int:
        """Restarts seen in the last `window` seconds."""
        return sum(new for at, new in self.steps if at > now.uptime - window)

    def _was_over(self, said: LastWords, tally: Tally, heard_at: float | None) -> bool:
        # The attempt that was the newest at the first look was over if its words were there already.
        return said.attempt < tally.before or (said.attempt == tally.before and heard_at is None)

    def _hearing(self, said: LastWords, tally: Tally, heard_at: float | None, now: Instant) -> Ledger:
        if said.cause is Cause.UNKNOWN and said.attempt == tally.oom:
            said = replace(said, cause=Cause.OOM)
        old = self._was_over(said, tally, heard_at)
        tallies = {**self.tallies, (said.uid, said.container): replace(tally, heard=said.attempt)}
        heard = replace(self, tallies=MappingProxyType(tallies))
        if not (old and _precedes(said, self.last_words)):
            heard = replace(heard, last_words=said)
        if said.cause is Cause.CLEAN:
            return heard
        crashes = {**self.crashes, said.cause: self.crashes.get(said.cause, 0) + (not old)}
        ended_at = _ended_at(said, heard_at, old=old, now=now)
        return replace(heard, crashes=MappingProxyType(crashes), last_crash=_later(self.last_crash, ended_at))


def _ended_at(said: LastWords, heard_at: float | None, *, old: bool, now: Instant) -> float | None:
    # The wall clock of a node without NTP may jump between the line and now. What was not there at the last look
    # ended since, whatever the line says.
    if said.at is None:
        return None if old else now.uptime
    at = min(said.at - now.boot_time, now.uptime)
    return at if old or heard_at is None else max(at, heard_at)


def _as_container(key: Key, count: int) -> ContainerRestarts:
    return ContainerRestarts(uid=key[0], namespace="", pod="", container=key[1], count=count)


def _later(one: float | None, other: float | None) -> float | None:
    return max((at for at in (one, other) if at is not None), default=None)


def _precedes(said: LastWords, known: LastWords | None) -> bool:
    return known is not None and (said.at or 0.0) < (known.at or 0.0)


def kept(state: NodeState, fact: Fact, now: Instant) -> NodeState:
    """The state with the ledger carried on, which each path to flannel feeds."""
    ledger = state.last(Ledger) or Ledger()
    if isinstance(fact, FlannelUnits):
        journal = state.fresh(FlannelJournal, now)
        return state.observe(ledger.hinted(fact, now, counts=journal is None or not journal.listed), now)
    if not isinstance(fact, FlannelLogs | NodePods | FlannelJournal):
        return state
    return state.observe(ledger.after(fact, now), now)
