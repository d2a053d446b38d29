"""The rule about a route that is there and by which nothing leaves: why not, and which route is not asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from shlex import quote

from uplink_exporter.diagnosis import radio, remedy
from uplink_exporter.diagnosis.remedy import OPTION
from uplink_exporter.diagnosis.uplink import no_uplink
from uplink_exporter.diagnosis.verdict import Evidence, Finding
from uplink_exporter.diagnosis.view import View
from uplink_exporter.diagnosis.words import LABEL, link_state, name_of, prefix, since, taken, whole_route
from uplink_exporter.facts import LOCAL_TABLE, MAIN_TABLE, Family, Link, Obstacle, RouteType, Rule, Way, hops_of


def route_dead(view: View) -> Finding | None:
    """There is a route, and it leads nowhere."""
    family = view.cut_off()
    if family is None:
        return None
    way = _explained(view, next(way for way in view.network.ways_out(family) if way.obstacle is not None), family)
    link = view.network.link_at(way.hop.index) if way.hop else None
    summary, cause, cure = _CAUSES[way.obstacle or Obstacle.NO_ROUTE](view, family, way, link)
    return Finding(
        summary=summary,
        evidence=(
            *cause,
            taken(view, family, way),
            *_unasked(view, family, way),
            *since(view, family),
        ),
        remedy=cure,
        device=link.name if link is not None and not link.loopback else "",
    )


def _explained(view: View, way: Way, family: Family) -> Way:
    """The way with the default route that would be taken, where the kernel passes over all of them."""
    if way.obstacle is not Obstacle.NO_ROUTE or way.route is not None:
        return way
    passed = [route for route in view.network.default_routes(family) if route.next_hops and not route.tos]
    if not passed:
        return way
    dead = all(hop.dead for hop in passed[0].next_hops)
    return replace(
        way, route=passed[0], hop=passed[0].next_hops[0], obstacle=Obstacle.DEAD if dead else Obstacle.NO_ROUTE
    )


Cause = tuple[str, tuple[Evidence, ...], tuple[str, ...]]


def _route(family: Family, way: Way) -> str:
    """What to call the way."""
    if way.table != MAIN_TABLE:
        return f"the {LABEL[family]} default route of table {way.table}"
    if way.route is not None and way.route.prefix_length:
        return f"the {LABEL[family]} route to {prefix(way.route)}"
    return f"the {LABEL[family]} default route"


def _dead_link(view: View, family: Family, way: Way, link: Link | None) -> Cause:
    links = [link] if link else []
    if way.route is not None:
        links = [other for hop in way.route.next_hops if (other := view.network.link_at(hop.index))] or links
    name = links[0].name if links else "a link that is gone"
    return (
        f"{_route(family, way)} leads out of {name}, which is dead",
        (
            *(Evidence(subject=other.name, observed=link_state(other)) for other in links[:4]),
            *(evidence for other in links[:4] for evidence in radio.told(view, other)),
        ),
        tuple(remedy.dead_link(view, links[0] if links else None)),
    )


def _no_port(view: View, family: Family, way: Way, link: Link | None) -> Cause:
    name = name_of(view, way.hop)
    return (
        f"{_route(family, way)} leads to {name}, a bridge that has no port",
        (Evidence(subject=name, observed="it has no port: nothing that is sent into it leaves the node"),),
        (
            f"sudo ip link set dev CARD up master {quote(name)}   # CARD is the network card that belongs into it",
            *remedy.bring_up(view, name),
        ),
    )


def _no_uplink(view: View, family: Family, way: Way, link: Link | None) -> Cause:
    name = name_of(view, way.hop)
    overlay = link is not None and link.kind == "vxlan"
    what = "flannel's own overlay" if overlay and name.startswith("flannel") else "a container's device"
    if link is not None and not link.serves_pods:
        what = f"a {link.kind}, which only stands in for an uplink"
    return (
        f"{_route(family, way)} leads into {name}, {what}",
        tuple(no_uplink(view, family, way.hop)) if way.hop else (),
        (
            f"sudo ip {OPTION[family]} route del default dev {quote(name)}",
            "echo 'denyinterfaces veth* flannel* cni* docker*' | sudo tee -a /etc/dhcpcd.conf   # if it was dhcpcd",
            remedy.leaves(family, way),
        ),
    )


def _silent_gateway(view: View, family: Family, way: Way, link: Link | None) -> Cause:
    name, gateway = name_of(view, way.hop), way.hop.gateway if way.hop else ""
    return (
        f"the {LABEL[family]} default gateway {gateway} on {name} does not answer",
        (
            Evidence(subject=f"gateway {gateway}", observed="neighbour entry FAILED: no answer to ARP or ND"),
            *(Evidence(subject=other.name, observed=link_state(other)) for other in (link,) if other),
        ),
        tuple(remedy.dead_gateway(view, name, gateway)),
    )


def _near_source(view: View, family: Family, way: Way, link: Link | None) -> Cause:
    name, source = name_of(view, way.hop), way.source
    what = f"the link-local address {source}" if source else "no address"
    if link is not None and link.serves_pods:
        return _no_uplink(view, family, way, link)
    hint = "; DHCP did not answer" if family is Family.IPV4 else "; no router has advertised a prefix"
    return (
        f"{_route(family, way)} leaves by {name} from {what}, to which no answer comes back",
        (Evidence(subject=f"address on {name}", observed=f"only {what}{hint}"),),
        (*remedy.bring_up(view, name), remedy.done(view)),
    )


def _refused(view: View, family: Family, way: Way, link: Link | None) -> Cause:
    kind = way.route.type if way.route else RouteType.UNREACHABLE
    told = whole_route(view, way.route) if way.route else "none"
    return (
        f"an {kind} default route comes first"
        if kind is RouteType.UNREACHABLE
        else f"a {kind} default route comes first",
        (Evidence(subject=f"{LABEL[family]} default route", observed=f"{told}: it comes first, and refuses"),),
        (f"sudo ip {OPTION[family]} route del {told}", remedy.leaves(family, way)),
    )


def _no_route(view: View, family: Family, way: Way, link: Link | None) -> Cause:
    routes = view.network.default_routes(family)
    if way.route is not None and way.route.expired:
        return _expired(view, family, way)
    if way.route is not None and way.route.type is RouteType.UNICAST:
        return _by_rules(view, family, way)
    if way.route is not None:
        return _refused(view, family, way, link)
    only = "; ".join(whole_route(view, route) for route in routes[:4])
    return (
        f"there is an {LABEL[family]} default route, and the kernel does not use it",
        (Evidence(subject=f"{LABEL[family]} default route", observed=only),),
        (*remedy.bring_up(view, ""), remedy.leaves(family, way)),
    )


def _expired(view: View, family: Family, way: Way) -> Cause:
    name = name_of(view, way.hop)
    return (
        f"the {LABEL[family]} default route by {name} has expired",
        (Evidence(subject="router", observed=f"it has not advertised itself on {name} again in time"),),
        (*remedy.bring_up(view, name), remedy.leaves(family, way)),
    )


def _by_rules(view: View, family: Family, way: Way) -> Cause:
    rules = [rule for rule in view.network.rules if rule.family is family]
    main = min((rule.priority for rule in rules if rule.table == MAIN_TABLE and rule.always), default=None)
    before = [rule for rule in rules if main is not None and rule.priority <= main]
    refusing = sorted((r for r in before if r.action is not RouteType.UNICAST), key=lambda rule: not rule.always)
    other = next((rule for rule in before if rule.table not in (0, LOCAL_TABLE, MAIN_TABLE)), None)
    if refusing and (refusing[0].always or other is None):
        observed = f"rule {refusing[0].priority} {_says(refusing[0])}"
        cure = [f"sudo {_rule(family)} del pref {refusing[0].priority}"]
    elif other is not None:
        observed = f"table {other.table} refuses, to which rule {other.priority} leads"
        cure = [
            f"ip {OPTION[family]} route show table {other.table}   # a VPN that is down may refuse by design",
            f"sudo ip {OPTION[family]} route del default table {other.table}   # if it is not by design",
        ]
    else:
        observed = "no rule leads to the main table"
        cure = [f"sudo {_rule(family)} add from all lookup main pref 32766"]
    return (
        f"the {LABEL[family]} default route is not asked: {observed}",
        (Evidence(subject="policy rules", observed=observed),),
        (*cure, remedy.leaves(family, way)),
    )


def _says(rule: Rule) -> str:
    return "leads past the main table" if rule.action is RouteType.OTHER else f"says {rule.action}"


def _rule(family: Family) -> str:
    return "ip rule" if family is Family.IPV4 else f"ip {OPTION[family]} rule"


def _local(view: View, family: Family, way: Way, link: Link | None) -> Cause:
    # As long as no rule was ever made the kernel keeps both tables as one, and calls it the main one. ip(8) looks for a
    # local route in the local one.
    table = "" if way.table in (LOCAL_TABLE, MAIN_TABLE) else f" table {way.table}"
    return (
        f"{_route(family, way)} leads to this node itself",
        (Evidence(subject=name_of(view, way.hop), observed="what is sent out is delivered here"),),
        (
            f"ip {OPTION[family]} route show{table or ' table all'} type local   # which of these leads there?",
            f"sudo ip {OPTION[family]} route del local default{table}   # most likely this one",
            remedy.leaves(family, way),
        ),
    )


_CAUSES: Mapping[Obstacle, Callable[[View, Family, Way, Link | None], Cause]] = {
    Obstacle.NO_ROUTE: _no_route,
    Obstacle.REFUSED: _refused,
    Obstacle.LOCAL: _local,
    Obstacle.DEAD: _dead_link,
    Obstacle.NO_PORT: _no_port,
    Obstacle.PODS: _no_uplink,
    Obstacle.IMAGINARY: _no_uplink,
    Obstacle.SOURCE: _near_source,
    Obstacle.GATEWAY: _silent_gateway,
}


def _unasked(view: View, family: Family, way: Way) -> Iterator[Evidence]:
    """The default routes that would work, and why they are not asked."""
    for route in view.network.default_routes(family):
        if route == way.route and way.obstacle is not Obstacle.NO_ROUTE:
            continue
        if not route.expired and not route.tos and any(alive for _, alive in hops_of(view.network, route)):
            observed = f"{whole_route(view, route)} would work, and is not asked"
            yield Evidence(subject=f"{LABEL[family]} default route", observed=observed)
