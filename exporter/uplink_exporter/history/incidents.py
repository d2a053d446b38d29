"""From transitions to incidents. Pure and total: what was written down is a file, and may hold anything.

What nobody watched stays unknown: a beginning or an end that was not seen lies between the last look before it and the
first look after it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import chain, groupby, zip_longest
from math import inf, isfinite

from uplink_exporter.diagnosis import Verdict
from uplink_exporter.facts import CARRYING, Family, Instant, Policy
from uplink_exporter.history.chronicle import Boot, Chronicle, Kind, Transition
from uplink_exporter.history.telling import BEGAN, ENDED
from uplink_exporter.history.transitions import NONE, USABLE
from uplink_exporter.history.trouble import (
    CALM,
    TROUBLE,
    first_looks,
    is_route,
    is_verdict,
    number,
    rise,
    spans,
    standing_before,
)

MOST_INCIDENTS = 100
MOST_CAUSES = 4

SETTLING = 60.0
"""By then each source has told or failed, and a verdict that did not change since we began is not written again."""

WORSE = tuple(verdict for verdict in TROUBLE if verdict is not Verdict.RECOVERING)


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
    def verdict(self) -> Verdict | None:
        """The worst verdict, None if it was over before there was any."""
        return min(self.verdicts, key=TROUBLE.index, default=None)

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
    for boot, later in zip_longest(known, known[1:]):
        transitions = _of_boot(chronicle, boot.id)
        life = Life(
            boot=boot,
            over=later is not None or chronicle.boot not in ("", boot.id),
            next_boot=later.time if later else None,
            watched=watching is not None and later is None,
            required=required,
            transitions=transitions,
            gaps=tuple(_gaps(transitions)),
        )
        found += (_incident(life, began, ended) for began, ended in spans(life.transitions, required))
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
    gaps: tuple[Gap, ...]


def _incident(life: Life, began: float, ended: float) -> Incident:
    required = life.required
    within = tuple(t for t in life.transitions if began <= t.uptime <= ended)
    gaps = tuple(gap for gap in life.gaps if gap.until >= began and gap.since < ended)
    ending, bad_until = _ending(life, within, gaps, ended)
    worst = _worst(within)
    return Incident(
        boot=life.boot,
        began=began,
        well_until=None if _forgotten(life, began) else _well_until(life, within),
        since_boot=any(is_route(t, required) and (t.was, t.now) == ("", NONE) for t in within),
        bad_until=bad_until,
        ended=None if ended == inf else ended,
        ending=ending,
        next_boot=life.next_boot,
        device=_device(worst, within, required),
        verdicts=tuple(dict.fromkeys(Verdict(t.now) for t in within if is_verdict(t, TROUBLE))),
        summary=worst.text if worst else "",
        restarts=sum(rise(t) for t in within if t.kind is Kind.FLANNEL),
        causes=_causes(within),
        losses=sum(is_route(t, required) and (t.was, t.now) == (USABLE, NONE) for t in within),
        absent=_absent(within, gaps, required, bad_until),
        cure=tuple(_cure(within, required)) if ended != inf else (),
        gaps=gaps,
        transitions=within,
    )


def _gaps(transitions: tuple[Transition, ...]) -> Iterator[Gap]:
    before = inf
    for uptime, together in groupby(transitions, key=lambda t: t.uptime):
        looked = tuple(together)
        began = next((t for t in looked if t.kind is Kind.WATCH and t.now == BEGAN), None)
        if began is not None and before < uptime:
            carriers = ((t.subject, rise(t)) for t in looked if t.kind is Kind.CARRIER and rise(t))
            since = max(before, min(number(began.was), uptime))
            yield Gap(since=since, until=uptime, carriers=tuple(carriers))
        before = uptime


def _ending(life: Life, within: tuple[Transition, ...], gaps: tuple[Gap, ...], ended: float) -> tuple[Ending, float]:
    """How it ended, and when it was last known to last."""
    if ended != inf:
        gap = gaps[-1] if gaps else None
        if gap is not None and gap.since >= within[0].uptime and _over_by_then(life, gap, within, ended):
            return Ending.UNWATCHED, gap.since
        return Ending.RECOVERED, ended
    *_, last = (None, *(t for t in within if t.kind is Kind.WATCH))
    gone = last is not None and last.now == ENDED and not life.watched
    until = last.uptime if last and gone else life.boot.watched_until
    if life.over:
        return Ending.REBOOTED, until
    return (Ending.UNWATCHED if gone else Ending.ONGOING), until


def _over_by_then(life: Life, gap: Gap, within: tuple[Transition, ...], ended: float) -> bool:
    """Whether the first look after the gap found it over, or the default route back and the rest on its way."""
    after = [t for t in within if t.uptime >= gap.until]
    worse = any(is_verdict(t, WORSE) or (is_route(t, life.required) and t.uptime > gap.until) for t in after)
    back = any(is_route(t, life.required) and t.now == USABLE for t in after)
    at_once = ended - gap.until <= SETTLING and not any(is_verdict(t, TROUBLE) for t in after)
    return not worse and (back or at_once)


def _forgotten(life: Life, began: float) -> bool:
    """Whether the incident may have begun before the first transition that is still kept."""
    return began - life.transitions[0].uptime < CALM and any(t.was for t in first_looks(life.transitions))


def _well_until(life: Life, within: tuple[Transition, ...]) -> float | None:
    began = within[0].uptime
    opening = next((t for t in within if is_route(t, life.required) or is_verdict(t, TROUBLE)), None)
    if opening is None or opening.was not in (USABLE, Verdict.HEALTHY):
        return None
    settling = SETTLING if opening.kind is Kind.VERDICT else 0.0
    return next((gap.since for gap in life.gaps if 0 <= began - gap.until <= settling), began)


def _worst(within: tuple[Transition, ...]) -> Transition | None:
    verdicts = (t for t in within if is_verdict(t, TROUBLE))
    return min(verdicts, key=lambda t: TROUBLE.index(Verdict(t.now)), default=None)


def _device(worst: Transition | None, within: tuple[Transition, ...], required: tuple[Family, ...]) -> str:
    """What the verdict blames; where there was none, what carried the default route that was lost."""
    if worst is not None:
        return worst.subject
    return next((t.text for t in within if is_route(t, required) and t.now == NONE), "")


def _causes(within: tuple[Transition, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(t.text for t in within if t.kind is Kind.FLANNEL and t.text))[:MOST_CAUSES]


def _absent(
    within: tuple[Transition, ...], gaps: tuple[Gap, ...], required: tuple[Family, ...], bad_until: float
) -> float:
    """A route that came while nobody watched was absent for as long as is known."""
    standing, since, absent = standing_before(within, required), within[0].uptime, 0.0
    known = {gap.until: gap.since for gap in gaps}
    for transition in within:
        before, standing = standing, standing.after(transition, required)
        if standing.routeless and not before.routeless:
            since = transition.uptime if transition.was else 0.0
        elif before.routeless and not standing.routeless:
            absent += max(0.0, known.get(transition.uptime, transition.uptime) - since)
    absent += max(0.0, bad_until - since) if standing.routeless else 0.0
    return min(absent, max(bad_until, within[-1].uptime))


def _cure(within: tuple[Transition, ...], required: tuple[Family, ...]) -> Iterator[Transition]:
    routes = [t for t in within if is_route(t, required) and t.now == USABLE]
    if not routes:
        return
    route = routes[-1]
    devices = route.text.split(", ")
    links = [t for t in within if t.kind is Kind.OPERSTATE and t.subject in devices and t.uptime <= route.uptime]
    if links and links[-1].now in CARRYING and links[-1].was:
        yield links[-1]
    yield route
