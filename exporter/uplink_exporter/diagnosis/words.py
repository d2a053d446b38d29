"""How the rules say what they see: one line of evidence for each thing looked at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from uplink_exporter.diagnosis.likely import addressed
from uplink_exporter.diagnosis.verdict import Evidence
from uplink_exporter.diagnosis.view import Expectation, View
from uplink_exporter.facts import MAIN_TABLE, Family, Link, NextHop, Operstate, Rfkill, Route, RouteType, Way, hops_of

# Who began to look so soon after boot would have seen it; so would who has looked for longer than a look takes.
EARLY = 300.0
ONE_LOOK = 10.0

IPV6_MTU = 1280  # RFC 8200, section 5; the kernel takes IPv6 off a link that has less

LABEL = {Family.IPV4: "IPv4", Family.IPV6: "IPv6"}


BECAUSE = {
    Expectation.ROUTE: "it carries the default route",
    Expectation.REMEMBERED: "it last carried the default route",
    Expectation.CONFIGURED: "--uplink.device names it",
    Expectation.FLANNEL: "flannel is told to use it",
    Expectation.SUSPECTED: "no other device can be the uplink",
}


def link_state(link: Link) -> str:
    """A link's state, and what it means."""
    if not link.admin_up:
        return f"operstate {link.operstate}, administratively down: {_why_down(link)}"
    if link.operstate is Operstate.DORMANT:
        return "operstate dormant: the link is there, but its supplicant (WPA, 802.1X) has not let it through"
    if link.operstate is Operstate.LOWERLAYERDOWN:
        return "operstate lowerlayerdown: brought up, but what lies below it has no carrier"
    if not link.carries:
        reason = _unassociated(link) if link.wireless else "no carrier"
        return f"operstate {link.operstate}: brought up, but {reason}"
    return f"operstate {link.operstate}"


def _why_down(link: Link) -> str:
    if link.rfkill is not Rfkill.NONE:
        return f"rfkill holds its radio off, by {'a hardware switch' if link.rfkill is Rfkill.HARDWARE else 'software'}"
    return "it was up, and was set down" if link.carrier_ups else "nothing has brought it up"


def _unassociated(link: Link) -> str:
    # IFLA_LINKMODE: a supplicant that has it says itself when it is up.
    why = "though a supplicant has it" if link.supplicant else "and no supplicant has it"
    return f"not associated with an access point, {why}"


def absence(view: View, family: Family) -> Evidence:
    """That there is no default route, and since when."""
    history, now = view.history(family), view.now.uptime
    what = "a way out for a part of the world only" if _leaves_in_part(view, family) else "none in the main table"
    looked_on = view.watched or now - history.watched_since > ONE_LOOK
    if history.seen:
        when = f"{what} for {duration(now - (history.absent_since or now))}"
    elif looked_on and history.watched_since <= EARLY:
        when = f"{what}, never since boot {duration(now)} ago"
    elif looked_on:
        when = f"{what} for {duration(now - history.watched_since)} at least; before that nobody looked"
    else:
        when = f"{what}; looked at once, so it is not known since when"
    lost = f", lost {history.losses}x in this boot" if history.losses else ""
    return Evidence(subject=f"{LABEL[family]} default route", observed=when + lost)


def _leaves_in_part(view: View, family: Family) -> bool:
    return any(way.obstacle is None for way in view.network.ways_out(family))


def since(view: View, family: Family) -> Iterator[Evidence]:
    """How the default route fared in this boot, if it changed."""
    history = view.history(family)
    if history.device and history.earlier and history.moved is not None:
        moved = f"moved from {history.earlier.name} to {history.device.name}"
        ago = duration(view.now.uptime - history.moved)
        yield Evidence(subject=f"{LABEL[family]} uplink", observed=f"{moved} {ago} ago")
    if history.changed is None:
        return
    again = " again" if history.losses or history.absent_before else ""
    state = f"usable{again}" if history.usable else "unusable"
    since = duration(view.now.uptime - history.changed)
    absent = duration(history.absent_seconds(view.now.uptime))
    observed = f"{state} for {since}; lost {history.losses}x and absent for {absent} in this boot"
    yield Evidence(subject=f"{LABEL[family]} uplink", observed=observed)


def prefix(route: Route) -> str:
    """What a route leads to, as ip-route(8) prints it."""
    if not route.prefix_length:
        return "default"
    zero = "0.0.0.0" if route.family is Family.IPV4 else "::"
    return f"{route.destination or zero}/{route.prefix_length}"


def name_of(view: View, hop: NextHop | None) -> str:
    """The device of a next hop."""
    link = view.network.link_at(hop.index) if hop else None
    return link.name if link else "?"


def next_hop(view: View, hop: NextHop, route: Route | None) -> str:
    """One next hop of a route, as ip-route(8) prints it."""
    flags = " dead" * hop.dead + " linkdown" * hop.linkdown
    via = f"via {hop.gateway} " if hop.gateway else ""
    told = f"{prefix(route) if route else 'default'} {via}dev {name_of(view, hop)}{flags}"
    if route is None:
        return told
    return told + f" tos {route.tos:#x}" * bool(route.tos) + f" metric {route.metric}" * bool(route.metric)


def whole_route(view: View, route: Route) -> str:
    """A route, as ip-route(8) prints it, on one line."""
    if route.type is not RouteType.UNICAST:
        return f"{route.type} {prefix(route)}" + f" metric {route.metric}" * bool(route.metric)
    expired = "; expired: the router has not advertised it again" if route.expired else ""
    return " and ".join(next_hop(view, hop, route) for hop in route.next_hops) + expired


def taken(view: View, family: Family, way: Way) -> Evidence:
    """The way that the kernel takes, by which route, table and rule."""
    subject = f"{LABEL[family]} default route"
    if way.route is not None and len(way.route.next_hops) > 1:
        states = dict(hops_of(view.network, way.route))
        return Evidence(subject=subject, observed=whole_route(view, way.route) + _dead_hops(states))
    if way.hop is None:
        observed = whole_route(view, way.route) if way.route else "none"
        return Evidence(subject=subject, observed=f"{observed}, by the kernel's answer")
    table = f", by table {way.table}{_by_rule(view, family, way)}" if way.table != MAIN_TABLE else ""
    return Evidence(subject=subject, observed=next_hop(view, way.hop, way.route) + table)


def _dead_hops(states: Mapping[NextHop, bool]) -> str:
    dead = [hop for hop, alive in states.items() if not alive]
    if not dead:
        return ""
    one = len(dead) == 1
    told = f"; {len(dead)} of {len(states)} next hops {'is' if one else 'are'} dead"
    if all(hop.dead for hop in dead):
        return f"{told}, and passed over"
    return f"{told}: the flows that are hashed to {'it' if one else 'them'} are lost"


def _by_rule(view: View, family: Family, way: Way) -> str:
    rules = (rule for rule in view.network.rules if rule.family is family and rule.table == way.table)
    rule = next(rules, None)
    return f", to which rule {rule.priority} leads" if rule else ""


def leaves_by(view: View, way: Way) -> str:
    """By which device traffic leaves."""
    if way.hop is None or view.network.link_at(way.hop.index) is None:
        return "there is a default route"
    if way.table == MAIN_TABLE and (way.route is None or not way.route.prefix_length):
        return f"the default route leaves by {name_of(view, way.hop)}"
    where = f"table {way.table}" if way.route is None else prefix(way.route)
    return f"traffic leaves by {name_of(view, way.hop)} ({where})"


def ways_out(view: View) -> tuple[Evidence, ...]:
    """The ways that the kernel takes to the outside, and whether they are those that the operator names."""
    found = [(family, way) for family in view.required for way in view.network.ways_out(family)]
    told = dict.fromkeys(taken(view, family, way) for family, way in found if way.obstacle is None)
    return (*tuple(told)[:4], *_not_as_named(view, [way for _, way in found]))


def _not_as_named(view: View, ways: list[Way]) -> Iterator[Evidence]:
    devices = dict.fromkeys(name_of(view, way.hop) for way in ways if way.hop is not None)
    known = (view.network.device(name) for name in view.network.named)
    named = [link.name for link in known if link is not None]
    others = [device for device in devices if device not in named]
    if named and others:
        observed = f"traffic leaves by {' and '.join(others)}; --uplink.device names {', '.join(named)}"
        yield Evidence(subject="way out", observed=observed)


def addressless(view: View, family: Family, link: Link) -> Iterator[Evidence]:
    """That the link has no address, if so."""
    if not addressed(view.network, link, family):
        hint = "; DHCP has not answered, or it has not been asked" if link.carries else ""
        if family is Family.IPV6 and link.mtu < IPV6_MTU:
            hint = f"; IPv6 needs an MTU of {IPV6_MTU}, and it has {link.mtu}"
        yield Evidence(subject=f"address on {link.name}", observed=f"no usable {LABEL[family]} address{hint}")


def any_radio(view: View) -> Iterator[Evidence]:
    """Where the uplink is missing: that a switch holds Wi-Fi off, or that a radio is there without an interface."""
    wireless = any(link.wireless for link in view.network.links)
    if view.host.radios and not wireless:
        radios = ", ".join(view.host.radios)
        observed = f"{radios} is there, without an interface: is iwd running, or whatever made one?"
        yield Evidence(subject="radio", observed=observed)
    if view.host.rfkill_hard or view.host.rfkill_soft:
        how = "a hardware switch" if view.host.rfkill_hard else "software"
        yield Evidence(subject="rfkill", observed=f"Wi-Fi is blocked by {how}")


def duration(seconds: float) -> str:
    """A time span as a person says it: `41s`, `3m 12s`, `2d 3h`."""
    whole = max(0, int(seconds))
    parts = ((whole // 86400, "d"), (whole // 3600 % 24, "h"), (whole // 60 % 60, "m"), (whole % 60, "s"))
    first = next((i for i, (value, _) in enumerate(parts) if value), len(parts) - 1)
    return " ".join(f"{value}{unit}" for value, unit in parts[first : first + 2])
