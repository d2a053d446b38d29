"""The verdict: what is wrong with this node's uplink, why, and what to do. Pure, total, exactly one verdict.

Rules of this file: it reads facts and judges; it measures nothing. RULES is the precedence: the first that applies
wins, and its evidence is the causal chain with the observed values, cause first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from shlex import quote

from uplink_exporter.facts import (
    Family,
    Host,
    Instant,
    Link,
    Load,
    Manager,
    Network,
    NextHop,
    NodeState,
    Operstate,
    RouteHistory,
)
from uplink_exporter.flannel.choice import Blocked, Choice, Refusal
from uplink_exporter.flannel.condition import UPLINK_CAUSES, Condition, condition, question, restarted
from uplink_exporter.flannel.observed import NodePods, WaitingContainer


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


class Expectation(StrEnum):
    """Why a device is expected to carry the default route; the label `reason` of `uplink_interface_expected`."""

    ROUTE = "route"
    REMEMBERED = "remembered"
    CONFIGURED = "configured"
    FLANNEL = "flannel"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """A device that is expected to carry the default route."""

    device: str
    reason: Expectation


def expected_uplinks(state: NodeState) -> tuple[Expected, ...]:
    """Each device once: what carries a required default route, else what last carried it, and what is configured."""
    network = state.last(Network) or Network()
    found: dict[str, Expectation] = {}
    for family in state.policy.required or tuple(Family):
        carrying, history = network.devices(family), network.history.get(family)
        reason = Expectation.ROUTE if carrying else Expectation.REMEMBERED
        for device in carrying or (history.devices if history else ()):
            found.setdefault(device, reason)
    for device in state.policy.devices:
        found.setdefault(device, Expectation.CONFIGURED)
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
    answer: Choice | Refusal
    waiting: tuple[WaitingContainer, ...]
    deltas: tuple[tuple[float, int], ...]

    def back_since(self) -> float | None:
        """Since when the uplink is back, in seconds since boot; None if it was never seen to come."""
        changes = (self.history(family).changed for family in self.required)
        return max((changed for changed in changes if changed is not None), default=None)

    def history(self, family: Family) -> RouteHistory:
        """What became of the family's default route."""
        return self.network.history.get(family) or RouteHistory.first(usable=False, devices=(), uptime=self.now.uptime)

    def routeless(self) -> Family | None:
        """The first required family that has no default route."""
        return next((family for family in self.required if not self.network.default_routes(family)), None)

    def blamed(self) -> tuple[Expected, Link | None] | None:
        """The expected uplink that explains a missing route: the first that does not carry, else the first."""
        uplinks = [(expected, self.network.link(expected.device)) for expected in self.expected]
        idle = (uplink for uplink in uplinks if uplink[1] is None or not uplink[1].carries)
        return next(idle, uplinks[0] if uplinks else None)

    def candidates(self) -> tuple[Link, ...]:
        """The links that could be an uplink, where none is known to be; those that are down first."""
        return tuple(sorted(filter(_could_be_uplink, self.network.links), key=lambda link: link.carries))

    def suspects(self, family: Family) -> tuple[Link, ...]:
        """The candidates that are down, where none of those that are up can be the uplink.

        A link that has an address and brought no route is a LAN's: an uplink would have brought one with it.
        """
        candidates = self.candidates()
        if not all(self.addressed(link, family) for link in candidates if link.carries):
            return ()
        return tuple(link for link in candidates if not link.carries)

    def addressed(self, link: Link, family: Family) -> bool:
        """Whether the link has a usable address of the family."""
        addresses = (a for a in self.network.addresses if a.index == link.index and a.family is family)
        return any(address.usable for address in addresses)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a rule has to say if it applies."""

    summary: str
    evidence: Iterable[Evidence]
    remedy: Iterable[str] = ()


def diagnose(state: NodeState, now: Instant) -> Diagnosis:
    """Judge the node."""
    network, host = state.fresh(Network, now), state.fresh(Host, now) or Host()
    if network is None:
        return _diagnosis(Verdict.UNKNOWN, _silent(state, now), ())
    if not host.host_network:
        return _diagnosis(Verdict.UNKNOWN, IN_A_POD, ())
    pods = state.fresh(NodePods, now)
    view = View(
        now=now,
        network=network,
        host=host,
        required=state.policy.required,
        expected=expected_uplinks(state),
        flannel=condition(state, now),
        answer=question(state, network),
        waiting=pods.waiting if pods else (),
        deltas=tuple((window, restarted(state, window, now)) for window in state.policy.windows),
    )
    symptoms = (*_flannel(view), *_pods(view), *_load(state.fresh(Load, now)))
    for verdict, rule in RULES:
        if finding := rule(view):
            return _diagnosis(verdict, finding, symptoms)
    return _diagnosis(Verdict.HEALTHY, _healthy(view), symptoms)


def _diagnosis(verdict: Verdict, finding: Finding, symptoms: tuple[Evidence, ...]) -> Diagnosis:
    evidence = (*finding.evidence, *symptoms)
    return Diagnosis(verdict=verdict, summary=finding.summary, evidence=evidence, remedy=tuple(finding.remedy))


IN_A_POD = Finding(
    summary="this is a pod's own network, not the node's",
    evidence=(Evidence(subject="network namespace", observed="a pod's own: nothing seen here is about the node"),),
    remedy=("set hostNetwork: true in the exporter's pod spec",),
)


def _silent(state: NodeState, now: Instant) -> Finding:
    health = state.health.get(Network.source)
    last = health.last_fact if health else None
    seen = f"silent for {duration(now.uptime - last.uptime)}" if last else "no answer yet"
    errors = ", ".join(f"{reason} {count}x" for reason, count in health.errors.items()) if health else ""
    return Finding(
        summary="the kernel cannot be asked for its routes",
        evidence=(Evidence(subject="rtnetlink", observed=f"{seen}; failed: {errors}" if errors else seen),),
        remedy=("read the exporter's log: it says why the netlink source fails",),
    )


def _uplink_missing(view: View) -> Finding | None:
    family, blamed = view.routeless(), view.blamed()
    if family is None or blamed is None or blamed[1] is not None:
        return None
    device = blamed[0].device
    return Finding(
        summary=f"the uplink {device} does not exist, so there is no {_LABEL[family]} default route",
        evidence=(
            Evidence(subject=device, observed=f"no such device; {_BECAUSE[blamed[0].reason]}"),
            *_radio(view),
            _absence(view, family),
        ),
        remedy=(
            f"sudo dmesg | grep -i -e {quote(device)} -e firmware -e usb   # why the device did not appear",
            *_bring_up(view, device),
        ),
    )


def _uplink_down(view: View) -> Finding | None:
    family, blamed = view.routeless(), view.blamed()
    if family is None or (blamed and (blamed[1] is None or blamed[1].carries)):
        return None
    down = (blamed[1],) if blamed and blamed[1] else view.suspects(family)
    if not down:
        return None
    link = down[0]
    because = f"; {_BECAUSE[blamed[0].reason]}" if blamed else ""
    others = () if blamed else (other for other in view.candidates() if other.carries)
    return Finding(
        summary=f"the uplink {link.name} is down, so there is no {_LABEL[family]} default route",
        evidence=(
            *_radio(view),
            *(Evidence(subject=other.name, observed=_state(other) + because) for other in down[:4]),
            *_addressless(view, family, link),
            *(Evidence(subject=other.name, observed=f"{_state(other)}, but brought no route") for other in others),
            _absence(view, family),
        ),
        remedy=(*_bring_up(view, link.name), *_look_closer(link)),
    )


def _route_missing(view: View) -> Finding | None:
    family, blamed = view.routeless(), view.blamed()
    if family is None:
        return None
    links = (blamed[1],) if blamed and blamed[1] else view.candidates()
    carrying = next((link for link in links if link.carries), None)
    where = f"{carrying.name} is up, yet there" if carrying else "there"
    return Finding(
        summary=f"{where} is no {_LABEL[family]} default route",
        evidence=(
            _absence(view, family),
            *(Evidence(subject=link.name, observed=_state(link)) for link in links[:4]),
            *(_addressless(view, family, carrying) if carrying else ()),
        ),
        remedy=_bring_up(view, carrying.name if carrying else ""),
    )


def _route_dead(view: View) -> Finding | None:
    for family in view.required:
        routes = view.network.default_routes(family)
        hops = [hop for route in routes for hop in route.next_hops]
        usable = view.network.usable_next_hops(family)
        if routes and not usable:
            return _dead_link(view, family, hops)
        if usable and all(_unanswered(view, hop) for hop in usable):
            return _dead_gateway(view, family, usable)
    return None


def _dead_link(view: View, family: Family, hops: list[NextHop]) -> Finding:
    links = [link for hop in hops if (link := view.network.link_at(hop.index))]
    name = links[0].name if links else "a link that is gone"
    return Finding(
        summary=f"the {_LABEL[family]} default route leads out of {name}, which is dead",
        evidence=(
            *(Evidence(subject=link.name, observed=_state(link)) for link in links[:4]),
            *(_hop(view, family, hop) for hop in hops[:4]),
            *_since(view, family),
        ),
        remedy=(*_bring_up(view, name), *_look_closer(*links[:1])) if links else (),
    )


def _dead_gateway(view: View, family: Family, hops: tuple[NextHop, ...]) -> Finding:
    link = view.network.link_at(hops[0].index)
    name = link.name if link else "?"
    return Finding(
        summary=f"the {_LABEL[family]} default gateway {hops[0].gateway} on {name} does not answer",
        evidence=(
            *(Evidence(subject=link.name, observed=_state(link)) for link in (link,) if link),
            *(_hop(view, family, hop) for hop in hops[:4]),
            *(
                Evidence(subject=f"gateway {hop.gateway}", observed="neighbour entry FAILED: no answer to ARP or ND")
                for hop in hops[:4]
            ),
        ),
        remedy=(
            f"ping -c 3 -I {quote(name)} {hops[0].gateway}   # is the router up, and on this network?",
            *_bring_up(view, name),
        ),
    )


def _unanswered(view: View, hop: NextHop) -> bool:
    neighbour = view.network.neighbour(hop)
    return neighbour is not None and neighbour.failed


def _flannel_refuses(view: View) -> Finding | None:
    answer = view.answer
    if not view.flannel.found or isinstance(answer, Choice) or answer.reason is Blocked.UNDECIDED:
        return None
    running = "runs, but would die at its next start" if view.flannel.running else "would die at its start"
    return Finding(
        summary=f"the uplink works, but flannel {running}: {answer.reason}",
        evidence=(
            *(Evidence(subject="flannel tries", observed=line) for line in answer.lookback[:4]),
            Evidence(subject="flannel would say", observed=answer.error),
            *_ways_out(view),
        ),
        remedy=_REMEDIES.get(answer.reason, _REMEDY_FOR_FLAGS),
    )


def _recovering(view: View) -> Finding | None:
    back = view.back_since()
    fresh = back is not None and view.now.uptime - back < RECOVERY
    flannel = view.flannel.running is False and _waits_for_its_turn(view, fresh=fresh)
    if not flannel and not (fresh and view.waiting):
        return None
    since = f" since {duration(view.now.uptime - back)}" if back is not None else ""
    return Finding(
        summary=f"the uplink is back{since}; {'flannel is' if flannel else 'the pods are'} not yet",
        evidence=(*_ways_out(view), *(evidence for family in view.required for evidence in _since(view, family))),
        remedy=("wait: the kubelet starts a container that crashed again within 5 minutes",),
    )


def _waits_for_its_turn(view: View, *, fresh: bool) -> bool:
    """Whether flannel died of the uplink and only waits for the kubelet's back-off."""
    ended, back = view.flannel.ended, view.back_since()
    if ended is None or ended.at is None:
        return fresh
    if back is not None:
        return fresh and ended.at <= view.now.unix(back) + SLACK
    return ended.cause in UPLINK_CAUSES and view.now.unix(view.now.uptime) - ended.at < RECOVERY


def _flannel_failing(view: View) -> Finding | None:
    if view.flannel.running is not False:
        return None
    why = view.flannel.waiting or (view.flannel.ended.cause if view.flannel.ended else "unknown")
    return Finding(
        summary=f"the uplink is fine, but flannel fails: {why}",
        evidence=_ways_out(view),
        remedy=(
            "kubectl get pods -A -o wide | grep flannel",
            "sudo tail -n 20 /var/log/pods/*flannel*/kube-flannel/*.log   # works without the API server",
        ),
    )


def _ways_out(view: View) -> tuple[Evidence, ...]:
    hops = ((family, hop) for family in view.required for hop in view.network.usable_next_hops(family))
    return tuple(_hop(view, family, hop) for family, hop in hops)[:4]


def _healthy(view: View) -> Finding:
    hops = [(family, hop) for family in view.required for hop in view.network.usable_next_hops(family)]
    link = view.network.link_at(hops[0][1].index) if hops else None
    return Finding(
        summary=f"healthy: the default route leaves by {link.name}"
        if link
        else "healthy: no default route is required",
        evidence=(
            *_ways_out(view),
            *(Evidence(subject=link.name, observed=_state(link)) for link in (link,) if link),
            *(evidence for family in view.required for evidence in _since(view, family)),
        ),
    )


RULES: tuple[tuple[Verdict, Callable[[View], Finding | None]], ...] = (
    (Verdict.UPLINK_MISSING, _uplink_missing),
    (Verdict.UPLINK_DOWN, _uplink_down),
    (Verdict.ROUTE_MISSING, _route_missing),
    (Verdict.ROUTE_DEAD, _route_dead),
    (Verdict.FLANNEL_REFUSES, _flannel_refuses),
    (Verdict.RECOVERING, _recovering),
    (Verdict.FLANNEL_FAILING, _flannel_failing),
)


# The kubelet's back-off ends at 5 minutes; twice that for images, disks and a load that falls slowly.
RECOVERY = 600.0
# A start that began before the route came may die just after.
SLACK = 10.0

_REMEDY_FOR_FLAGS = (
    "compare flannel's flags with this node: kubectl get daemonset -A -o yaml | grep -A 20 kube-flannel",
    "ip -br addr",
)
_REMEDIES = {
    Blocked.DEFAULT_ROUTE_NO_OIF: (
        "flannel cannot read a default route with several next hops: leave one, or tell flannel the interface",
        "kubectl -n kube-flannel edit daemonset kube-flannel-ds   # add --iface=DEVICE to args",
    ),
    Blocked.IFACE_NO_ADDRESS: (
        "ip -br addr   # the interface that flannel would take has no address that it accepts",
        *_REMEDY_FOR_FLAGS[:1],
    ),
}

_LABEL = {Family.IPV4: "IPv4", Family.IPV6: "IPv6"}
_OPTION = {Family.IPV4: "-4", Family.IPV6: "-6"}
_BECAUSE = {
    Expectation.ROUTE: "it carries the default route",
    Expectation.REMEMBERED: "it last carried the default route",
    Expectation.CONFIGURED: "--uplink.device names it",
    Expectation.FLANNEL: "flannel is told to use it",
}

_KINDS_OF_UPLINKS = frozenset({"", "bond", "team", "vlan", "macvlan", "ipvlan", "bridge", "veth", "wwan"})
_NAMES_OF_OTHERS = re.compile(r"veth|cali|lxc|cilium|cni|flannel|docker|br-|virbr|kube-")


def _could_be_uplink(link: Link) -> bool:
    return not link.loopback and link.kind in _KINDS_OF_UPLINKS and not _NAMES_OF_OTHERS.match(link.name)


def _state(link: Link) -> str:
    if not link.admin_up:
        return f"operstate {link.operstate}, administratively down: nothing has brought it up"
    if link.operstate is Operstate.DORMANT:
        return "operstate dormant: the link is there, but its supplicant (WPA, 802.1X) has not let it through"
    if link.operstate is Operstate.LOWERLAYERDOWN:
        return "operstate lowerlayerdown: brought up, but what lies below it has no carrier"
    if not link.carries:
        reason = "not associated with an access point" if link.wireless else "no carrier"
        return f"operstate {link.operstate}: brought up, but {reason}"
    return f"operstate {link.operstate}"


def _absence(view: View, family: Family) -> Evidence:
    history, now = view.history(family), view.now.uptime
    if not history.seen:
        when = f"none in the main table, never since boot {duration(now)} ago"
    else:
        when = f"none in the main table for {duration(now - (history.absent_since or now))}"
    lost = f", lost {history.losses}x in this boot" if history.losses else ""
    return Evidence(subject=f"{_LABEL[family]} default route", observed=when + lost)


def _since(view: View, family: Family) -> Iterator[Evidence]:
    history = view.history(family)
    if history.changed is None:
        return
    state = "usable again" if history.usable else "unusable"
    since = duration(view.now.uptime - history.changed)
    absent = duration(history.absent_seconds(view.now.uptime))
    observed = f"{state} for {since}; lost {history.losses}x and absent for {absent} in this boot"
    yield Evidence(subject=f"{_LABEL[family]} uplink", observed=observed)


def _hop(view: View, family: Family, hop: NextHop) -> Evidence:
    link = view.network.link_at(hop.index)
    flags = " dead" * hop.dead + " linkdown" * hop.linkdown
    via = f"via {hop.gateway} " if hop.gateway else ""
    observed = f"default {via}dev {link.name if link else '?'}{flags}"
    return Evidence(subject=f"{_LABEL[family]} default route", observed=observed)


def _addressless(view: View, family: Family, link: Link) -> Iterator[Evidence]:
    if not view.addressed(link, family):
        hint = "; DHCP has not answered, or it has not been asked" if link.carries else ""
        yield Evidence(subject=f"address on {link.name}", observed=f"no usable {_LABEL[family]} address{hint}")


def _radio(view: View) -> Iterator[Evidence]:
    if view.host.rfkill_hard or view.host.rfkill_soft:
        how = "a hardware switch" if view.host.rfkill_hard else "software"
        yield Evidence(subject="rfkill", observed=f"Wi-Fi is blocked by {how}")


def _flannel(view: View) -> Iterator[Evidence]:
    """What flannel makes of it: a consequence, told after the cause."""
    if not view.flannel.found:
        return
    said = [
        *(("does not run",) if view.flannel.running is False else ()),
        *((view.flannel.waiting,) if view.flannel.waiting else ()),
        *(f"{count} restarts in {duration(window)}" for window, count in view.deltas[:1] if count),
    ]
    if view.flannel.running and isinstance(view.answer, Refusal):
        said.append(f"runs, but would not start again now ({view.answer.reason})")
    if said:
        yield Evidence(subject="flannel", observed=", ".join(said))
    if view.flannel.ended is not None:
        yield Evidence(subject="its last words", observed=view.flannel.ended.line)


def _pods(view: View) -> Iterator[Evidence]:
    for container in view.waiting[:4]:
        yield Evidence(subject=container.pod, observed=f"waits: {container.reason}")


def _load(load: Load | None) -> Iterator[Evidence]:
    if load is not None and load.load1 > 2 * load.cpus:
        blocked = f", {load.blocked} processes blocked" if load.blocked else ""
        observed = f"{load.load1:.1f} on {load.cpus} CPUs{blocked}: a consequence, not the cause"
        yield Evidence(subject="load", observed=observed)


_BRING_UP = {
    Manager.NETPLAN: "sudo netplan apply",
    Manager.NETWORK_MANAGER: "sudo nmcli device connect {device}",
    Manager.NETWORKD: "sudo networkctl up {device} && sudo networkctl reconfigure {device}",
    Manager.IFUPDOWN: "sudo ifdown --force {device}; sudo ifup {device}",
    Manager.UNKNOWN: "apply the node's network configuration again: netplan apply, nmcli device connect {device}, "
    "networkctl reconfigure {device}, or ifup {device}",
}


def _bring_up(view: View, device: str) -> Iterator[str]:
    if view.host.rfkill_hard:
        yield "rfkill list   # a hardware switch holds the radio off: flip it"
    elif view.host.rfkill_soft:
        yield "sudo rfkill unblock wifi"
    yield _BRING_UP[view.host.manager].format(device=quote(device) if device else "DEVICE")
    family = next(iter(view.required), Family.IPV4)
    yield f"ip {_OPTION[family]} route show default   # done when this prints a route"


def _look_closer(link: Link) -> Iterator[str]:
    if link.admin_up and link.wireless:
        yield f"iw dev {quote(link.name)} link; sudo journalctl -b -u 'wpa_supplicant*' -u 'netplan-wpa-*' -u iwd"
    elif link.admin_up:
        yield f"ip -d link show {quote(link.name)}   # cable, switch port, or the link below it"
    else:
        yield f"sudo journalctl -b | grep -i {quote(link.name)}   # why it did not come up by itself"


def duration(seconds: float) -> str:
    """A time span as a person says it: `41s`, `3m 12s`, `2d 3h`."""
    whole = max(0, int(seconds))
    parts = ((whole // 86400, "d"), (whole // 3600 % 24, "h"), (whole // 60 % 60, "m"), (whole % 60, "s"))
    first = next((i for i, (value, _) in enumerate(parts) if value), len(parts) - 1)
    return " ".join(f"{value}{unit}" for value, unit in parts[first : first + 2])
