"""What the rules look at."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from itertools import islice

from uplink_exporter.diagnosis.likely import routed, suspects
from uplink_exporter.facts import Family, Host, Instant, Link, Load, Network, NodeState, RouteHistory, Wireless
from uplink_exporter.flannel.choice import Choice, Refusal
from uplink_exporter.flannel.condition import Condition, condition, restarted
from uplink_exporter.flannel.goip import parse_ip
from uplink_exporter.flannel.observed import NodePods, WaitingContainer
from uplink_exporter.flannel.question import options, question


class Expectation(StrEnum):
    """Why a device is expected to carry the default route; the label `reason` of `uplink_interface_expected`."""

    ROUTE = "route"
    REMEMBERED = "remembered"
    CONFIGURED = "configured"
    FLANNEL = "flannel"
    SUSPECTED = "suspected"


# These do not tell which device the default route is expected by: flannel may use another, and a suspicion is a guess.
_NOT_TOLD = frozenset({Expectation.FLANNEL, Expectation.SUSPECTED})

MOST_SUSPECTS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """A device that is expected to carry the default route."""

    device: str
    reason: Expectation


def expected_uplinks(state: NodeState) -> tuple[Expected, ...]:
    """Each device once: what carries a required default route, else what last carried it, and what is configured.

    Where none of that is known, what the missing route is blamed on. Last the devices that flannel is told to use,
    which need not be those of the default route.
    """
    network = state.last(Network) or Network()
    found: dict[str, Expectation] = {}
    for family in state.policy.required or tuple(Family):
        carrying = network.devices(family)
        for device in network.uplinks.get(family, ()):
            found.setdefault(device, Expectation.ROUTE if device in carrying else Expectation.REMEMBERED)
    for device in state.policy.devices:
        link = network.device(device)
        found.setdefault(link.name if link else device, Expectation.CONFIGURED)
    if not found:
        links = (link for family in state.policy.required for link in suspects(network, family))
        found |= {link.name: Expectation.SUSPECTED for link in islice(links, MOST_SUSPECTS)}
    asked = options(state)
    for device in asked.ifaces if asked else ():
        if device and parse_ip(device) is None:
            found.setdefault(device, Expectation.FLANNEL)
    return tuple(Expected(device=device, reason=reason) for device, reason in found.items())


@dataclass(frozen=True, kw_only=True)
class View:
    """A state at a moment, and what is worked out of it, each at most once. Stale facts are not in it.

    `watched` tells that somebody looks all the time; doctor looks once.
    """

    state: NodeState
    now: Instant
    watched: bool = True

    @cached_property
    def seen(self) -> Network | None:
        """The network; None if its source is stale."""
        return self.state.fresh(Network, self.now)

    @property
    def network(self) -> Network:
        """The network; an empty one if its source is stale, of which no rule is asked."""
        return self.seen or Network()

    @cached_property
    def host(self) -> Host:
        """The node around the network."""
        return self.state.fresh(Host, self.now) or Host()

    @cached_property
    def load(self) -> Load | None:
        """The load; None if its source is stale."""
        return self.state.fresh(Load, self.now)

    @cached_property
    def wireless(self) -> Wireless:
        """The radios."""
        return self.state.fresh(Wireless, self.now) or Wireless()

    @property
    def required(self) -> tuple[Family, ...]:
        """The families in which there must be a default route."""
        return self.state.policy.required

    @cached_property
    def expected(self) -> tuple[Expected, ...]:
        """The devices that should carry the default route."""
        return expected_uplinks(self.state)

    @cached_property
    def flannel(self) -> Condition:
        """How flannel is."""
        return condition(self.state, self.now)

    @cached_property
    def answer(self) -> Choice | Refusal | None:
        """Whether flannel would start now; None if nobody can tell."""
        return question(self.state, self.seen) if self.seen else None

    @cached_property
    def waiting(self) -> tuple[WaitingContainer, ...]:
        """The containers that wait."""
        pods = self.state.fresh(NodePods, self.now)
        return pods.waiting if pods else ()

    @cached_property
    def deltas(self) -> tuple[tuple[float, int], ...]:
        """How often flannel restarted in each window."""
        return tuple((window, restarted(self.state, window, self.now)) for window in self.state.policy.windows)

    def back_since(self) -> float | None:
        """Since when the uplink is back, in seconds since boot; None if it was never seen to come."""
        changes = (self.history(family).changed for family in self.required)
        return max((changed for changed in changes if changed is not None), default=None)

    def usable_since(self) -> float:
        """From when on the uplink is known to work without a break, in seconds since boot."""
        histories = [self.history(family) for family in self.required]
        seen = (known.watched_since if known.changed is None else known.changed for known in histories)
        return max(seen, default=0.0)

    def history(self, family: Family) -> RouteHistory:
        """What became of the family's default route."""
        return self.network.history.get(family) or RouteHistory.first(usable=False, uptime=self.now.uptime)

    def cut_off(self) -> Family | None:
        """The first required family of which nothing leaves."""
        return next((family for family in self.required if not self.network.usable(family)), None)

    def routeless(self) -> Family | None:
        """The first required family of which nothing leaves and that has no route by an uplink either."""
        cut_off = (family for family in self.required if not self.network.usable(family))
        return next((family for family in cut_off if not routed(self.network, family)), None)

    def blamed(self) -> tuple[Expected, Link | None] | None:
        """The expected uplink that explains a missing route: the first that does not carry, else the first.

        One that is configured and does not exist is not to blame where another one does: a fleet has one list.
        """
        told = (expected for expected in self.expected if expected.reason not in _NOT_TOLD)
        uplinks = [(expected, self.network.link(expected.device)) for expected in told]
        if any(link is not None for _, link in uplinks):
            uplinks = [(e, link) for e, link in uplinks if link or e.reason is not Expectation.CONFIGURED]
        idle = (uplink for uplink in uplinks if uplink[1] is None or not uplink[1].carries)
        return next(idle, uplinks[0] if uplinks else None)
