"""What a diagnosis is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """The closed set of `uplink_diagnosis`."""

    UNKNOWN = "unknown"
    UPLINK_MISSING = "uplink_missing"
    UPLINK_DOWN = "uplink_down"
    ROUTE_MISSING = "route_missing"
    ROUTE_DEAD = "route_dead"
    FLANNEL_REFUSES = "flannel_refuses"
    FLANNEL_FAILING = "flannel_failing"
    RECOVERING = "recovering"
    HEALTHY = "healthy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One link of the causal chain: what was looked at, and what was seen."""

    subject: str
    observed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """The verdict, one line that says it, the causal chain behind it, and what to run on this machine."""

    verdict: Verdict
    summary: str
    evidence: tuple[Evidence, ...]
    remedy: tuple[str, ...] = ()
    device: str = ""
    """The uplink that is to blame, empty if it is not one device."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a rule has to say if it applies."""

    summary: str
    evidence: Iterable[Evidence]
    remedy: Iterable[str] = ()
    device: str = ""
