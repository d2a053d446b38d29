"""How flannel fares on this node, out of all that is known of it, and what it would do if it started now."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf

from uplink_exporter.facts import Instant, NodeState
from uplink_exporter.flannel.homes import Unit, home_unit
from uplink_exporter.flannel.ledger import Ledger
from uplink_exporter.flannel.observed import (
    Cause,
    ContainerRestarts,
    FlannelContainer,
    FlannelLogs,
    LastWords,
    NodePods,
)
from uplink_exporter.flannel.units import Home, UnitState

# What flannel dies of while the uplink is gone. An API server that does not answer has other reasons besides: where the
# service's address is out of reach without a route, that counts as no_default_route.
UPLINK_CAUSES = frozenset(
    {
        Cause.NO_DEFAULT_ROUTE,
        Cause.NO_DEFAULT_ROUTE6,
        Cause.IFACE_NO_ADDRESS,
        Cause.IFACE_MISSING,
        Cause.IFACE_IP_MISSING,
        Cause.ROUTE_DUMP_RACE,
    }
)


# One that crash-loops runs for a moment at each attempt; v0.28.9 dies of a missing route within half a second.
SETTLING = 15.0
# A k3s that is told its node's IP comes to flannel's question after 20 seconds.
SETTLING_OF_UNIT = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """Flannel now. None means that nobody here can tell."""

    found: bool = False
    running: bool | None = None
    ready: bool | None = None
    waiting: str = ""
    """The kubelet's reason if the container waits; empty if it does not, or if the API cannot be asked."""
    restarted: bool = False
    """Whether it began anew within the last moments, so that it is too early to say that it stays."""
    ended: LastWords | None = None
    """The last words of its newest attempt that is over; None while it runs, unless it has just restarted."""
    container: ContainerRestarts | None = None
    """Which one it is, and its restart count: by the API server, else by the logs if they are of one alone."""
    began: tuple[float, float] | None = None
    """Between which uptimes the attempt began that is over; None if nothing is known of it."""
    running_since: float | None = None
    """After which uptime the attempt began that runs; None if it does not run, or was there before we looked."""
    hangs: bool = False
    """Whether it runs, and is not about to get through its start."""
    unit: str = ""
    """Which unit it is, empty if it is a container."""
    died: float | None = None
    """When flannel crashed last, in seconds since boot; None if it is not known to have crashed."""


def condition(state: NodeState, now: Instant) -> Condition:
    """Flannel by the API where it answers, and by its logs."""
    unit = home_unit(state, now)
    if unit is not None and (unit.home is not Home.RKE2 or unit.state is not UnitState.RUNNING or unit.hangs(now)):
        return _of_unit(state, unit, now)
    of_pod = _of_pod(state, now)
    return of_pod if unit is None or of_pod.running is not None else _of_unit(state, unit, now)


def _of_unit(state: NodeState, unit: Unit, now: Instant) -> Condition:
    ledger, log = state.last(Ledger) or Ledger(), unit.log
    running = unit.state is UnitState.RUNNING
    just = restarted(state, SETTLING_OF_UNIT, now) > 0
    hangs = unit.hangs(now)
    ended = unit.words(just=just) if just or hangs or not running else None
    return Condition(
        found=True,
        running=running,
        ready=log.started if log and running else False if not running else None,
        restarted=just,
        ended=ended,
        began=ledger.began(ended, now) if ended else None,
        running_since=log.since if log and running else None,
        hangs=hangs,
        unit=unit.name,
        died=ledger.last_crash,
    )


def _of_pod(state: NodeState, now: Instant) -> Condition:
    logs, pods = state.fresh(FlannelLogs, now), state.fresh(NodePods, now)
    container = newest(pods) if pods else None
    if logs is not None and not logs.found:
        logs = None
    if container is not None:
        known = _by_api(container, logs)
    elif logs is not None:
        known = Condition(found=True, running=_runs(logs, now), container=_only(logs.restarts))
    else:
        return Condition(found=state.policy.flannel.given)
    just = restarted(state, SETTLING, now) > 0
    ended = _judged(_words(logs, just=just), container) if just or not known.running else None
    ledger, about = state.last(Ledger) or Ledger(), ended or (known.container if known.running is False else None)
    began = ledger.began(about, now) if about else None
    attempts = (known.container,) if known.container else logs.restarts if logs else ()
    since = max((ledger.began(told, now)[0] for told in attempts), default=-inf) if known.running else -inf
    return replace(
        known,
        restarted=just,
        ended=ended,
        began=began,
        running_since=None if since == -inf else since,
        died=ledger.last_crash,
    )


def _by_api(container: FlannelContainer, logs: FlannelLogs | None) -> Condition:
    told = container.restarts
    if logs is not None and _goes_on(logs, container):
        return Condition(found=True, running=logs.ended is None, container=told)
    return Condition(
        found=True, running=container.running, ready=container.ready, waiting=container.waiting, container=told
    )


def _goes_on(logs: FlannelLogs, container: FlannelContainer) -> bool:
    """Whether the logs know what became of the container since the API server told of it, maybe minutes ago."""
    told, ended = container.restarts, logs.ended
    counts = (known.count for known in logs.restarts if (known.uid, known.container) == (told.uid, told.container))
    died = ended is not None and (ended.uid, ended.container, ended.attempt) == (told.uid, told.container, told.count)
    return max(counts, default=0) > told.count or (container.running and died)


def _runs(logs: FlannelLogs, now: Instant) -> bool | None:
    """By its logs alone. They outlive a reboot: an attempt that left no last words may be of the last boot.

    /run begins empty, so flannel's file in it tells; canal does not write it, but to its log.
    """
    if logs.ended is not None:
        return False
    in_this_boot = logs.written is not None and now.boot_time <= logs.written <= now.unix(now.uptime)
    return True if logs.subnet_file is not None or (logs.started and in_this_boot) else None


def _only(restarts: tuple[ContainerRestarts, ...]) -> ContainerRestarts | None:
    return restarts[0] if len(restarts) == 1 else None


def _words(logs: FlannelLogs | None, *, just: bool) -> LastWords | None:
    """Those of the newest attempt; of the one before, if the newest has just begun."""
    if logs is None:
        return None
    return logs.ended or (next(reversed(logs.last_words), None) if just else None)


def _judged(ended: LastWords | None, container: FlannelContainer | None) -> LastWords | None:
    """The last words, with what the kubelet knows of an attempt that had none of its own."""
    if container is None or container.oom < 0:
        return ended
    told = container.restarts
    killed = LastWords(uid=told.uid, container=told.container, attempt=container.oom, cause=Cause.OOM, line="")
    if ended is None:
        return killed if container.oom == told.count else None
    same = (ended.uid, ended.container, ended.attempt) == (killed.uid, killed.container, killed.attempt)
    return replace(ended, cause=Cause.OOM) if same and ended.cause is Cause.UNKNOWN else ended


def newest(pods: NodePods) -> FlannelContainer | None:
    """The container that counts where a pod is being replaced: one that runs, else the first."""
    return next((container for container in pods.flannel if container.running), next(iter(pods.flannel), None))


def restarted(state: NodeState, window: float, now: Instant) -> int:
    """Restarts seen in the last `window` seconds."""
    ledger = state.last(Ledger)
    return ledger.delta(window, now) if ledger else 0
