"""When a node was in trouble: while a required default route was not usable, or while the verdict said so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from math import inf

from uplink_exporter.diagnosis import RECOVERY, Verdict
from uplink_exporter.facts import Family
from uplink_exporter.history.chronicle import Kind, Transition
from uplink_exporter.history.transitions import NONE, USABLE

CALM = RECOVERY
"""Trouble that comes back sooner is the same: flannel may still wait for its turn, and an uplink that drops every few
minutes is one story."""

BOOTING = 300.0
"""Seconds. A node comes up in less, Wi-Fi and DHCP included: what is over by then, and was never well, is its boot."""

BEARABLE = 1
"""Restarts of flannel. The boot itself is one; if there were more, flannel died of it, and it is worth telling."""

TROUBLE = tuple(verdict for verdict in Verdict if verdict not in (Verdict.UNKNOWN, Verdict.HEALTHY))
"""The worst first, as `diagnose` has them."""


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
        if is_route(transition, required):
            lost = {transition.subject} if transition.now == NONE else set()
            return replace(self, routeless=(self.routeless - {transition.subject}) | lost)
        if is_verdict(transition, (Verdict.HEALTHY,)):
            return Standing()
        if is_verdict(transition, TROUBLE):
            return replace(self, blamed=True)
        return self


def spans(transitions: tuple[Transition, ...], required: tuple[Family, ...]) -> list[tuple[float, float]]:
    """From when to when in a boot, once that has come up; to infinity if no end was seen."""
    merged: list[tuple[float, float]] = []
    for began, ended in _spans(transitions, required):
        if ended <= BOOTING and _comes_up(transitions, required, ended):
            continue
        if merged and began - merged[-1][1] < CALM:
            began, _ = merged.pop()
        merged.append((began, ended))
    return merged


def _spans(transitions: tuple[Transition, ...], required: tuple[Family, ...]) -> Iterator[tuple[float, float]]:
    standing = standing_before(transitions, required)
    began = transitions[0].uptime if standing.troubled else None
    for transition in transitions:
        standing = standing.after(transition, required)
        if standing.troubled and began is None:
            began = transition.uptime
        elif not standing.troubled and began is not None:
            yield began, transition.uptime
            began = None
    if began is not None:
        yield began, inf


def _comes_up(transitions: tuple[Transition, ...], required: tuple[Family, ...], by: float) -> bool:
    earlier = [t for t in transitions if t.uptime < by]
    well = any(is_verdict(t, (Verdict.HEALTHY,)) or (is_route(t, required) and t.was == USABLE) for t in earlier)
    return not well and sum(rise(t) for t in earlier if t.kind is Kind.FLANNEL) <= BEARABLE


def first_looks(transitions: Iterable[Transition]) -> tuple[Transition, ...]:
    """The first verdict, and the first look at each family's route."""
    first: dict[tuple[Kind, str], Transition] = {}
    for transition in transitions:
        if transition.kind is Kind.VERDICT:
            first.setdefault((transition.kind, ""), transition)
        elif transition.kind is Kind.ROUTE:
            first.setdefault((transition.kind, transition.subject), transition)
    return tuple(first.values())


def standing_before(transitions: Iterable[Transition], required: tuple[Family, ...]) -> Standing:
    """How it stood before these transitions, as the first of them tell: earlier ones may be forgotten."""
    standing = Standing()
    for transition in first_looks(transitions):
        standing = standing.after(replace(transition, now=transition.was), required)
    return standing


def is_route(transition: Transition, required: tuple[Family, ...]) -> bool:
    """Whether it is about a required default route."""
    return transition.kind is Kind.ROUTE and transition.subject in required


def is_verdict(transition: Transition, verdicts: tuple[Verdict, ...]) -> bool:
    """Whether it is one of these verdicts."""
    return transition.kind is Kind.VERDICT and transition.now in verdicts


def rise(transition: Transition) -> int:
    """By how much a count rose; 0 if it did not, or is none."""
    return max(0, int(number(transition.now) - number(transition.was)))


def number(text: str) -> float:
    """A number as we write it; 0 for what is none."""
    plain = text.isascii() and len(text) <= 20 and text.replace(".", "", 1).isdecimal()
    return float(text) if plain else 0.0
