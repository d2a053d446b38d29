"""How incidents are told, at the prompt and on the status page."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from uplink_exporter.diagnosis import LABEL, duration
from uplink_exporter.facts import Family
from uplink_exporter.history.chronicle import Kind, Transition
from uplink_exporter.history.incident import Ending, Incident

COLUMNS = ("began", "lasted", "device", "verdict", "end")

PROMPT = 60.0
"""Seconds after boot in which an exporter that comes up with its node has its first look."""


def row(incident: Incident) -> tuple[str, ...]:
    """An incident in one line, by COLUMNS."""
    return began(incident), lasted(incident), incident.device or "-", incident.verdict or "-", incident.ending


def lines(incident: Incident) -> tuple[str, ...]:
    """What there is to say of an incident: what it was, how it went, how it ended, and what nobody saw of it."""
    what = incident.summary or "the default route was lost, for too short a time for a verdict"
    told = (what, "; ".join(_course(incident)), _end(incident), *_gaps(incident))
    return tuple(line for line in told if line)


def began(incident: Incident) -> str:
    """When it began, or when it was first seen."""
    return minute(incident.boot.unix(incident.since))


def lasted(incident: Incident) -> str:
    """How long, as exactly as is known."""
    least, most = duration(incident.at_least), incident.at_most
    if incident.ending is Ending.ONGOING:
        return f"{least} so far"
    if most is None:
        return f"at least {least}"
    return least if duration(most) == least else f"{least} to {duration(most)}"


def minute(unix: float) -> str:
    """A wall time to the minute, in local time."""
    try:
        return datetime.fromtimestamp(unix).strftime("%Y-%m-%d %H:%M")
    except (ValueError, OverflowError, OSError):
        return "no time"


def zone(unix: float) -> str:
    """The name of local time at that time."""
    try:
        return datetime.fromtimestamp(unix).astimezone().tzname() or "local time"
    except (ValueError, OverflowError, OSError):
        return "local time"


def _course(incident: Incident) -> Iterator[str]:
    yield from _beginning(incident)
    if incident.losses:
        yield f"default route lost {incident.losses}x"
    if incident.absent:
        yield f"no default route for {duration(incident.absent)}"
    if incident.restarts:
        causes = f" ({', '.join(incident.causes)})" if incident.causes else ""
        yield f"flannel restarted {incident.restarts}x{causes}"


def _beginning(incident: Incident) -> Iterator[str]:
    if incident.since_boot:
        late = f", as far as is known: first looked at {duration(incident.began)} after it"
        yield f"since boot{late if incident.began > PROMPT else ''}"
    elif incident.well_until is None:
        yield "what was before is not known"
    elif incident.well_until < incident.began:
        since, until = _at(incident, incident.well_until), _at(incident, incident.began)
        yield f"began between {since} and {until}, while nobody watched"


def _end(incident: Incident) -> str:
    if incident.ended is None:
        return _open_end(incident)
    ended, seen_last = _at(incident, incident.ended), _at(incident, incident.bad_until)
    unseen = incident.ending is Ending.UNWATCHED
    if not incident.cure:
        return (
            f"ended between {seen_last} and {ended}, while nobody watched" if unseen else f"ended: healthy at {ended}"
        )
    came = incident.cure[-1].uptime
    back, at = ", ".join(_change(transition) for transition in incident.cure), _at(incident, came)
    when = f"between {seen_last} and {at}, while nobody watched" if unseen else f"at {at}"
    return f"ended by: {back} {when}; healthy {_later(incident.ended - came)}"


def _later(seconds: float) -> str:
    return f"{duration(seconds)} later" if seconds >= 1 else "at once"


def _open_end(incident: Incident) -> str:
    seen = f"not over at {_at(incident, incident.bad_until)}, when last watched"
    if incident.ending is Ending.ONGOING:
        return seen
    if incident.ending is Ending.UNWATCHED:
        return f"{seen}; nobody has watched since"
    when = f" at {_day(incident, incident.next_boot)}" if incident.next_boot is not None else ""
    return f"{seen}; the node was booted again{when}"


def _gaps(incident: Incident) -> Iterator[str]:
    for gap in incident.gaps[:3]:
        changes = ", ".join(f"the carrier of {device} changed {count}x" for device, count in gap.carriers[:3])
        meanwhile = f"; meanwhile {changes}" if changes else ""
        unseen = duration(gap.until - gap.since)
        yield f"not watched for up to {unseen} before {_at(incident, gap.until)}{meanwhile}"


def _at(incident: Incident, uptime: float) -> str:
    return _day(incident, incident.boot.unix(uptime))


def _day(incident: Incident, unix: float) -> str:
    """A wall time, without its date if that is the one on which the incident began."""
    date, _, time = minute(unix).rpartition(" ")
    return time if began(incident).startswith(date) else f"{date} {time}"


def moved(transition: Transition) -> str:
    """That traffic left by another device from then on."""
    return f"{LABEL[Family(transition.subject)]} from {transition.was} to {transition.now}"


def _change(transition: Transition) -> str:
    if transition.kind is Kind.OPERSTATE:
        return f"{transition.subject} {transition.was} -> {transition.now}"
    return f"{LABEL[Family(transition.subject)]} default route {transition.now} by {transition.text}"
