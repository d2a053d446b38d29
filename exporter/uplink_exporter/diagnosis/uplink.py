"""The rules about the uplink where there is no route by it: is it there, is it up, why is there none."""

from __future__ import annotations

from collections.abc import Iterator

from uplink_exporter.diagnosis import radio, remedy
from uplink_exporter.diagnosis.likely import addressed, candidates, suspects
from uplink_exporter.diagnosis.verdict import Evidence, Finding
from uplink_exporter.diagnosis.view import View
from uplink_exporter.diagnosis.words import (
    BECAUSE,
    LABEL,
    absence,
    addressless,
    any_radio,
    link_state,
    name_of,
    whole_route,
)
from uplink_exporter.facts import Family, Link, NextHop, RouteType

MOST_NAMED = 4


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
            *any_radio(view),
            *_newcomer(view, device),
            *_other_routes(view, family),
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
    which = f"the uplink {name} is down" if name else f"the uplink is down ({_named(down)})"
    because = f"; {BECAUSE[blamed[0].reason]}" if blamed else ""
    others = () if blamed else tuple(other for other in candidates(view.network) if other.carries)
    return Finding(
        summary=f"{which}, so there is no {LABEL[family]} default route",
        evidence=(
            *(Evidence(subject=other.name, observed=link_state(other) + because) for other in down[:MOST_NAMED]),
            *(evidence for other in down[:MOST_NAMED] for evidence in radio.told(view, other)),
            *(addressless(view, family, down[0]) if name else ()),
            *(
                Evidence(subject=other.name, observed=f"{link_state(other)}, but brought no route")
                for other in others[:MOST_NAMED]
            ),
            *_other_routes(view, family),
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
            *_other_routes(view, family),
            *_other_family(view, family),
            *_no_device(view),
            *(Evidence(subject=link.name, observed=link_state(link)) for link in links[:MOST_NAMED]),
            *_by_design(view, family, carrying),
        ),
        remedy=_missing_remedy(view, family, carrying),
        device=carrying.name if carrying else "",
    )


def _missing_remedy(view: View, family: Family, carrying: Link | None) -> Iterator[str]:
    if _deviceless(view):
        yield "sudo dmesg | grep -i -e eth -e firmware   # why the kernel has no network card"
        yield "lspci -k"
        yield "lsusb"
    yield from remedy.route_missing(view, carrying, family)


def _by_design(view: View, family: Family, carrying: Link | None) -> Iterator[Evidence]:
    """What to set if all of this is as it should be."""
    other = _leaves_by(view, family)
    if other is not None and not any(addressed(view.network, link, family) for link in view.network.links):
        observed = f"--uplink.require-family={other}, if this node is to have {LABEL[other]} only"
    elif carrying is not None and addressed(view.network, carrying, family):
        observed = "--uplink.require-family=none, if this node is to have no gateway"
    else:
        return
    yield Evidence(subject="setting", observed=observed)


def _leaves_by(view: View, family: Family) -> Family | None:
    """The other family, if that one leaves."""
    return next((other for other in Family if other is not family and view.network.usable(other)), None)


def _other_family(view: View, family: Family) -> Iterator[Evidence]:
    other = _leaves_by(view, family)
    if other is not None:
        device = name_of(view, view.network.ways_out(other)[0].hop)
        yield Evidence(subject=f"{LABEL[other]} default route", observed=f"there is one, and it leaves by {device}")


def _no_device(view: View) -> Iterator[Evidence]:
    if _deviceless(view):
        yield Evidence(subject="devices", observed="the kernel has no network device but the loopback")


def _deviceless(view: View) -> bool:
    return all(link.loopback for link in view.network.links)


def _newcomer(view: View, device: str) -> Iterator[Evidence]:
    """A card that idles while another one is missed: the same under a new name, or in another slot."""
    new = remedy.renamed(view, device)
    if new is not None:
        yield Evidence(subject=new.name, observed=f"{link_state(new)}; likely the new name of {device}")


def _other_routes(view: View, family: Family) -> Iterator[Evidence]:
    """The routes that lead nowhere, or to where no uplink is."""
    for route in view.network.routes:
        if route.family is not family or not route.to_all:
            continue
        if route.type is not RouteType.UNICAST:
            yield Evidence(subject=f"{LABEL[family]} default route", observed=f"{whole_route(view, route)}: it refuses")
        for hop in route.next_hops:
            yield from no_uplink(view, family, hop)


def no_uplink(view: View, family: Family, hop: NextHop) -> Iterator[Evidence]:
    """That the device of a default route is no uplink, if so."""
    link = view.network.link_at(hop.index)
    if link is not None and link.serves_pods:
        yield Evidence(
            subject=link.name,
            observed="it has a default route, and is a container's or an overlay's: a DHCP client took it for a card",
        )
    elif link is not None and view.network.outranked(family, link):
        yield Evidence(
            subject=link.name, observed=f"it has a default route, and is a {link.kind}: what it sends is lost"
        )


def _named(links: tuple[Link, ...]) -> str:
    more = f" and {len(links) - MOST_NAMED} more" if len(links) > MOST_NAMED else ""
    return " or ".join(link.name for link in links[:MOST_NAMED]) + more
