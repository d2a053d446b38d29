"""What panels of a kind have in common: each says what it answers, in which unit, and what an empty one means."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeVar

from grafana_foundation_sdk.builders import stat, statetimeline, table, timeseries
from grafana_foundation_sdk.builders.common import (
    ReduceDataOptions,
    VizLegendOptions,
    VizTextDisplayOptions,
    VizTooltipOptions,
)
from grafana_foundation_sdk.builders.dashboard import FieldColor, ThresholdsConfig
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models.dashboard import (
    DataSourceRef,
    DynamicConfigValue,
    FieldColorModeId,
    Threshold,
    ThresholdsMode,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from grafana.dashboard.queries import or_nothing
from grafana.dashboard.states import NOT_KNOWN, Meaning, State, mapping, mapping_of_nothing

Panel = stat.Panel | statetimeline.Panel | table.Panel | timeseries.Panel
P = TypeVar("P", stat.Panel, statetimeline.Panel, table.Panel, timeseries.Panel)

DATASOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
# Scrape intervals of up to a minute are supported: a shorter step shows nothing more, and a rate might find no samples.
MIN_STEP = "1m"
# Wide enough for the names of pods. The same everywhere, so that panels below one another share their axis of time.
AXIS_WIDTH = 220
STROKES = (
    {"fill": "solid"},
    {"fill": "dash", "dash": [16, 6]},
    {"fill": "dot", "dash": [2, 6]},
    {"fill": "dash", "dash": [16, 6, 2, 6]},
)
LABEL = re.compile(r"{{(\w+)}}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Says:
    """What a panel says beside its data."""

    title: str
    answers: str
    empty: str
    unit: str = "short"


def ranged(expr: str, legend: str, ref: str = "A") -> Dataquery:
    """A query over the time that is shown."""
    return Dataquery().expr(expr).legend_format(legend).range().interval(MIN_STEP).ref_id(ref)


def instant(expr: str, legend: str = "", ref: str = "A") -> Dataquery:
    """A query at the end of the time that is shown."""
    return Dataquery().expr(expr).legend_format(legend).instant().ref_id(ref)


def rows(expr: str, ref: str = "A") -> Dataquery:
    """A query whose series are rows of a table, with a column for each label."""
    return instant(expr, ref=ref).format(PromQueryFormat.TABLE)


def number(says: Says, *queries: Dataquery) -> stat.Panel:
    """A number without a judgement; more than one have their names with them."""
    return (
        _panel(stat.Panel(), says, queries)
        .graph_mode(common.BigValueGraphMode.NONE)
        .color_mode(common.BigValueColorMode.NONE)
        .text_mode(common.BigValueTextMode.AUTO)
        .reduce_options(ReduceDataOptions().calcs(["lastNotNull"]))
    )


def judged(says: Says, query: Dataquery, bad_from: float, meaning: Meaning) -> stat.Panel:
    """A number that is good below a value."""
    steps = [Threshold(value=None, color=Meaning.GOOD), Threshold(value=bad_from, color=meaning)]
    panel = number(says, query).thresholds(_thresholds(*steps)).mappings([mapping_of_nothing(says.empty)])
    return panel.color_mode(common.BigValueColorMode.BACKGROUND_SOLID)


def worded(says: Says, states: tuple[State, ...], *queries: Dataquery) -> stat.Panel:
    """A state in words."""
    panel = number(says, *queries).mappings([*mapping(*states), mapping_of_nothing(says.empty)])
    return panel.color_mode(common.BigValueColorMode.BACKGROUND_SOLID)


def small(panel: stat.Panel) -> stat.Panel:
    """Several values below one another, each beside its name."""
    panel.orientation(common.VizOrientation.HORIZONTAL).text_mode(common.BigValueTextMode.VALUE_AND_NAME)
    return panel.text(VizTextDisplayOptions().title_size(16).value_size(22))


def timeline(
    says: Says, states: tuple[State, ...], expr: str, legend: str, nothing: State = NOT_KNOWN
) -> statetimeline.Panel:
    """States of one node over time, in words and colours; `nothing` is said where there are none."""
    query = ranged(or_nothing(expr, LABEL.findall(legend), nothing), legend)
    # Not coloured by thresholds: equal neighbours would then be joined by these, and lose their words.
    return (
        _panel(statetimeline.Panel(), says, (query,))
        .mappings(mapping(*states, nothing, NOT_KNOWN))
        .color_scheme(_fixed(Meaning.ASIDE))
        .interval(MIN_STEP)
        .merge_values(True)
        .show_value(common.VisibilityMode.AUTO)
        .row_height(0.85)
        .fill_opacity(85)
        .line_width(0)
        .axis_width(AXIS_WIDTH)
        .legend(_legend(shown=False))
        .tooltip(VizTooltipOptions().mode(common.TooltipDisplayMode.SINGLE).sort(common.SortOrder.NONE))
    )


def lines(says: Says, *queries: Dataquery) -> timeseries.Panel:
    """Numbers over time, without a judgement."""
    return (
        _panel(timeseries.Panel(), says, queries)
        .color_scheme(_fixed(Meaning.PLAIN))
        .interval(MIN_STEP)
        .min(0)
        .line_width(2)
        .fill_opacity(0)
        .show_points(common.VisibilityMode.NEVER)
        .legend(_legend(shown=True))
        .tooltip(VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI).sort(common.SortOrder.DESCENDING))
    )


def patterned(panel: timeseries.Panel, *names: str) -> timeseries.Panel:
    """Lines of one colour, told apart by their strokes."""
    for name, stroke in zip(names, STROKES, strict=False):
        panel.override_by_name(name, [DynamicConfigValue(id_val="custom.lineStyle", value=stroke)])
    return panel


def fixed_colour(meaning: Meaning) -> DynamicConfigValue:
    """A series' own colour."""
    return DynamicConfigValue(id_val="color", value={"mode": "fixed", "fixedColor": meaning})


def listing(says: Says, *queries: Dataquery) -> table.Panel:
    """A table."""
    return _panel(table.Panel(), says, queries).cell_height(common.TableCellHeight.SM).show_header(True)


def _panel(panel: P, says: Says, queries: tuple[Dataquery, ...]) -> P:
    for query in queries:
        panel.with_target(query)
    return (
        panel.title(says.title)
        .description(says.answers)
        .unit(says.unit)
        .no_value(says.empty)
        .datasource(DATASOURCE)
        .thresholds(_thresholds(Threshold(value=None, color=Meaning.ASIDE)))
    )


def _thresholds(*steps: Threshold) -> ThresholdsConfig:
    return ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(list(steps))


def _fixed(meaning: Meaning) -> FieldColor:
    return FieldColor().mode(FieldColorModeId.FIXED).fixed_color(meaning)


def _legend(*, shown: bool) -> VizLegendOptions:
    legend = VizLegendOptions().show_legend(shown)
    return legend.display_mode(common.LegendDisplayMode.LIST).placement(common.LegendPlacement.BOTTOM)


def in_words(panel: P, states: tuple[State, ...]) -> P:
    """Series that are named by a label, in its words."""
    for state in states:
        panel.override_by_name(state.label, [DynamicConfigValue(id_val="displayName", value=state.words)])
    return panel
