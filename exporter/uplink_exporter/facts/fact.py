"""What a fact is, when it was seen, and how the source that yields it fares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import ClassVar, Protocol, Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Instant:
    """One moment: seconds since boot, and the Unix time of that boot as the wall clock has it now."""

    uptime: float
    boot_time: float

    def unix(self, uptime: float) -> float:
        """The Unix time of a moment given in seconds since boot."""
        return self.boot_time + uptime


class Reason(StrEnum):
    """Why a source failed."""

    OVERFLOW = "overflow"
    CLOSED = "closed"
    INTERRUPTED = "interrupted"
    PERMISSION = "permission"
    TIMEOUT = "timeout"
    IO = "io"
    PARSE = "parse"
    FINISHED = "finished"
    INTERNAL = "internal"


class Fact(Protocol):
    """One complete slice of the node. `source` names who yields it; after `max_age` seconds it counts for nothing.

    `reasons` are those for which the source may fail, as far as it knows: a fault of ours is not among them.
    """

    source: ClassVar[str]
    max_age: ClassVar[float]
    reasons: ClassVar[tuple[Reason, ...]]

    def following(self, previous: Self | None, now: Instant) -> Self:
        """This fact with the counters of its predecessor carried on."""
        ...


class SourceError(Exception):
    """A source could not go on, for a reason of the closed set."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How one source fares: when it last yielded (None: never), and its failures by reason."""

    last_fact: Instant | None = None
    errors: Mapping[Reason, int] = field(default_factory=lambda: MappingProxyType({}))
    failing: bool = False
    """Whether it failed since it last yielded."""

    def yielded(self, now: Instant) -> Health:
        """This health after one more fact."""
        return replace(self, last_fact=now, failing=False)

    def failed(self, reason: Reason) -> Health:
        """This health after one more failure."""
        errors = MappingProxyType({**self.errors, reason: self.errors.get(reason, 0) + 1})
        return replace(self, errors=errors, failing=True)
