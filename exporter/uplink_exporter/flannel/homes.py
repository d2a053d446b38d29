"""Where flannel lives on this node, and how the unit fares that is its home."""

from __future__ import annotations

from dataclasses import dataclass

from uplink_exporter.facts import Instant, NodeState
from uplink_exporter.flannel.k3s import K3sOptions, flannel_in, parse_k3s_args
from uplink_exporter.flannel.observed import FlannelLogs, LastWords, NodePods
from uplink_exporter.flannel.options import OptionsError, parse_version, split_args
from uplink_exporter.flannel.units import FlannelJournal, FlannelUnits, Home, Learned, UnitLog, UnitState, home_of

HUNG = 300.0
"""Seconds after which a unit that has not got through its start is not about to: k3s takes 20 where it is slow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A unit that is flannel's home, or comes before it."""

    name: str
    home: Home
    state: UnitState
    log: UnitLog | None = None
    """What the journal tells of it; None if it does not."""

    def words(self, *, just: bool) -> LastWords | None:
        """Of its newest run, or of the one before if that has `just` begun, or what it waits for."""
        if self.log is None:
            return None
        return self.log.ended or (next(reversed(self.log.last_words), None) if just else self.log.waits)

    def hangs(self, now: Instant) -> bool:
        """Whether it runs, and is not about to get through its start."""
        log = self.log
        if log is None or self.state is not UnitState.RUNNING or log.started or log.since is None:
            return False
        return log.waits is not None and now.uptime - log.since > HUNG


def units(state: NodeState, now: Instant) -> tuple[Unit, ...]:
    """The units that are there in this boot, those that try to run first, those that were stopped last."""
    journal, seen = state.fresh(FlannelJournal, now), state.fresh(FlannelUnits, now)
    logs = {log.unit: log for log in (journal.units if journal else ())}
    running = {unit.unit: unit.running for unit in (seen.units if seen else ())}
    known = (_unit(name, logs.get(name), running.get(name)) for name in dict.fromkeys((*logs, *running)))
    return tuple(sorted(known, key=lambda unit: (_URGENCY.index(unit.state), unit.name)))


_URGENCY = (UnitState.RESTARTING, UnitState.RUNNING, UnitState.STOPPED)


def _unit(name: str, log: UnitLog | None, running: bool | None) -> Unit:
    # A link is absent between two runs as well as after the last.
    by_link = UnitState.RUNNING if running else UnitState.RESTARTING
    return Unit(name=name, home=home_of(name), state=log.state if log else by_link, log=log)


def home_unit(state: NodeState, now: Instant) -> Unit | None:
    """The unit that counts; None if flannel is known to live in a pod alone, or nothing is known."""
    return next(iter(units(state, now)), None)


def lasting_home(state: NodeState) -> str:
    """The name of the unit, however long ago it was heard of; empty if there is none."""
    journal, seen = state.last(FlannelJournal), state.last(FlannelUnits)
    logs, names = journal.units if journal else (), [unit.unit for unit in (seen.units if seen else ())]
    alive = [log.unit for log in logs if log.state is not UnitState.STOPPED]
    return next(iter((*alive, *(log.unit for log in logs), *names)), "")


def in_pods(state: NodeState) -> bool:
    """Whether flannel was seen as a pod."""
    logs, pods = state.last(FlannelLogs), state.last(NodePods)
    return bool((logs and logs.found) or (pods and pods.flannel))


def k3s_options(state: NodeState, unit: str) -> K3sOptions | None:
    """As given, else as it said; None if what is given cannot be read."""
    given = state.policy.flannel
    try:
        flags = parse_k3s_args(split_args(given.args))
    except OptionsError:
        return None
    learned = _learned(state, unit)
    return K3sOptions(
        iface=flags.get("flannel-iface", "") or learned.iface,
        node_ip=flags.get("node-ip", "") or flags.get("i", ""),
        version=parse_version(given.version) or flannel_in(learned.version),
    )


def _learned(state: NodeState, unit: str) -> Learned:
    journal = state.last(FlannelJournal)
    return next((log.learned for log in (journal.units if journal else ()) if log.unit == unit), Learned())
