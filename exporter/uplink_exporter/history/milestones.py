"""How this boot came along: when the uplink, its address, the default route and flannel were first there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import islice
from types import MappingProxyType
from typing import ClassVar

from uplink_exporter.diagnosis import addressed, candidates, expected_uplinks
from uplink_exporter.facts import Fact, Family, Instant, Link, Network, NodeState, Reason
from uplink_exporter.flannel.observed import FlannelLogs, NodePods

MOST_DEVICES = 64

UNWATCHED = -1.0
"""In place of a time: reached while nobody watched."""


class Milestone(StrEnum):
    """What a boot gets past, in this order."""

    LINK = "link"
    ADDRESS = "address"
    DEFAULT_ROUTE = "default_route"
    FLANNEL = "flannel"


@dataclass(frozen=True, slots=True, kw_only=True)
class Milestones:
    """When (in seconds since boot) each was first seen. One that is not later than `watched_since` came by then."""

    source: ClassVar[str] = "milestones"
    max_age: ClassVar[float] = float("inf")
    reasons: ClassVar[tuple[Reason, ...]] = ()

    watched_since: float | None = None
    """When the kernel's tables and the pod logs were first looked at in this boot."""
    looked: frozenset[str] = frozenset()
    """The sources that have looked since this run of ours began."""
    resumed: bool = False
    """Whether an earlier run watched this boot, so that there is a gap."""
    links: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    """By device, since the uplink may become known only after it came up."""
    addresses: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    default_route: float | None = None
    flannel: float | None = None

    def following(self, previous: Milestones | None, now: Instant) -> Milestones:
        """Itself: it is made from its predecessor."""
        return self

    def after(self, fact: Fact, state: NodeState, now: Instant) -> Milestones:
        """These milestones after a source yielded its fact; the same object if nothing was reached."""
        if not isinstance(fact, Network | FlannelLogs | NodePods):
            return self
        first = fact.source not in self.looked
        # The API server may answer an hour after boot: what it says first tells nothing of when.
        at = UNWATCHED if first and (self.resumed or isinstance(fact, NodePods)) else now.uptime
        after = self
        if isinstance(fact, Network):
            after = self._network(state, at)
        elif self.flannel is None and _flannel_started(state, now):
            after = replace(self, flannel=at)
        if not first:
            return after
        since = self.watched_since if at == UNWATCHED else now.uptime
        return replace(after, looked=self.looked | {fact.source}, watched_since=since)

    def _network(self, state: NodeState, at: float) -> Milestones:
        network, required = state.last(Network) or Network(), state.policy.required or tuple(Family)
        up = [link for link in candidates(network) if link.carries]
        with_address = [link for link in up if any(addressed(network, link, family) for family in required)]
        after = replace(self, links=_first(self.links, up, at), addresses=_first(self.addresses, with_address, at))
        if self.default_route is None and _routed(network, state.policy.required):
            after = replace(after, default_route=at)
        return self if after == self else after


def reached(state: NodeState, milestones: Milestones) -> Mapping[Milestone, float]:
    """The milestones of known time that this boot has got past; of links, by the uplink expected now, if one is."""
    expected = [expected.device for expected in expected_uplinks(state)]
    found = {
        Milestone.LINK: _of(expected, milestones.links),
        Milestone.ADDRESS: _of(expected, milestones.addresses),
        Milestone.DEFAULT_ROUTE: milestones.default_route,
        Milestone.FLANNEL: milestones.flannel,
    }
    return {milestone: at for milestone, at in found.items() if at is not None and at != UNWATCHED}


def _of(expected: list[str], seen: Mapping[str, float]) -> float | None:
    return min((at for device, at in seen.items() if not expected or device in expected), default=None)


def _first(seen: Mapping[str, float], links: Iterable[Link], at: float) -> Mapping[str, float]:
    new = {link.name: at for link in links if link.name not in seen}
    return MappingProxyType(dict(islice({**seen, **new}.items(), MOST_DEVICES))) if new else seen


def _routed(network: Network, required: tuple[Family, ...]) -> bool:
    seen = {family for family, history in network.history.items() if history.seen}
    return seen.issuperset(required) if required else bool(seen)


def _flannel_started(state: NodeState, now: Instant) -> bool:
    """Flannel writes subnet.env once it got through its start, into /run, which a boot finds empty."""
    logs, pods = state.fresh(FlannelLogs, now), state.fresh(NodePods, now)
    if logs is not None and logs.listed:
        return logs.subnet_file is not None
    return pods is not None and any(container.ready for container in pods.flannel)
