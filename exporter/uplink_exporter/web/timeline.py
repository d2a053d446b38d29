"""What the status page tells of the past: how this boot came along, and the recent incidents."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from uplink_exporter.diagnosis import duration
from uplink_exporter.families import Scene
from uplink_exporter.history.chronicle import Boot
from uplink_exporter.history.incident import Incident
from uplink_exporter.history.milestones import UNWATCHED, Milestone, Milestones, reached
from uplink_exporter.history.words import began, lasted, lines, minute, zone

MOST_INCIDENTS = 5

INCIDENT_COLUMNS = ("began", "lasted", "device", "end", "what")

# Solid, hatched or empty: the bars tell apart without a colour, and `currentColor` goes with light and dark.
BARS = """
.boot td{border:0;padding-top:.1rem;padding-bottom:.1rem;vertical-align:middle}.boot td:nth-child(2){width:45%}
.bar{height:.8rem;border-left:1px solid;min-width:8rem}
.bar i{display:block;box-sizing:border-box;height:100%;min-width:2px;border:1px solid}
.seen{background:currentColor}.by{background:repeating-linear-gradient(135deg,currentColor 0 2px,transparent 2px 6px)}
.bar .not-yet{border-style:dashed}
.incidents td:last-child{white-space:pre-line}.incidents td:nth-child(2){white-space:nowrap}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A milestone of the boot: the words, how the bar is drawn, and how long it is; None for no bar."""

    label: str
    text: str
    drawn: str = ""
    length: float | None = None


def boot(scene: Scene) -> str:
    """How this boot came along. The words beside each bar say all that it shows."""
    bars = tuple(_bars(scene))
    longest = max((bar.length or 0.0 for bar in bars), default=0.0)
    rows = "".join(
        f"<tr><td>{escape(bar.label)}</td><td>{_drawn(bar, longest)}</td><td>{escape(bar.text)}</td></tr>"
        for bar in bars
    )
    return f'<table class="boot">{rows}</table>'


def _drawn(bar: Bar, longest: float) -> str:
    if bar.length is None:
        return ""
    width = 100 * bar.length / longest if longest else 100
    return f'<div class="bar" aria-hidden="true"><i class="{bar.drawn}" style="width:{width:.1f}%"></i></div>'


def _bars(scene: Scene) -> Iterator[Bar]:
    now, milestones = scene.now, scene.state.last(Milestones) or Milestones()
    yield Bar(label="boot", text=f"{minute(now.boot_time)}, {duration(now.uptime)} ago")
    times, since = reached(scene.state, milestones), milestones.watched_since
    for milestone in Milestone:
        label, at = milestone.replace("_", " "), times.get(milestone)
        if at is not None:
            yield _passed(label, at, since or 0.0)
        elif since is None:
            yield Bar(label=label, text="not looked at yet")
        elif _unseen(scene, milestones, milestone):
            yield Bar(label=label, text="there, since a time at which nobody watched")
        elif milestone is Milestone.FLANNEL and not scene.view.flannel.found:
            yield Bar(label=label, text="no flannel seen here")
        else:
            yield Bar(label=label, text=f"not yet, {duration(now.uptime)}", drawn="not-yet", length=now.uptime)


def _passed(label: str, at: float, since: float) -> Bar:
    if at > since:
        return Bar(label=label, text=f"{duration(at)} after boot", drawn="seen", length=at)
    then = "then" if duration(at) == duration(since) else duration(since)
    return Bar(label=label, text=f"by {duration(at)} (watched from {then} on)", drawn="by", length=at)


def _unseen(scene: Scene, milestones: Milestones, milestone: Milestone) -> bool:
    expected = {expected.device for expected in scene.view.expected}
    by_device = {Milestone.LINK: milestones.links, Milestone.ADDRESS: milestones.addresses}
    if milestone in by_device:
        seen = by_device[milestone].items()
        return any(at == UNWATCHED for device, at in seen if not expected or device in expected)
    at = milestones.flannel if milestone is Milestone.FLANNEL else milestones.default_route
    return at == UNWATCHED


def recent_incidents(found: tuple[Incident, ...]) -> Iterator[tuple[str, ...]]:
    """The newest of them, by INCIDENT_COLUMNS, as `uplink-exporter history` tells them."""
    for one in found[:MOST_INCIDENTS]:
        yield began(one), lasted(one), one.device, one.ending, "\n".join(lines(one))


def watched(found: tuple[Incident, ...], known: tuple[Boot, ...]) -> str:
    """Since when there would be something to tell, and where there is more."""
    since = known[0].unix(known[0].watched_since)
    over = f"over {len(known)} boots since" if len(known) > 1 else "since"
    told, more = (f"{len(found)} in all", " All of them: uplink-exporter history") if found else ("None", "")
    return f"{told}, watched {over} {minute(since)} ({zone(since)}).{more}"
