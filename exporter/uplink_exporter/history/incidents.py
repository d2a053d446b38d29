"""From transitions to incidents. Pure and total: what was written down is a file, and may hold anything.

What nobody watched stays unknown: a beginning or an end that was not seen lies between the last look before it and the
first look after it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby, zip_longest
from math import inf

from uplink_exporter.diagnosis import Verdict
from uplink_exporter.facts import CARRYING, Family, Instant, Policy
from uplink_exporter.history.boots import boots, of_boot
from uplink_exporter.history.chronicle import Boot, Chronicle, Kind, Transition
from uplink_exporter.history.incident import Ending, Gap, Incident
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


def incidents(
    chronicle: Chronicle, required: tuple[Family, ...] = Policy().required, watching: Instant | None = None
) -> tuple[Incident, ...]:
    """The incidents, the newest first, at most MOST_INCIDENTS. `watching` is now, if we watch the current boot."""
    known = boots(chronicle, watching)
    found: list[Incident] = []
    for boot, later in zip_longest(known, known[1:]):
        transitions = of_boot(chronicle, boot.id)
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
