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

Key = tuple[str, str]
"""The uid of a pod, and the name of a container in it."""

MAX_GONE = 256
"""How many containers are remembered that no path lists any more, lest one that comes back counts twice."""

MAX_STEPS = 1024
"""How many increases are remembered: at the kubelet's back-off of five minutes, more than three days of them."""


KUBELETS_LAG = 10.0
"""By how many seconds the kubelet's word to the API server may be late (pkg/kubelet/status: syncPeriod)."""


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
    oom: int = -1
    """The last attempt that the API server says was killed for its memory; -1 if none."""


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
    heard_at: float | None = None
    """When the pod logs last told of ends; None if they never did."""
    last_crash: float | None = None
    """In seconds since boot, negative for a crash before it; None if none is known."""
    last_words: LastWords | None = None
    """Of the attempt that ended last, a clean stop included; None if none is known."""

    def following(self, previous: Ledger | None, now: Instant) -> Ledger:
        """Itself: it is made from its predecessor."""
        return self

    def after(self, fact: FlannelLogs | NodePods, now: Instant) -> Ledger:
        """This ledger after one path told its fact."""
        if isinstance(fact, NodePods):
            seen = self.observe(fact.source, (container.restarts for container in fact.flannel), now, KUBELETS_LAG)
            return seen._killed(fact.flannel)
        if not fact.listed:
            return self
        return self.observe(fact.source, fact.restarts, now).crashed(fact.last_words, now)

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
                known = replace(known, starts=_starts(before, told.count, after=after, by=now.uptime))
            tallies[key] = replace(known, count=max(known.count, told.count))
            new += tallies[key].count - known.count
            keys.add(key)
        listed = {**self.listed, path: frozenset(keys)}
        return replace(
            self,
            restarts=self.restarts + new,
            tallies=_remembered(tallies, listed),
            listed=MappingProxyType(listed),
            looked=MappingProxyType({**self.looked, path: now.uptime}),
            steps=(*self.steps, (now.uptime, new))[-MAX_STEPS:] if new else self.steps,
        )

    def crashed(self, words: Iterable[LastWords], now: Instant) -> Ledger:
        """This ledger after the pod logs told all last words that they hold, of containers that it has observed."""
        ledger = self
        for said in sorted(words, key=lambda said: said.attempt):
            tally = ledger.tallies.get((said.uid, said.container))
            if tally is not None and said.attempt > tally.heard:
                ledger = ledger._hearing(said, tally, now)
        return replace(ledger, heard_at=now.uptime)

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

    def _was_over(self, said: LastWords, tally: Tally) -> bool:
        # The attempt that was the newest at the first look was over if its words were there already.
        return said.attempt < tally.before or (said.attempt == tally.before and self.heard_at is None)

    def _hearing(self, said: LastWords, tally: Tally, now: Instant) -> Ledger:
        if said.cause is Cause.UNKNOWN and said.attempt == tally.oom:
            said = replace(said, cause=Cause.OOM)
        old = self._was_over(said, tally)
        tallies = {**self.tallies, (said.uid, said.container): replace(tally, heard=said.attempt)}
        heard = replace(self, tallies=MappingProxyType(tallies))
        if not (old and _precedes(said, self.last_words)):
            heard = replace(heard, last_words=said)
        if said.cause is Cause.CLEAN:
            return heard
        crashes = {**self.crashes, said.cause: self.crashes.get(said.cause, 0) + (not old)}
        ended_at = self._ended_at(said, old=old, now=now)
        return replace(heard, crashes=MappingProxyType(crashes), last_crash=_later(self.last_crash, ended_at))

    def _ended_at(self, said: LastWords, *, old: bool, now: Instant) -> float | None:
        # The wall clock of a node without NTP may jump between the line and now. What was not there at the last look
        # ended since, whatever the line says.
        if said.at is None:
            return None if old else now.uptime
        at = min(said.at - now.boot_time, now.uptime)
        return at if old or self.heard_at is None else max(at, self.heard_at)


def _starts(known: Tally | None, count: int, *, after: float, by: float) -> tuple[Start, ...]:
    """The starts of attempt `count` and of the one before it, which are new since the last look."""
    new = tuple(Start(attempt=n, after=after, by=by) for n in range(max(0, count - 1), count + 1))
    if known is None or known.count < count - 1:
        return new
    return (*(start for start in known.starts if start.attempt == count - 1), new[-1])


def _remembered(tallies: Mapping[Key, Tally], listed: Mapping[str, frozenset[Key]]) -> Mapping[Key, Tally]:
    """The tallies without those that no path lists any more, save the last MAX_GONE of them."""
    still = frozenset(chain.from_iterable(listed.values()))
    gone = [key for key in tallies if key not in still]
    forgotten = frozenset(gone[:-MAX_GONE])
    return MappingProxyType({key: tally for key, tally in tallies.items() if key not in forgotten})


def _later(one: float | None, other: float | None) -> float | None:
    return max((at for at in (one, other) if at is not None), default=None)


def _precedes(said: LastWords, known: LastWords | None) -> bool:
    return known is not None and (said.at or 0.0) < (known.at or 0.0)


def kept(state: NodeState, fact: Fact, now: Instant) -> NodeState:
    """The state with the ledger carried on, which each path to flannel feeds."""
    if not isinstance(fact, FlannelLogs | NodePods):
        return state
    return state.observe((state.last(Ledger) or Ledger()).after(fact, now), now)
