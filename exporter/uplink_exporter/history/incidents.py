"""From transitions to incidents. Pure and total: what was written down is a file, and may hold anything.

A node is in trouble while a required default route is not usable, or while the verdict says so. Whatever nobody watched
stays unknown: a beginning or an end that was not seen lies between the last look before and the first look after.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import chain
from math import inf, isfinite

from uplink_exporter.diagnosis import Verdict
from uplink_exporter.diagnosis.flannel import RECOVERY
from uplink_exporter.facts import CARRYING, Family, Instant, Policy
from uplink_exporter.history.chronicle import Boot, Chronicle, Kind, Transition
from uplink_exporter.history.telling import BEGAN, ENDED
from uplink_exporter.history.transitions import NONE, USABLE

MOST_INCIDENTS = 100
MOST_CAUSES = 4

CALM = RECOVERY
"""Trouble that comes back sooner is the same incident: flannel may still wait for its turn after the last one, and an
uplink that drops every few minutes is one story."""

SETTLING = 60.0
"""By then each source has told or failed, and a verdict that did not change since we began is not written again."""

TROUBLE = tuple(verdict for verdict in Verdict if verdict not in (Verdict.UNKNOWN, Verdict.HEALTHY))
"""The worst first, as `diagnose` has them."""


class Ending(StrEnum):
    """How an incident ended, as far as is known."""

    RECOVERED = "recovered"
    UNWATCHED = "unwatched"
    """Nobody watched when it ended, or nobody watches any more."""
    REBOOTED = "rebooted"
    """The next boot began while it lasted."""
    ONGOING = "ongoing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A time in which nobody watched: at most from the last that was written down before to the first look after."""

    since: float
    until: float
    carriers: tuple[tuple[str, int], ...] = ()
    """How often the carrier of which device changed meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One time of trouble within one boot. Times are seconds since that boot; `boot.unix()` makes them wall times."""

    boot: Boot
    began: float
    """When it was first seen."""
    well_until: float | None
    """When all was last known to be well; `began` if it began before our eyes, None if that is not known."""
    since_boot: bool
    """Whether there was no default route at the first look, which counts as none since boot."""
    bad_until: float
    """When it was last known to last; `ended` if it ended before our eyes."""
    ended: float | None
    """When it was first seen to be over; None if it never was."""
    ending: Ending
    next_boot: float | None
    """Unix time of the next boot that was watched, None if there is none."""
    device: str
    verdicts: tuple[Verdict, ...]
    """Each once, in the order in which they came."""
    summary: str
    """The words of the worst verdict."""
    restarts: int
    """Flannel's, meanwhile."""
    causes: tuple[str, ...]
    losses: int
    """How often a required default route was lost."""
    absent: float
    """Seconds without one, as far as was watched."""
    cure: tuple[Transition, ...]
    """What preceded the end: the uplink came up, the default route was usable."""
    gaps: tuple[Gap, ...]
    transitions: tuple[Transition, ...]

    @property
    def since(self) -> float:
        """From when on it is known to have lasted."""
        return 0.0 if self.since_boot else self.began

    @property
    def at_least(self) -> float:
        """How many seconds it lasted, as far as is known."""
        return self.bad_until - self.since

    @property
    def at_most(self) -> float | None:
        """How many seconds it may have lasted; None if nobody knows."""
        earliest = 0.0 if self.since_boot else self.well_until
        return None if self.ended is None or earliest is None else self.ended - earliest


def incidents(
    chronicle: Chronicle, required: tuple[Family, ...] = Policy().required, watching: Instant | None = None
) -> tuple[Incident, ...]:
    """The incidents, the newest first, at most MOST_INCIDENTS. `watching` is now, if we watch the current boot."""
    known = boots(chronicle, watching)
    found: list[Incident] = []
    for boot, later in zip(known, (*known[1:], None), strict=True):
        life = Life(
            boot=boot,
            over=later is not None or chronicle.boot not in ("", boot.id),
            next_boot=later.time if later else None,
            watched=watching is not None and later is None,
            required=required,
            transitions=_of_boot(chronicle, boot.id),
        )
        found += (_incident(life, began, ended) for began, ended in _merged(_spans(life)))
    return tuple(reversed(found[-MOST_INCIDENTS:]))


def boots(chronicle: Chronicle, watching: Instant | None = None) -> tuple[Boot, ...]:
    """The boots, the oldest first, the current one included."""
    known = {boot.id: boot for boot in chronicle.boots if _finite(boot)}
    ids = dict.fromkeys(chain(known, (t.boot for t in chronicle.transitions)))
    if watching is not None:
        ids.pop(chronicle.boot, None)
        ids[chronicle.boot] = None
    now = {chronicle.boot: watching}
    return tuple(_boot(known.get(boot), boot, _of_boot(chronicle, boot), now.get(boot)) for boot in ids)


def _finite(boot: Boot) -> bool:
    return all(isfinite(time) for time in (boot.time, boot.watched_since, boot.watched_until))


def _of_boot(chronicle: Chronicle, boot: str) -> tuple[Transition, ...]:
    transitions = (t for t in chronicle.transitions if t.boot == boot and isfinite(t.uptime) and t.uptime >= 0)
    return tuple(sorted(transitions, key=lambda t: t.uptime))


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How the node stood: which required families had no usable default route, and whether the verdict said trouble."""

    routeless: frozenset[str] = frozenset()
    blamed: bool = False

    @property
    def troubled(self) -> bool:
        """Whether it was in trouble."""
        return self.blamed or bool(self.routeless)

    def after(self, transition: Transition, required: tuple[Family, ...]) -> Standing:
        """How it stood after one more transition. An unknown verdict changes nothing: nobody could see."""
        kind, subject, now = transition.kind, transition.subject, transition.now
        if kind is Kind.ROUTE and subject in required:
            lost = {subject} if now == NONE else set()
            return replace(self, routeless=(self.routeless - {subject}) | lost)
        if kind is Kind.VERDICT and now == Verdict.HEALTHY:
            return Standing()
        if kind is Kind.VERDICT and now in TROUBLE:
            return replace(self, blamed=True)
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """What is known of one boot, its transitions in the order of time."""

    boot: Boot
    over: bool
    """Whether there was a boot since."""
    next_boot: float | None
    watched: bool
    """Whether we watch it now."""
    required: tuple[Family, ...]
    transitions: tuple[Transition, ...]


def _before(transitions: Iterable[Transition], required: tuple[Family, ...]) -> Standing:
    """How it stood before these transitions: the first of each kind tells. Of earlier ones some may be forgotten."""
    first: dict[tuple[Kind, str], Transition] = {}
    for transition in transitions:
        subject = "" if transition.kind is Kind.VERDICT else transition.subject
        first.setdefault((transition.kind, subject), transition)
    standing = Standing()
    for transition in first.values():
        standing = standing.after(replace(transition, now=transition.was), required)
    return standing


def _spans(life: Life) -> Iterator[tuple[float, float]]:
    """From when to when the node was in trouble; to infinity if no end was seen."""
    standing = _before(life.transitions, life.required)
    began = life.transitions[0].uptime if standing.troubled else None
    for transition in life.transitions:
        standing = standing.after(transition, life.required)
        if standing.troubled and began is None:
            began = transition.uptime
        elif not standing.troubled and began is not None:
            yield began, transition.uptime
            began = None
    if began is not None:
        yield began, inf


def _merged(spans: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    merged: list[tuple[float, float]] = []
    for began, ended in spans:
        if merged and began - merged[-1][1] < CALM:
            began, _ = merged.pop()
        merged.append((began, ended))
    return merged


def _incident(life: Life, began: float, ended: float) -> Incident:
    required = life.required
    within = tuple(t for t in life.transitions if began <= t.uptime <= ended)
    gaps = tuple(gap for gap in _gaps(life.transitions) if gap.until >= began and gap.since <= ended)
    ending, until = _ending(life, within, gaps, ended)
    bad_until, worst = max(until, began), _worst(within)
    return Incident(
        boot=life.boot,
        began=began,
        well_until=_well_until(within, gaps, required),
        since_boot=any(_routes(t, required) and (t.was, t.now) == ("", NONE) for t in within),
        bad_until=bad_until,
        ended=None if ended == inf else ended,
        ending=ending,
        next_boot=life.next_boot,
        device=_device(worst, within, required),
        verdicts=tuple(dict.fromkeys(Verdict(t.now) for t in within if _says(t, TROUBLE))),
        summary=worst.text if worst else "",
        restarts=sum(_rise(t) for t in within if t.kind is Kind.FLANNEL),
        causes=_causes(within),
        losses=sum(_routes(t, required) and (t.was, t.now) == (USABLE, NONE) for t in within),
        absent=_absent(within, gaps, required, bad_until),
        cure=tuple(_cure(within, required)) if ended != inf else (),
        gaps=gaps,
        transitions=within,
    )


def _gaps(transitions: tuple[Transition, ...]) -> Iterator[Gap]:
    for began in transitions:
        if began.kind is Kind.WATCH and began.now == BEGAN:
            before = max((t.uptime for t in transitions if t.uptime < began.uptime), default=began.uptime)
            since = max(before, min(_number(began.was), began.uptime))
            if since < began.uptime:
                yield Gap(since=since, until=began.uptime, carriers=tuple(_carriers(transitions, began.uptime)))


def _carriers(transitions: tuple[Transition, ...], at: float) -> Iterator[tuple[str, int]]:
    for transition in transitions:
        if transition.kind is Kind.CARRIER and transition.uptime == at and (changes := _rise(transition)):
            yield transition.subject, changes


def _ending(life: Life, within: tuple[Transition, ...], gaps: tuple[Gap, ...], ended: float) -> tuple[Ending, float]:
    """How it ended, and when it was last known to last."""
    if ended != inf:
        gap = next((gap for gap in gaps if _over_by_then(gap, within, ended)), None)
        return (Ending.RECOVERED, ended) if gap is None else (Ending.UNWATCHED, gap.since)
    *_, last = (None, *(t for t in within if t.kind is Kind.WATCH))
    gone = last is not None and last.now == ENDED and not life.watched
    until = last.uptime if last and gone else life.boot.watched_until
    if life.over:
        return Ending.REBOOTED, until
    return (Ending.UNWATCHED if gone else Ending.ONGOING), until


def _over_by_then(gap: Gap, within: tuple[Transition, ...], ended: float) -> bool:
    """Whether the first look after the gap found it over."""
    after = [t for t in within if t.uptime >= gap.until]
    seen = any(_says(t, TROUBLE) or (t.kind is Kind.ROUTE and t.uptime > gap.until) for t in after)
    return not seen and 0 <= ended - gap.until <= SETTLING


def _well_until(within: tuple[Transition, ...], gaps: tuple[Gap, ...], required: tuple[Family, ...]) -> float | None:
    began = within[0].uptime
    opening = next((t for t in within if _routes(t, required) or _says(t, TROUBLE)), None)
    if opening is None or opening.was not in (USABLE, Verdict.HEALTHY):
        return None
    for gap in gaps:
        first_look = began == gap.until if opening.kind is Kind.ROUTE else began - gap.until <= SETTLING
        if gap.until <= began and first_look:
            return gap.since
    return began


def _worst(within: tuple[Transition, ...]) -> Transition | None:
    verdicts = (t for t in within if _says(t, TROUBLE))
    return min(verdicts, key=lambda t: TROUBLE.index(Verdict(t.now)), default=None)


def _device(worst: Transition | None, within: tuple[Transition, ...], required: tuple[Family, ...]) -> str:
    """What the verdict blames; where it blames none, what carried the default route that was lost."""
    if worst is not None and (worst.subject or worst.now in (Verdict.FLANNEL_REFUSES, Verdict.FLANNEL_FAILING)):
        return worst.subject
    return next((t.text for t in within if _routes(t, required) and t.now == NONE), "")


def _causes(within: tuple[Transition, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(t.text for t in within if t.kind is Kind.FLANNEL and t.text))[:MOST_CAUSES]


def _absent(
    within: tuple[Transition, ...], gaps: tuple[Gap, ...], required: tuple[Family, ...], bad_until: float
) -> float:
    """A route that came while nobody watched was absent for as long as is known."""
    standing, since, absent = _before(within, required), within[0].uptime, 0.0
    for transition in within:
        before, standing = standing, standing.after(transition, required)
        if standing.routeless and not before.routeless:
            since = transition.uptime if transition.was else 0.0
        elif before.routeless and not standing.routeless:
            until = next((gap.since for gap in gaps if gap.until == transition.uptime), transition.uptime)
            absent += max(0.0, until - since)
    return absent + (max(0.0, bad_until - since) if standing.routeless else 0.0)


def _cure(within: tuple[Transition, ...], required: tuple[Family, ...]) -> Iterator[Transition]:
    routes = [t for t in within if _routes(t, required) and t.now == USABLE]
    if not routes:
        return
    route = routes[-1]
    devices = route.text.split(", ")
    links = [t for t in within if t.kind is Kind.OPERSTATE and t.subject in devices and t.uptime <= route.uptime]
    if links and links[-1].now in CARRYING and links[-1].was:
        yield links[-1]
    yield route


def _routes(transition: Transition, required: tuple[Family, ...]) -> bool:
    return transition.kind is Kind.ROUTE and transition.subject in required


def _says(transition: Transition, verdicts: tuple[Verdict, ...]) -> bool:
    return transition.kind is Kind.VERDICT and transition.now in verdicts


def _rise(transition: Transition) -> int:
    return max(0, int(_number(transition.now) - _number(transition.was)))


def _number(text: str) -> float:
    """A number as we write it; 0 for what is none."""
    plain = text.isascii() and len(text) <= 20 and text.replace(".", "", 1).isdecimal()
    return float(text) if plain else 0.0
