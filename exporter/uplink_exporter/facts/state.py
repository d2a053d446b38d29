"""All that is known of the node."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TypeVar

from uplink_exporter.facts.fact import Fact, Health, Instant, Reason
from uplink_exporter.facts.policy import Policy

F = TypeVar("F", bound=Fact)


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeState:
    """All that is known of this node. Replaced whole, never changed."""

    policy: Policy = field(default_factory=Policy)
    facts: Mapping[type, Fact] = field(default_factory=lambda: MappingProxyType({}))
    health: Mapping[str, Health] = field(default_factory=lambda: MappingProxyType({}))

    def last(self, kind: type[F]) -> F | None:
        """The last fact of that kind, however old."""
        fact = self.facts.get(kind)
        return fact if isinstance(fact, kind) else None

    def fresh(self, kind: type[F], now: Instant) -> F | None:
        """The last fact of that kind, or None if there is none or it is stale."""
        return self.last(kind) if self.up(kind.source, kind.max_age, now) else None

    def up(self, source: str, max_age: float, now: Instant) -> bool:
        """Whether the source has yielded within `max_age` seconds."""
        last = self.health.get(source, Health()).last_fact
        return last is not None and now.uptime - last.uptime <= max_age

    def observe(self, fact: Fact, now: Instant) -> NodeState:
        """This state after a source yielded a fact."""
        kind = type(fact)
        following = fact.following(self.last(kind), now)
        health = self.health.get(kind.source, Health()).yielded(now)
        return replace(
            self,
            facts=MappingProxyType({**self.facts, kind: following}),
            health=MappingProxyType({**self.health, kind.source: health}),
        )

    def fail(self, source: str, reason: Reason) -> NodeState:
        """This state after a source failed."""
        health = self.health.get(source, Health()).failed(reason)
        return replace(self, health=MappingProxyType({**self.health, source: health}))
