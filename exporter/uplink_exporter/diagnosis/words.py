"""How the rules say what they see: one line of evidence for each thing looked at."""

from __future__ import annotations

from collections.abc import Iterator

from uplink_exporter.diagnosis.verdict import Evidence
from uplink_exporter.diagnosis.view import Expectation, View, addressed
from uplink_exporter.facts import Family, Link, NextHop, Operstate

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
        return f"operstate {link.operstate}, administratively down: nothing has brought it up"
    if link.operstate is Operstate.DORMANT:
        return "operstate dormant: the link is there, but its supplicant (WPA, 802.1X) has not let it through"
    if link.operstate is Operstate.LOWERLAYERDOWN:
        return "operstate lowerlayerdown: brought up, but what lies below it has no carrier"
    if not link.carries:
        reason = "not associated with an access point" if link.wireless else "no carrier"
        return f"operstate {link.operstate}: brought up, but {reason}"
    return f"operstate {link.operstate}"


def absence(view: View, family: Family) -> Evidence:
    """That there is no default route, and since when."""
    history, now = view.history(family), view.now.uptime
    if not history.seen:
        when = f"none in the main table, never since boot {duration(now)} ago"
    else:
        when = f"none in the main table for {duration(now - (history.absent_since or now))}"
    lost = f", lost {history.losses}x in this boot" if history.losses else ""
    return Evidence(subject=f"{LABEL[family]} default route", observed=when + lost)


def since(view: View, family: Family) -> Iterator[Evidence]:
    """How the default route fared in this boot, if it changed."""
    history = view.history(family)
    if history.device and history.earlier and history.moved is not None:
        moved = f"moved from {history.earlier.name} to {history.device.name}"
        ago = duration(view.now.uptime - history.moved)
        yield Evidence(subject=f"{LABEL[family]} uplink", observed=f"{moved} {ago} ago")
    if history.changed is None:
        return
    state = "usable again" if history.usable else "unusable"
    since = duration(view.now.uptime - history.changed)
    absent = duration(history.absent_seconds(view.now.uptime))
    observed = f"{state} for {since}; lost {history.losses}x and absent for {absent} in this boot"
    yield Evidence(subject=f"{LABEL[family]} uplink", observed=observed)


def next_hop(view: View, family: Family, hop: NextHop) -> Evidence:
    """A default route, as ip-route(8) prints it."""
    link = view.network.link_at(hop.index)
    flags = " dead" * hop.dead + " linkdown" * hop.linkdown
    via = f"via {hop.gateway} " if hop.gateway else ""
    observed = f"default {via}dev {link.name if link else '?'}{flags}"
    return Evidence(subject=f"{LABEL[family]} default route", observed=observed)


def ways_out(view: View) -> tuple[Evidence, ...]:
    """The next hops by which traffic leaves."""
    hops = ((family, hop) for family in view.required for hop in view.network.usable_next_hops(family))
    return tuple(next_hop(view, family, hop) for family, hop in hops)[:4]


def addressless(view: View, family: Family, link: Link) -> Iterator[Evidence]:
    """That the link has no address, if so."""
    if not addressed(view.network, link, family):
        hint = "; DHCP has not answered, or it has not been asked" if link.carries else ""
        yield Evidence(subject=f"address on {link.name}", observed=f"no usable {LABEL[family]} address{hint}")


def radio(view: View) -> Iterator[Evidence]:
    """That a switch holds Wi-Fi off, if so."""
    if view.host.rfkill_hard or view.host.rfkill_soft:
        how = "a hardware switch" if view.host.rfkill_hard else "software"
        yield Evidence(subject="rfkill", observed=f"Wi-Fi is blocked by {how}")


def duration(seconds: float) -> str:
    """A time span as a person says it: `41s`, `3m 12s`, `2d 3h`."""
    whole = max(0, int(seconds))
    parts = ((whole // 86400, "d"), (whole // 3600 % 24, "h"), (whole // 60 % 60, "m"), (whole % 60, "s"))
    first = next((i for i, (value, _) in enumerate(parts) if value), len(parts) - 1)
    return " ".join(f"{value}{unit}" for value, unit in parts[first : first + 2])
