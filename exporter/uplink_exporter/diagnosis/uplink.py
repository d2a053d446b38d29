"""The rules about the uplink: is it there, is it up, does it have a route, is the route alive."""

from __future__ import annotations

from uplink_exporter.diagnosis import remedy
from uplink_exporter.diagnosis.verdict import Evidence, Finding
from uplink_exporter.diagnosis.view import View, candidates, suspects
from uplink_exporter.diagnosis.words import BECAUSE, LABEL, absence, addressless, link_state, next_hop, radio, since
from uplink_exporter.facts import Family, NextHop


def uplink_missing(view: View) -> Finding | None:
    """There is no route, and the device that should carry it does not exist."""
    family, blamed = view.routeless(), view.blamed()
    if family is None or blamed is None or blamed[1] is not None:
        return None
    device = blamed[0].device
    return Finding(
        summary=f"the uplink {device} does not exist, so there is no {LABEL[family]} default route",
        evidence=(
            Evidence(subject=device, observed=f"no such device; {BECAUSE[blamed[0].reason]}"),
            *radio(view),
            absence(view, family),
        ),
        remedy=tuple(remedy.missing_device(view, device)),
        device=device,
    )


def uplink_down(view: View) -> Finding | None:
    """There is no route, and the device that should carry it is down."""
    family, blamed = view.routeless(), view.blamed()
    if family is None or (blamed and (blamed[1] is None or blamed[1].carries)):
        return None
    down = (blamed[1],) if blamed and blamed[1] else suspects(view.network, family)
    if not down:
        return None
    name = down[0].name if len(down) == 1 else ""
    which = f"the uplink {name} is down" if name else f"the uplink is down ({' or '.join(o.name for o in down[:4])})"
    because = f"; {BECAUSE[blamed[0].reason]}" if blamed else ""
    others = () if blamed else tuple(other for other in candidates(view.network) if other.carries)
    return Finding(
        summary=f"{which}, so there is no {LABEL[family]} default route",
        evidence=(
            *radio(view),
            *(Evidence(subject=other.name, observed=link_state(other) + because) for other in down[:4]),
            *(addressless(view, family, down[0]) if name else ()),
            *(
                Evidence(subject=other.name, observed=f"{link_state(other)}, but brought no route")
                for other in others[:4]
            ),
            absence(view, family),
        ),
        remedy=tuple(remedy.device_down(view, down)),
        device=name,
    )


def route_missing(view: View) -> Finding | None:
    """There is no route, though a device is up."""
    family, blamed = view.routeless(), view.blamed()
    if family is None:
        return None
    links = (blamed[1],) if blamed and blamed[1] else candidates(view.network)
    carrying = next((link for link in links if link.carries), None)
    where = f"{carrying.name} is up, yet there" if carrying else "there"
    return Finding(
        summary=f"{where} is no {LABEL[family]} default route",
        evidence=(
            *(addressless(view, family, carrying) if carrying else ()),
            absence(view, family),
            *(Evidence(subject=link.name, observed=link_state(link)) for link in links[:4]),
        ),
        remedy=tuple(remedy.route_missing(view, carrying, family)),
        device=carrying.name if carrying else "",
    )


def route_dead(view: View) -> Finding | None:
    """There is a route, and it leads nowhere."""
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
        summary=f"the {LABEL[family]} default route leads out of {name}, which is dead",
        evidence=(
            *(Evidence(subject=link.name, observed=link_state(link)) for link in links[:4]),
            *(next_hop(view, family, hop) for hop in hops[:4]),
            *since(view, family),
        ),
        remedy=tuple(remedy.dead_link(view, links[0] if links else None)),
        device=links[0].name if links else "",
    )


def _dead_gateway(view: View, family: Family, hops: tuple[NextHop, ...]) -> Finding:
    link = view.network.link_at(hops[0].index)
    name = link.name if link else "?"
    return Finding(
        summary=f"the {LABEL[family]} default gateway {hops[0].gateway} on {name} does not answer",
        evidence=(
            *(
                Evidence(subject=f"gateway {hop.gateway}", observed="neighbour entry FAILED: no answer to ARP or ND")
                for hop in hops[:4]
            ),
            *(next_hop(view, family, hop) for hop in hops[:4]),
            *(Evidence(subject=link.name, observed=link_state(link)) for link in (link,) if link),
        ),
        remedy=tuple(remedy.dead_gateway(view, name, hops[0].gateway)),
        device=link.name if link else "",
    )


def _unanswered(view: View, hop: NextHop) -> bool:
    neighbour = view.network.neighbour(hop)
    return neighbour is not None and neighbour.failed
