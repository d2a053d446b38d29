"""Flannel where it is no pod: inside k3s, or a service of its own. Such a unit is to the ledger what a container is."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import ClassVar

from uplink_exporter.facts import Instant, Reason
from uplink_exporter.flannel.observed import LastWords

UNITS = (
    "k3s.service",
    "k3s-agent.service",
    "k3s-*.service",
    "rke2-server.service",
    "rke2-agent.service",
    "snap.microk8s.daemon-flanneld.service",
    "snap.microk8s.daemon-kubelite.service",
    "flanneld.service",
)
"""Where flannel may live; `k3s-*` is for INSTALL_K3S_NAME."""

MOST_UNITS = 8


class Home(StrEnum):
    """Where flannel lives; the label `home` of `uplink_flannel_home_info`."""

    POD = "pod"
    K3S = "k3s"
    RKE2 = "rke2"
    MICROK8S = "microk8s"
    SERVICE = "service"


class UnitState(StrEnum):
    """How a unit fares, by its systemd or OpenRC."""

    RUNNING = "running"
    RESTARTING = "restarting"
    STOPPED = "stopped"


def home_of(unit: str) -> Home:
    """Whose unit it is, by its name."""
    if unit.startswith("snap.microk8s."):
        return Home.MICROK8S
    return next((home for home in (Home.K3S, Home.RKE2) if re.match(rf"{home}\b", unit)), Home.SERVICE)


def asks_for_node_ip(unit: str) -> bool:
    """Whether it looks for the node's IP, or holds an API server that does, before flannel can start."""
    return home_of(unit) in (Home.K3S, Home.RKE2) or unit == "snap.microk8s.daemon-kubelite.service"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitSeen:
    """A unit as its manager's run-time directory has it. `restarts` counts what was seen there, which may be less."""

    unit: str
    running: bool
    restarts: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FlannelUnits:
    """The units that may be flannel's home, and that are there."""

    source: ClassVar[str] = "units"
    max_age: ClassVar[float] = 90.0
    reasons: ClassVar[tuple[Reason, ...]] = (Reason.PERMISSION, Reason.IO)

    boot: str
    listed: bool = True
    """Whether there is a directory of units at all: without it, nothing was looked at."""
    units: tuple[UnitSeen, ...] = ()

    def following(self, previous: FlannelUnits | None, now: Instant) -> FlannelUnits:
        """Itself. The ledger counts, over paths."""
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """What a unit said of itself in its current run. Empty is "did not say"."""

    version: str = ""
    """k3s's own, as `v1.33.1+k3s1`."""
    iface: str = ""
    """What it was told by --flannel-iface, as far as it complained of that."""
    started: bool = False
    """Whether it said that flannel got through its start; of RKE2, that the kubelet starts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitLog:
    """One unit by its journal, in this boot."""

    unit: str
    state: UnitState
    restarts: int
    """By its manager, all of this boot."""
    times: tuple[float, ...] = ()
    """When the last of them were, in seconds since boot."""
    last_words: tuple[LastWords, ...] = ()
    """Of the last runs that crashed, in their order."""
    ended: LastWords | None = None
    """Of the newest run, if that is over."""
    since: float | None = None
    """When the newest run began, in seconds since boot; None if the journal goes back less far."""
    started: bool | None = None
    """Whether the newest run got through its start; None if that cannot be told."""
    waits: LastWords | None = None
    """What a run that did not get through its start says again and again."""
    learned: Learned = Learned()


@dataclass(frozen=True, slots=True, kw_only=True)
class FlannelJournal:
    """The units that may be flannel's home as the journal tells of them."""

    source: ClassVar[str] = "journal"
    max_age: ClassVar[float] = 90.0
    reasons: ClassVar[tuple[Reason, ...]] = (Reason.PERMISSION, Reason.IO, Reason.PARSE)

    boot: str
    listed: bool = True
    """Whether there is a journal at all."""
    units: tuple[UnitLog, ...] = ()

    def following(self, previous: FlannelJournal | None, now: Instant) -> FlannelJournal:
        """Itself, with what units said of themselves before the run that has not said it yet."""
        if previous is None:
            return self
        before = {log.unit: log.learned for log in previous.units}
        return replace(self, units=tuple(_remembering(log, before.get(log.unit, Learned())) for log in self.units))


def _remembering(log: UnitLog, before: Learned) -> UnitLog:
    learned = replace(
        log.learned,
        version=log.learned.version or before.version,
        iface=log.learned.iface or before.iface,
    )
    return replace(log, learned=learned)
