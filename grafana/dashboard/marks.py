"""What is marked in the panels of one node: reboots, lost routes, fail-overs, new verdicts, alerts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from grafana.dashboard.alerts import firing
from grafana.dashboard.panels import DATASOURCE, MIN_STEP
from grafana.dashboard.queries import NODE
from grafana.dashboard.states import Meaning

# The verdict one step ago; over a gap, such as a reboot makes, the last one that was known.
BEFORE = f"max by (verdict) (last_over_time(uplink_diagnosis{{{NODE}}}[15m] offset $__interval) == 1)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Moments that a query finds. `at_value`: the value is the moment, in milliseconds. `only`: the panels."""

    name: str
    expr: str
    title: str
    text: str
    meaning: Meaning
    at_value: bool = False
    only: tuple[str, ...] = ()


MARKS = (
    Mark(
        name="Reboots",
        expr=f"max by (node) (uplink_boot_time_seconds{{{NODE}}}) * 1000",
        title="booted",
        text="{{node}}",
        meaning=Meaning.PLAIN,
        at_value=True,
    ),
    Mark(
        name="Route losses",
        expr=f"max by (family) (increase(uplink_default_route_losses_total{{{NODE}}}[$__rate_interval])) > 0",
        title="default route lost",
        text="{{family}}",
        meaning=Meaning.BAD,
    ),
    Mark(
        name="Fail-overs",
        expr=f"max by (family, from, to) (uplink_default_route_moved_timestamp_seconds{{{NODE}}}) * 1000",
        title="traffic moved",
        text="{{family}} from {{from}} to {{to}}",
        meaning=Meaning.RISKY,
        at_value=True,
    ),
    Mark(
        name="Verdict changes",
        expr=f"max by (verdict) (uplink_diagnosis{{{NODE}}} == 1) unless {BEFORE}",
        title="new verdict",
        text="{{verdict}}",
        meaning=Meaning.MENDING,
    ),
    Mark(
        name="Alerts",
        expr=f"max by (node) ({firing(NODE)})",
        title="alerts fire",
        text="{{node}}",
        meaning=Meaning.RISKY,
        # Elsewhere it would lie over the whole outage.
        only=("Verdict over time",),
    ),
)


def found_in(panels: Mapping[str, int]) -> list[dict[str, object]]:
    """The marks as annotations of these panels, given by title and id."""
    return [_annotation(mark, panels) for mark in MARKS]


def _annotation(mark: Mark, panels: Mapping[str, int]) -> dict[str, object]:
    # As the data source reads it; the type of annotations in common knows neither a title nor a step.
    return {
        "name": mark.name,
        "datasource": DATASOURCE.to_json(),
        "enable": True,
        "hide": False,
        "iconColor": mark.meaning,
        "filter": {"exclude": False, "ids": [panels[title] for title in mark.only or panels]},
        "expr": mark.expr,
        "step": MIN_STEP,
        "titleFormat": mark.title,
        "textFormat": mark.text,
        "useValueForTime": mark.at_value,
    }
