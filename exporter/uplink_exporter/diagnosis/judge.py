"""From the state to one verdict. Pure and total.

RULES is the precedence: the first that applies wins. Its evidence is the causal chain, cause first; what is merely a
consequence (flannel, pods, load) is told after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from uplink_exporter.diagnosis.dead import route_dead
from uplink_exporter.diagnosis.flannel import (
    flannel_failing,
    flannel_refuses,
    flannel_symptoms,
    pod_symptoms,
    recovering,
)
from uplink_exporter.diagnosis.uplink import route_missing, uplink_down, uplink_missing
from uplink_exporter.diagnosis.verdict import Diagnosis, Evidence, Finding, Verdict
from uplink_exporter.diagnosis.view import View
from uplink_exporter.diagnosis.words import EARLY, duration, leaves_by, link_state, since, ways_out
from uplink_exporter.facts import Host, Instant, Load, Network, NodeState

RULES: tuple[tuple[Verdict, Callable[[View], Finding | None]], ...] = (
    (Verdict.UPLINK_MISSING, uplink_missing),
    (Verdict.UPLINK_DOWN, uplink_down),
    (Verdict.ROUTE_MISSING, route_missing),
    (Verdict.ROUTE_DEAD, route_dead),
    (Verdict.FLANNEL_REFUSES, flannel_refuses),
    (Verdict.RECOVERING, recovering),
    (Verdict.FLANNEL_FAILING, flannel_failing),
)


def diagnose(state: NodeState, now: Instant, *, watched: bool = True) -> Diagnosis:
    """Judge the node; `watched` tells that somebody looks all the time, and not once."""
    return judged(View(state=state, now=now, watched=watched))


def judged(view: View) -> Diagnosis:
    """Judge the node as it is seen."""
    if view.seen is None:
        return _diagnosis(Verdict.UNKNOWN, silent(view.state, view.now), ())
    # However old: a process does not change its network namespace.
    if not (view.state.last(Host) or view.host).host_network:
        return _diagnosis(Verdict.UNKNOWN, IN_A_POD, ())
    symptoms = (*flannel_symptoms(view), *pod_symptoms(view), *overload(view, view.load))
    for verdict, rule in RULES:
        if finding := rule(view):
            return _diagnosis(verdict, finding, symptoms)
    return _diagnosis(Verdict.HEALTHY, healthy(view), symptoms)


def _diagnosis(verdict: Verdict, finding: Finding, symptoms: tuple[Evidence, ...]) -> Diagnosis:
    return Diagnosis(
        verdict=verdict,
        summary=finding.summary,
        evidence=(*finding.evidence, *symptoms),
        remedy=tuple(finding.remedy),
        device=finding.device,
    )


IN_A_POD = Finding(
    summary="this is a pod's own network, not the node's",
    evidence=(Evidence(subject="network namespace", observed="a pod's own: nothing seen here is about the node"),),
    remedy=("# set hostNetwork: true in the exporter's pod spec",),
)


def silent(state: NodeState, now: Instant) -> Finding:
    """The kernel could not be asked, or not lately."""
    health = state.health.get(Network.source)
    last = health.last_fact if health else None
    seen = f"silent for {duration(now.uptime - last.uptime)}" if last else "no answer yet"
    errors = ", ".join(f"{reason} {count}x" for reason, count in health.errors.items()) if health else ""
    return Finding(
        summary="the kernel cannot be asked for its routes",
        evidence=(Evidence(subject="rtnetlink", observed=f"{seen}; failed: {errors}" if errors else seen),),
        remedy=("# read the exporter's log: it says why the netlink source fails",),
    )


def healthy(view: View) -> Finding:
    """Nothing applied: what carries the traffic, and what it went through in this boot."""
    ways = [way for family in view.required for way in view.network.ways_out(family)]
    link = view.network.link_at(ways[0].hop.index) if ways and ways[0].hop else None
    return Finding(
        summary=f"healthy: {leaves_by(view, ways[0]) if ways else 'no default route is required'}",
        evidence=(
            *ways_out(view),
            *(Evidence(subject=link.name, observed=link_state(link)) for link in (link,) if link),
            *(evidence for family in view.required for evidence in since(view, family)),
        ),
    )


def overload(view: View, load: Load | None) -> Iterator[Evidence]:
    """A load that the node does not bear."""
    if load is not None and load.strained:
        blocked = f", {load.blocked} process{'es' * (load.blocked > 1)} blocked" if load.blocked else ""
        meaning = ": a consequence, not the cause" if _follows(view, load) else ""
        yield Evidence(subject="load", observed=f"{load.load1:.1f} on {load.cpus} CPUs{blocked}{meaning}")


def _follows(view: View, load: Load) -> bool:
    """Whether it rose after the last way out was lost, as far as it was seen."""
    family = view.cut_off()
    history = view.history(family) if family else None
    if history is None or history.absent_since is None:
        return False
    if not history.seen and history.watched_since <= EARLY:
        return True
    return load.bearable_at is not None and load.bearable_at >= max(history.absent_since, history.watched_since)
