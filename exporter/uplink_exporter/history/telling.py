"""How the history goes on with each fact."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from types import MappingProxyType

from uplink_exporter.diagnosis import Diagnosis
from uplink_exporter.facts import Fact, Instant, Network, NodeState, Policy
from uplink_exporter.flannel.ledger import kept
from uplink_exporter.history.chronicle import Chronicle
from uplink_exporter.history.memory import Memory, recall
from uplink_exporter.history.milestones import Milestones
from uplink_exporter.history.transitions import transitions, verdict, watch

BEGAN = "began"
ENDED = "ended"


def begun(policy: Policy, memory: Memory | None, chronicle: Chronicle, boot: str, now: Instant) -> NodeState:
    """The state to begin a run with, out of what earlier runs left."""
    left = recall(memory, boot, now) if memory else ()
    facts = (*left, replace(chronicle, boot=boot))
    return NodeState(policy=policy, facts=MappingProxyType({type(fact): fact for fact in facts}))


def told(before: NodeState, fact: Fact, now: Instant) -> NodeState:
    """The state after a source yielded a fact, with all that follows from it: flannel's ledger, and the history."""
    after = kept(before.observe(fact, now), fact, now)
    milestones = after.last(Milestones) or Milestones()
    reached = milestones.after(fact, after, now)
    if reached is not milestones:
        after = after.observe(reached, now)
    chronicle = after.last(Chronicle) or Chronicle()
    first = isinstance(fact, Network) and Network.source not in before.health
    began = (watch(BEGAN, chronicle, now, _watched_until(before)),) if first else ()
    return _after(after, chronicle.after(chain(began, transitions(before, after, chronicle, now))), now)


def _watched_until(before: NodeState) -> str:
    """Until when (in seconds since boot) an earlier run watched this boot, empty if none did."""
    network = before.last(Network) or Network()
    known = [history.known_until for history in network.history.values() if history.known_until is not None]
    return f"{max(known):.3f}" if known else ""


def judged(state: NodeState, diagnosis: Diagnosis, now: Instant) -> NodeState:
    """The state with its verdict written down, if it changed."""
    chronicle = state.last(Chronicle) or Chronicle()
    return _after(state, chronicle.after(verdict(diagnosis, chronicle, now)), now)


def ended(state: NodeState, now: Instant) -> NodeState:
    """The state after we ended to watch."""
    chronicle = state.last(Chronicle) or Chronicle()
    return _after(state, chronicle.after((watch(ENDED, chronicle, now),)), now)


def _after(state: NodeState, chronicle: Chronicle, now: Instant) -> NodeState:
    return state if chronicle is state.last(Chronicle) else state.observe(chronicle, now)
