"""The status page at `/`: the verdict, the chain, the devices and the routes, for a person. No outside asset."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from itertools import islice

from uplink_exporter.diagnosis import Verdict, duration
from uplink_exporter.facts import Family, Host, hops_of
from uplink_exporter.families import Scene
from uplink_exporter.flannel.choice import Choice
from uplink_exporter.flannel.ledger import Ledger
from uplink_exporter.flannel.reasons import WORDS
from uplink_exporter.history.boots import boots
from uplink_exporter.history.chronicle import Chronicle
from uplink_exporter.history.incidents import incidents
from uplink_exporter.web.timeline import BARS, INCIDENT_COLUMNS, boot, recent_incidents, watched
from uplink_exporter.web.unseen import flannel_unseen, unseen

# Colours that stay apart for the colour-blind (Okabe and Ito); the word is always there too.
COLOURS = {Verdict.HEALTHY: "#009e73", Verdict.RECOVERING: "#e69f00", Verdict.UNKNOWN: "#777"}
BAD = "#d55e00"
MOST_ROWS = 200
MOST_ADDRESSES = 8

ROUTE_COLUMNS = ("family", "state", "route")
DEVICE_COLUMNS = ("device", "operstate", "admin", "carrier", "expected", "addresses")
SOURCE_COLUMNS = ("source", "state", "failures")

STYLE = """
:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.3rem;margin:0 0 1rem}h2{font-size:1rem;margin:2rem 0 .5rem}
.verdict{border-left:.6rem solid;padding:.4rem 1rem;font-size:1.2rem}
.verdict b{font-family:ui-monospace,monospace}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.25rem 1rem .25rem 0;vertical-align:top}
th{font-weight:600;border-bottom:1px solid #8888}td{border-bottom:1px solid #8883}
td:first-child{white-space:nowrap}pre{padding:.8rem 1rem;overflow:auto;border:1px solid #8886}
footer{margin-top:2rem;color:#888}a{color:inherit}
"""


def landing(scene: Scene, telemetry_path: str) -> str:
    """The page as HTML. Every value is escaped: names come from whoever could choose them."""
    diagnosis, host = scene.diagnosis, scene.state.last(Host)
    name = escape(host.name if host and host.name else "this node")
    blind = unseen(scene)
    doubtful = bool(blind) and diagnosis.verdict is Verdict.HEALTHY
    colour = COLOURS[Verdict.UNKNOWN] if doubtful else COLOURS.get(diagnosis.verdict, BAD)
    title = f"{diagnosis.verdict}{', but not all can be read' * doubtful}"
    cannot = f"<br>Cannot be read: {escape(', '.join(blind))}." if blind else ""
    remedy = "\n".join(diagnosis.remedy)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f'<meta http-equiv="refresh" content="15"><title>{name}: {title}</title>'
        f"<style>{STYLE}{BARS}</style>"
        f"<h1>uplink-exporter on {name}</h1>"
        f'<p class="verdict" style="border-color:{colour}"><b>{diagnosis.verdict}</b><br>'
        f"{escape(diagnosis.summary)}{cannot}</p>"
        f"<h2>Why</h2>{_table((), ((e.subject, e.observed) for e in diagnosis.evidence))}"
        f"{f'<h2>What to do</h2><pre>{escape(remedy)}</pre>' if remedy else ''}"
        f"<h2>Default routes</h2>{_table(ROUTE_COLUMNS, _routes(scene))}"
        f"<h2>Devices</h2>{_table(DEVICE_COLUMNS, _devices(scene))}"
        f"<h2>Flannel</h2>{_table((), _flannel(scene))}"
        f"<h2>This boot</h2>{boot(scene)}"
        f"<h2>Incidents</h2>{_incidents(scene)}"
        f"<h2>Sources</h2>{_table(SOURCE_COLUMNS, _sources(scene))}"
        f'<footer><a href="{escape(telemetry_path)}">metrics</a> · <a href="/-/healthy">healthy</a> · '
        f'<a href="/-/ready">ready</a> · uplink-exporter {escape(scene.showing.build.version)} · up for '
        f"{duration(scene.now.uptime)} since boot</footer></html>\n"
    )


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """As many rows as a person may read, of however many."""
    header = f"<tr>{''.join(f'<th>{cell}</th>' for cell in head)}</tr>" if head else ""
    rest = iter(rows)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in islice(rest, MOST_ROWS))
    more = sum(1 for _ in rest)
    return f"<table>{header}{body}{f'<tr><td>and {more} more</td></tr>' if more else ''}</table>"


def _incidents(scene: Scene) -> str:
    chronicle = scene.state.last(Chronicle) or Chronicle()
    found = incidents(chronicle, scene.state.policy.required, watching=scene.now)
    table = f'<div class="incidents">{_table(INCIDENT_COLUMNS, recent_incidents(found))}</div>' if found else ""
    return f"{table}<p>{escape(watched(found, boots(chronicle, watching=scene.now)))}</p>"


def _routes(scene: Scene) -> Iterable[tuple[str, ...]]:
    network = scene.network
    for family in Family if network else ():
        routes = network.default_routes(family) if network else ()
        required = "required" if family in scene.state.policy.required else "not required"
        if not routes:
            yield family, f"none ({required})", ""
        for route in routes:
            usable = network is not None and any(alive for _, alive in hops_of(network, route))
            links = (network.link_at(hop.index) if network else None for hop in route.next_hops)
            devices = " + ".join(link.name for link in links if link) or "?"
            via = " + ".join(hop.gateway for hop in route.next_hops if hop.gateway)
            yield family, "usable" if usable else "dead", f"{f'via {via} ' if via else ''}dev {devices}"


def _devices(scene: Scene) -> Iterable[tuple[str, ...]]:
    reasons = {expected.device: expected.reason for expected in scene.view.expected}
    known = {link.name for link in scene.links}
    absent = "does not exist" if scene.network else "not known now"
    for device in (device for device in reasons if device not in known):
        yield device, absent, "", "", reasons[device], ""
    addresses: dict[int, list[str]] = {}
    for address in scene.network.addresses if scene.network else ():
        addresses.setdefault(address.index, []).append(f"{address.address}/{address.prefix_length}")
    for link in sorted(scene.links, key=lambda link: link.name not in reasons):
        yield (
            link.name,
            link.operstate,
            "up" if link.admin_up else "down",
            "yes" if link.carrier else "no",
            reasons.get(link.name, ""),
            _some(addresses.get(link.index, [])),
        )


def _some(addresses: list[str]) -> str:
    more = len(addresses) - MOST_ADDRESSES
    return ", ".join([*addresses[:MOST_ADDRESSES], *([f"and {more} more"] if more > 0 else [])])


def _flannel(scene: Scene) -> Iterable[tuple[str, ...]]:
    flannel, ledger = scene.view.flannel, scene.state.last(Ledger) or Ledger()
    unknown = flannel_unseen(scene)
    yield "found here", "yes" if flannel.found else f"not known: {unknown}" if unknown else "no"
    if flannel.found:
        yield "runs", _YES_NO[flannel.running] + (f" ({flannel.waiting})" if flannel.waiting else "")
        yield "restarts seen", str(ledger.restarts)
    if ledger.last_words is not None:
        yield "last words", f"{ledger.last_words.line} ({WORDS[ledger.last_words.cause]})"
    answer = scene.view.answer
    if answer is not None:
        yield "would start now", f"with {answer.device}" if isinstance(answer, Choice) else f"no: {answer.error}"


_YES_NO = {True: "yes", False: "no", None: "nobody can tell"}


def _sources(scene: Scene) -> Iterable[tuple[str, ...]]:
    for kind in scene.showing.sources:
        health = scene.state.health.get(kind.source)
        failures = ", ".join(f"{reason} {count}x" for reason, count in (health.errors if health else {}).items())
        yield (
            kind.source,
            "fresh" if scene.up(kind) else "stale",
            failures or "none",
        )
