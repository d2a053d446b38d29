"""What must outlive a restart of ours, and what of it outlives a boot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import ClassVar

from uplink_exporter.diagnosis import candidates
from uplink_exporter.facts import Fact, Family, Instant, Link, Network, NodeState, Reason, RouteHistory
from uplink_exporter.flannel.ledger import Ledger
from uplink_exporter.flannel.observed import ApiPath, FlannelLogs, NodePods
from uplink_exporter.history.chronicle import Chronicle
from uplink_exporter.history.milestones import Milestones

MOST_LINKS = 64

TICK = 300.0
"""Seconds between two writes while nothing changes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """How flannel was set up when it was seen last, and where the API server was found."""

    flags_line: str = ""
    args: tuple[str, ...] | None = None
    env: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    version: str = ""
    stack: str = ""
    endpoints: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What one run of ours leaves to the next. `uplinks` and `setup` hold over boots, the rest within one."""

    boot: str
    known_until: float
    uplinks: Mapping[Family, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    setup: Setup = field(default_factory=Setup)
    routes: Mapping[Family, RouteHistory] = field(default_factory=lambda: MappingProxyType({}))
    links: tuple[Link, ...] = ()
    """Those that could be an uplink, for the kernel's own counts."""
    overlays: Mapping[str, float | None] = field(default_factory=lambda: MappingProxyType({}))
    ledger: Ledger = field(default_factory=Ledger)
    milestones: Milestones = field(default_factory=Milestones)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """That the record was written, and how many files that could not be read lie beside it."""

    source: ClassVar[str] = "recorder"
    max_age: ClassVar[float] = 3 * TICK
    reasons: ClassVar[tuple[Reason, ...]] = (Reason.PERMISSION, Reason.IO, Reason.OVERFLOW)

    set_aside: int

    def following(self, previous: Recorded | None, now: Instant) -> Recorded:
        """Itself."""
        return self


def remember(state: NodeState, boot: str, now: Instant) -> Memory:
    """What is to be left, as of now."""
    network, pods = state.last(Network) or Network(), state.last(NodePods)
    logs = state.last(FlannelLogs)
    setup = Setup(flags_line=logs.flags_line if logs else "")
    if pods is not None:
        setup = replace(
            setup, args=pods.args, env=pods.env, version=pods.version, stack=pods.stack, endpoints=pods.endpoints
        )
    return Memory(
        boot=boot,
        known_until=now.uptime,
        uplinks=network.uplinks,
        setup=setup,
        routes=network.history,
        links=candidates(network)[:MOST_LINKS],
        overlays=network.overlays,
        ledger=state.last(Ledger) or Ledger(),
        milestones=state.last(Milestones) or Milestones(),
    )


def inheriting(memory: Memory, earlier: Memory | None) -> Memory:
    """The memory, with what holds over boots out of an earlier one where this run knows nothing of it."""
    if earlier is None:
        return memory
    setup, flags_line = memory.setup, memory.setup.flags_line or earlier.setup.flags_line
    if replace(setup, flags_line="") == Setup():  # the API server was not heard
        setup = earlier.setup
    uplinks = MappingProxyType({**earlier.uplinks, **memory.uplinks})
    return replace(memory, uplinks=uplinks, setup=replace(setup, flags_line=flags_line))


def recall(memory: Memory, boot: str, now: Instant) -> tuple[Fact, ...]:
    """The facts to begin with in that boot. No source has told them, so none of them is fresh."""
    setup = memory.setup
    lasting = (
        FlannelLogs(found=False, listed=False, flags_line=setup.flags_line),
        NodePods(
            path=ApiPath.NONE,
            args=setup.args,
            env=setup.env,
            version=setup.version,
            stack=setup.stack,
            endpoints=setup.endpoints,
        ),
    )
    # The uptime of a boot cannot fall: a memory of the future is of a copied disk, or of a snapshot that was restored.
    if not boot or memory.boot != boot or memory.known_until > now.uptime:
        return (*lasting, Network(uplinks=memory.uplinks))
    routes = {family: _unwatched(history, memory.known_until) for family, history in memory.routes.items()}
    network = Network(
        links=memory.links, history=MappingProxyType(routes), uplinks=memory.uplinks, overlays=memory.overlays
    )
    milestones = replace(memory.milestones, looked=frozenset(), resumed=True)
    return (*lasting, network, memory.ledger, milestones)


def _unwatched(history: RouteHistory, until: float) -> RouteHistory:
    # The run that left it may have looked at nothing either.
    return replace(history, known_until=until if history.known_until is None else history.known_until)


def changed(before: NodeState, after: NodeState) -> bool:
    """Whether something changed that is to be left, other than by time going on."""
    if any(after.last(kind) is not before.last(kind) for kind in (Chronicle, Milestones)):
        return True
    was, ledger = before.last(Ledger), after.last(Ledger)
    return ledger is not was and _counts(was) != _counts(ledger)


def _counts(ledger: Ledger | None) -> object:
    return ledger and (ledger.restarts, ledger.tallies, ledger.crashes)
