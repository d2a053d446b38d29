"""What an exporter that runs on this machine has seen of the default route, which one look cannot know."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from math import isfinite

from uplink_exporter.facts import Family, Instant, RouteHistory

PATIENCE = 1.0
LONGEST_PAGE = 1 << 20

_SAMPLE = re.compile(r"(uplink_[a-z_]+)(?:\{([^}]*)\})? ([0-9.e+-]+)")
_LABEL = re.compile(r'([a-z_]+)="([^"]*)"')

Samples = Mapping[tuple[str, str], float]
"""Values by metric name and family; the family is empty where there is none."""


def histories(host: str, port: int, path: str, now: Instant) -> Mapping[Family, RouteHistory]:
    """What became of each family's default route; empty if no exporter answers there, or it lets nobody in."""
    try:
        with closing(HTTPConnection(host, port, timeout=PATIENCE)) as connection:
            connection.request("GET", path)
            answer = connection.getresponse()
            page = answer.read(LONGEST_PAGE) if answer.status == 200 else b""
    except (OSError, HTTPException):
        return {}
    return parse_histories(page.decode(errors="replace"), now)


def parse_histories(page: str, now: Instant) -> Mapping[Family, RouteHistory]:
    """The histories on a metrics page; those of which it does not tell all are left out."""
    samples = dict(_samples(page))
    if ("uplink_exporter_build_info", "") not in samples:
        return {}
    found = ((family, _history(samples, family, now)) for family in Family)
    return {family: history for family, history in found if history is not None}


def _samples(page: str) -> Iterator[tuple[tuple[str, str], float]]:
    for line in page.splitlines():
        match = _SAMPLE.fullmatch(line)
        if match is not None:
            labels = dict(_LABEL.findall(match[2] or ""))
            yield (match[1], labels.get("family", "")), _number(match[3])


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def _history(samples: Samples, family: Family, now: Instant) -> RouteHistory | None:
    route, boot = "uplink_default_route_", "uplink_boot_"
    names = (f"{route}usable", f"{route}seen_since_boot", f"{route}losses_total", f"{route}absent_seconds_total")
    values = [samples.get((name, family), float("nan")) for name in names]
    watched_since = samples.get((f"{boot}watched_since_seconds", ""), float("nan"))
    if not all(isfinite(value) and value >= 0 for value in (*values, watched_since)):
        return None
    usable, seen, losses, absent = values
    at = samples.get((f"{route}last_change_timestamp_seconds", family))
    changed = None if at is None else min(max(0.0, at - now.boot_time), now.uptime)
    since = None if usable else (changed or 0.0)
    running = 0.0 if since is None else now.uptime - since
    return RouteHistory(
        usable=bool(usable),
        seen=bool(seen),
        watched_since=watched_since,
        known_until=now.uptime,
        changed=changed,
        losses=int(losses),
        absent_before=max(0.0, absent - running),
        absent_since=since,
    )
