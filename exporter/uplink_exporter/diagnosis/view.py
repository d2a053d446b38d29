"""What the rules look at."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

from uplink_exporter.facts import Family, Host, Instant, Link, Network, NodeState, RouteHistory
from uplink_exporter.flannel.choice import Choice, Refusal
from uplink_exporter.flannel.condition import Condition
from uplink_exporter.flannel.goip import parse_ip
from uplink_exporter.flannel.observed import WaitingContainer
from uplink_exporter.flannel.question import options


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
        reason = Expectation.ROUTE if network.devices(family) else Expectation.REMEMBERED
        for device in network.uplinks.get(family, ()):
            found.setdefault(device, reason)
    for device in state.policy.devices:
        found.setdefault(device, Expectation.CONFIGURED)
    if not found:
        links = (link for family in state.policy.required for link in suspects(network, family))
        found |= {link.name: Expectation.SUSPECTED for link in islice(links, MOST_SUSPECTS)}
    asked = options(state)
    for device in asked.ifaces if asked else ():
        if device and parse_ip(device) is None:
            found.setdefault(device, Expectation.FLANNEL)
    return tuple(Expected(device=device, reason=reason) for device, reason in found.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What the rules look at: fresh facts, and where to look."""

    now: Instant
    network: Network
    host: Host
    required: tuple[Family, ...]
    expected: tuple[Expected, ...]
    flannel: Condition
    answer: Choice | Refusal | None
    waiting: tuple[WaitingContainer, ...]
    deltas: tuple[tuple[float, int], ...]

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

    def routeless(self) -> Family | None:
        """The first required family that has no default route."""
        return next((family for family in self.required if not self.network.default_routes(family)), None)

    def blamed(self) -> tuple[Expected, Link | None] | None:
        """The expected uplink that explains a missing route: the first that does not carry, else the first."""
        told = (expected for expected in self.expected if expected.reason not in _NOT_TOLD)
        uplinks = [(expected, self.network.link(expected.device)) for expected in told]
        idle = (uplink for uplink in uplinks if uplink[1] is None or not uplink[1].carries)
        return next(idle, uplinks[0] if uplinks else None)


def candidates(network: Network) -> tuple[Link, ...]:
    """The links that could be an uplink, where none is known to be; those that are down first."""
    return tuple(sorted(filter(_could_be_uplink, network.links), key=lambda link: link.carries))


def suspects(network: Network, family: Family) -> tuple[Link, ...]:
    """The candidates that are down, where none of those that are up can be the uplink.

    A link that has an address and brought no route is a LAN's: an uplink would have brought one with it.
    """
    links = candidates(network)
    if network.default_routes(family) or not all(addressed(network, link, family) for link in links if link.carries):
        return ()
    return tuple(link for link in links if not link.carries)


def addressed(network: Network, link: Link, family: Family) -> bool:
    """Whether the link has a usable address of the family."""
    addresses = (a for a in network.addresses if a.index == link.index and a.family is family)
    return any(address.usable for address in addresses)


_KINDS_OF_UPLINKS = frozenset({"", "bond", "team", "vlan", "macvlan", "ipvlan", "bridge", "veth", "wwan"})
_NAMES_OF_OTHERS = re.compile(r"veth|cali|lxc|cilium|cni|flannel|docker|br-|virbr|kube-")


def _could_be_uplink(link: Link) -> bool:
    return not link.loopback and link.kind in _KINDS_OF_UPLINKS and not _NAMES_OF_OTHERS.match(link.name)
