"""`uplink-exporter history`: the incidents of this node, as a person would tell them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime

from uplink_exporter.commands.layout import paragraph, plain
from uplink_exporter.facts import Family, Instant, Policy
from uplink_exporter.history.boots import boots, moves
from uplink_exporter.history.chronicle import Boot, Chronicle, Transition
from uplink_exporter.history.incident import Gap, Incident
from uplink_exporter.history.incidents import incidents
from uplink_exporter.history.milestones import Milestone
from uplink_exporter.history.words import COLUMNS, lines, minute, moved, row, zone
from uplink_exporter.settings import Output

# The form of the JSON answer. It is an API: a field may be added under the same number, not taken away or changed.
FORM = 1
MOST_TOLD = 20

Reached = Mapping[Milestone, float]


def answer(
    chronicle: Chronicle,
    node: str,
    output: Output,
    now: Instant,
    *,
    required: tuple[Family, ...] = Policy().required,
    reached: Reached | None = None,
) -> str:
    """What the record tells; `reached` are the milestones of its last boot, as far as they are known."""
    if output is Output.JSON:
        return as_json(node, chronicle, required, reached or {})
    return as_text(node, chronicle, now, required)


def as_text(name: str, chronicle: Chronicle, now: Instant, required: tuple[Family, ...] = Policy().required) -> str:
    """The answer for a person."""
    found = incidents(chronicle, required)
    told = found[:MOST_TOLD]
    text = [_summary(name, len(found), boots(chronicle), now), *_table(told), *_moves(chronicle)]
    if len(found) > len(told):
        text += ["", f"and {len(found) - len(told)} more before these: --output=json has them"]
    return "\n".join(plain(line) for part in text for line in part.split("\n"))


def _summary(name: str, found: int, known: tuple[Boot, ...], now: Instant) -> str:
    node = f"{name}: " if name else ""
    if not known:
        return f"{node}nothing is recorded yet."
    since, local = known[0].unix(known[0].watched_since), zone(now.unix(now.uptime))
    over = f"{len(known)} boot{'s' * (len(known) > 1)}"
    count = f"{found} incident{'s' * (found > 1)}" if found else "no incident"
    return f"{node}{count} in {over}, watched since {minute(since)} ({local})."


def _table(told: tuple[Incident, ...]) -> Iterator[str]:
    if not told:
        return
    cells = [tuple(column.upper() for column in COLUMNS), *map(row, told)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    head, *rows = ("  ".join(map(str.ljust, line, widths)).rstrip() for line in cells)
    yield from ("", head)
    for line, incident in zip(rows, told, strict=True):
        yield line
        yield from (paragraph(said, "  ", "    ") for said in lines(incident))


def _moves(chronicle: Chronicle) -> Iterator[str]:
    found = moves(chronicle)
    if found:
        yield from ("", "TRAFFIC MOVED")
    yield from (f"{minute(unix)}  {moved(transition)}" for unix, transition in found[:MOST_TOLD])


def as_json(
    node: str, chronicle: Chronicle, required: tuple[Family, ...] = Policy().required, reached: Reached | None = None
) -> str:
    """The answer for a program."""
    told = {
        "form": FORM,
        "node": node,
        "boots": [_boot(boot, (reached or {}) if boot.id == chronicle.boot else {}) for boot in boots(chronicle)],
        "incidents": [_incident(incident) for incident in incidents(chronicle, required)],
        "moves": [
            {"boot": t.boot, "time": _time(unix), "uptime": t.uptime, "family": t.subject, "from": t.was, "to": t.now}
            for unix, t in moves(chronicle)
        ],
    }
    return json.dumps(told, indent=2)


def _boot(boot: Boot, reached: Reached) -> dict[str, object]:
    return {
        "id": boot.id,
        "time": _time(boot.time),
        "watched_since": boot.watched_since,
        "watched_until": boot.watched_until,
        "milestones": {milestone: reached[milestone] for milestone in Milestone if milestone in reached},
    }


def _incident(incident: Incident) -> dict[str, object]:
    """Times in seconds since the boot, and null where nobody knows; `time` and `end_time` by the wall clock."""
    boot, ended = incident.boot, incident.ended
    return {
        "boot": boot.id,
        "time": _time(boot.unix(incident.since)),
        "end_time": None if ended is None else _time(boot.unix(ended)),
        "began": incident.began,
        "well_until": incident.well_until,
        "since_boot": incident.since_boot,
        "bad_until": incident.bad_until,
        "ended": ended,
        "ending": incident.ending,
        "next_boot_time": None if incident.next_boot is None else _time(incident.next_boot),
        "at_least_seconds": incident.at_least,
        "at_most_seconds": incident.at_most,
        "device": incident.device,
        "verdicts": list(incident.verdicts),
        "summary": incident.summary,
        "flannel_restarts": incident.restarts,
        "flannel_causes": list(incident.causes),
        "default_route_losses": incident.losses,
        "default_route_absent_seconds": incident.absent,
        "cure": _transitions(incident.cure),
        "gaps": [_gap(gap) for gap in incident.gaps],
        "transitions": _transitions(incident.transitions),
    }


def _gap(gap: Gap) -> dict[str, object]:
    return {"since": gap.since, "until": gap.until, "carrier_changes": dict(gap.carriers)}


def _transitions(transitions: Iterable[Transition]) -> list[dict[str, object]]:
    return [
        {"uptime": t.uptime, "kind": t.kind, "subject": t.subject, "was": t.was, "now": t.now, "text": t.text}
        for t in transitions
    ]


def _time(unix: float) -> str | None:
    """A wall time in the form of RFC 3339, None if there is no such time."""
    try:
        return datetime.fromtimestamp(unix, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return None
