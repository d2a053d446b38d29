"""What changed on the node, held against what was written down last."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from uplink_exporter.diagnosis import Diagnosis, candidates, expected_uplinks
from uplink_exporter.facts import Family, Instant, Network, NodeState
from uplink_exporter.flannel.ledger import Ledger
from uplink_exporter.history.chronicle import MOST_TEXT, Chronicle, Kind, Transition

ABSENT = "absent"
USABLE = "usable"
NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A value of now. It makes a transition if it is not what it was: as known, else as written down last."""

    kind: Kind
    subject: str = ""
    now: str
    text: str = ""
    was: str | None = None


def transitions(before: NodeState, after: NodeState, chronicle: Chronicle, now: Instant) -> Iterator[Transition]:
    """What changed in the kernel's tables and in flannel's ledger."""
    for look in _looks(before, after):
        written = chronicle.last(look.kind, look.subject) if look.was is None else None
        was = look.was or (written.now if written else "")
        if was != look.now:
            yield _written(look, was, chronicle, now)


def verdict(diagnosis: Diagnosis, chronicle: Chronicle, now: Instant) -> Iterator[Transition]:
    """The verdict, if it changed. Its subject is the device, so the last one of any subject counts."""
    written = chronicle.last(Kind.VERDICT)
    if written is None or written.now != diagnosis.verdict:
        look = Look(kind=Kind.VERDICT, subject=diagnosis.device, now=diagnosis.verdict, text=diagnosis.summary)
        yield _written(look, written.now if written else "", chronicle, now)


def watch(value: str, chronicle: Chronicle, now: Instant, was: str = "") -> Transition:
    """The exporter began or ended to watch."""
    return _written(Look(kind=Kind.WATCH, now=value), was, chronicle, now)


def _written(look: Look, was: str, chronicle: Chronicle, now: Instant) -> Transition:
    return Transition(
        boot=chronicle.boot,
        uptime=now.uptime,
        wall=now.unix(now.uptime),
        kind=look.kind,
        subject=look.subject,
        was=was,
        now=look.now,
        text=look.text[:MOST_TEXT],
    )


def _looks(before: NodeState, after: NodeState) -> Iterator[Look]:
    network, ledger = after.last(Network), after.last(Ledger)
    was = before.last(Network) or Network()
    if network is not None and network.history is not was.history:
        yield from _routes(network, after.policy.required)
        yield from _moves(was, network)
    if network is not None and network.links is not was.links:
        yield from _operstates(was, network, after)
        yield from _carriers(was, network)
    if ledger is not None:
        known = before.last(Ledger) or Ledger()
        cause = ledger.last_words.cause if ledger.last_words else ""
        yield Look(kind=Kind.FLANNEL, subject="flannel", was=str(known.restarts), now=str(ledger.restarts), text=cause)


def _routes(network: Network, required: tuple[Family, ...]) -> Iterator[Look]:
    for family, history in network.history.items():
        devices = ", ".join(network.uplinks.get(family, ()))
        # That a node has never had what it need not have is nothing to tell.
        if devices or family in required:
            now = USABLE if history.usable else NONE
            yield Look(kind=Kind.ROUTE, subject=family, now=now, text=devices)


def _moves(was: Network, network: Network) -> Iterator[Look]:
    for family, history in network.history.items():
        before = was.history.get(family)
        if history.device and history.earlier and (before is None or history.moved != before.moved):
            yield Look(kind=Kind.MOVE, subject=family, was=history.earlier.name, now=history.device.name)


def _operstates(was: Network, network: Network, state: NodeState) -> Iterator[Look]:
    named = {link.name for known in (was, network) for link in candidates(known)}
    for name in sorted(named | {expected.device for expected in expected_uplinks(state)}):
        link = network.link(name)
        yield Look(kind=Kind.OPERSTATE, subject=name, now=link.operstate if link else ABSENT)


def _carriers(was: Network, network: Network) -> Iterator[Look]:
    """The kernel counts on while nobody watches."""
    if all(history.known_until is None for history in was.history.values()):
        return
    for known in was.links:
        link = network.link(known.name)
        if link is not None and link.carrier_changes > known.carrier_changes:
            counts = known.carrier_changes, link.carrier_changes
            yield Look(kind=Kind.CARRIER, subject=link.name, was=str(counts[0]), now=str(counts[1]))
