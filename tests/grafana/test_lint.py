"""The rules of Grafana's dashboard-linter (of June 2026), in our own words, and some of ours.

The linter is a Go program; its rules are few, and some look only at kinds of panels that are older than ours. Here they
hold for every panel.
"""

from __future__ import annotations

import re

import promql_parser
import pytest

from tests.alerts.rules import rules
from tests.grafana.documents import (
    PROVISIONED,
    Json,
    document,
    expressions,
    marks,
    name,
    overrides,
    panels,
    targets,
)
from tests.grafana.promql import kept, labels, nodes

RULES = {
    "panel-datasource-rule",
    "panel-no-targets-rule",
    "panel-title-description-rule",
    "panel-units-rule",
    "target-counter-agg-rule",
    "target-instance-rule",
    "target-job-rule",
    "target-logql-auto-rule",
    "target-logql-rule",
    "target-promql-rule",
    "target-rate-interval-rule",
    "template-datasource-rule",
    "template-instance-rule",
    "template-job-rule",
    "template-label-promql-rule",
    "template-on-time-change-reload-rule",
    "uneditable-dashboard",
}
EXCLUDED = {
    "template-job-rule": "all series but `up` are of the exporter alone: their names begin with uplink_",
    "template-instance-rule": "operators know nodes, not instances: the variable is `node`",
    "target-job-rule": "as template-job-rule; `up` has a matcher for job",
    "target-instance-rule": "as template-instance-rule",
    "target-logql-rule": "no logs are asked for",
    "target-logql-auto-rule": "no logs are asked for",
}
# target-counter-agg-rule holds for all counters but these, whose value itself is the answer: they begin with the boot.
SINCE_BOOT = {"uplink_default_route_absent_seconds_total", "uplink_default_route_losses_total"}

CHANGING = {"instance", "job", "endpoint", "replica", "prometheus", "prometheus_replica"}

BOARD = document(PROVISIONED)
VARIABLES = {variable["name"]: variable for variable in BOARD["templating"]["list"]}
PANELS = pytest.mark.parametrize("panel", panels(), ids=name)
EXPRESSIONS = pytest.mark.parametrize("expr", sorted(set(expressions())), ids=lambda expr: expr[:60])
# Those that this dashboard needs, of https://github.com/grafana/grafana packages/grafana-data/src/valueFormats.
UNITS = {"short", "s", "percentunit", "dateTimeFromNow"}


def test_every_rule_is_held_to_or_left_out_for_a_reason() -> None:
    held = {rule for rule in RULES if f"test_{rule.replace('-', '_')}" in globals()}
    assert held.isdisjoint(EXCLUDED)
    assert held | EXCLUDED.keys() == RULES


def test_uneditable_dashboard() -> None:
    assert BOARD["editable"] is False


def test_template_datasource_rule() -> None:
    (source,) = [variable for variable in VARIABLES.values() if variable["type"] == "datasource"]
    assert (source["name"], source["label"], source["query"]) == ("datasource", "Data source", "prometheus")


def test_template_on_time_change_reload_rule() -> None:
    queried = [variable for variable in VARIABLES.values() if variable["type"] == "query"]
    assert {variable["refresh"] for variable in queried} == {2}


def test_template_label_promql_rule() -> None:
    for variable in VARIABLES.values():
        if variable["type"] == "query":
            assert variable["query"]["query"].startswith("label_values(")


@PANELS
def test_panel_datasource_rule(panel: Json) -> None:
    assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


@PANELS
def test_panel_title_description_rule(panel: Json) -> None:
    assert panel["title"]
    description = panel["description"]
    assert description.endswith((".", "?"))
    assert 40 <= len(description) <= 240


@PANELS
def test_panel_units_rule(panel: Json) -> None:
    own = {unit for _, unit in overrides(panel, "unit")}
    assert {panel["fieldConfig"]["defaults"]["unit"]} | own <= UNITS


@PANELS
def test_panel_no_targets_rule(panel: Json) -> None:
    refs = [target["refId"] for target in panel["targets"]]
    assert refs
    assert len(refs) == len(set(refs))


@EXPRESSIONS
def test_target_promql_rule(expr: str) -> None:
    assert nodes(expr)


@PANELS
def test_target_rate_interval_rule(panel: Json) -> None:
    for expr in targets(panel):
        for call in (node for node in nodes(expr) if isinstance(node, promql_parser.Call)):
            if call.func.name in {"rate", "irate"}:
                assert "[$__rate_interval]" in expr


@EXPRESSIONS
def test_target_counter_agg_rule(expr: str) -> None:
    counted = {metric for metric in _instant(expr) if metric.endswith("_total")}
    assert counted <= SINCE_BOOT


def _instant(expr: str) -> list[str]:
    """The metrics that are not read over a range."""
    selected = [str(selector.name) for selector in _selectors(expr)]
    for node in nodes(expr):
        if isinstance(node, promql_parser.MatrixSelector):
            selected.remove(str(node.vector_selector.name))
    return selected


def _selectors(expr: str) -> tuple[promql_parser.VectorSelector, ...]:
    return tuple(node for node in nodes(expr) if isinstance(node, promql_parser.VectorSelector))


@PANELS
def test_an_empty_panel_says_what_that_means(panel: Json) -> None:
    assert panel["fieldConfig"]["defaults"]["noValue"]


@PANELS
def test_a_table_names_its_columns_and_says_what_an_empty_cell_means(panel: Json) -> None:
    if panel["type"] != "table":
        return
    (organized,) = [each["options"] for each in panel["transformations"] if each["id"] == "organize"]
    shown = set(organized["renameByName"].values()) - set(_hidden(panel))
    settings = {column for column, _ in overrides(panel, "noValue")}
    assert settings == shown | set(_hidden(panel)), "a column that is not there, or one without settings"


def _hidden(panel: Json) -> tuple[str, ...]:
    return tuple(column for column, value in overrides(panel, "custom.hidden") if value)


@EXPRESSIONS
def test_every_selector_is_of_the_clusters_that_are_chosen(expr: str) -> None:
    if expr == 'up{job=~".*uplink-exporter.*"}':  # of which the clusters are the values
        return
    for selector in _selectors(expr):
        assert "cluster" in {matcher.name for matcher in selector.matchers.matchers}, selector.name


@EXPRESSIONS
def test_every_expression_has_a_node_or_an_aggregation(expr: str) -> None:
    assert "node" in labels(expr) or "up{" in expr


@PANELS
def test_every_series_has_labels_that_survive_a_new_pod(panel: Json) -> None:
    """The exporter's pod, and the replica of Prometheus, may be two at a time: no panel shows the node twice."""
    for expr in targets(panel):
        assert not kept(expr) & CHANGING


@EXPRESSIONS
def test_every_read_of_up_is_of_our_targets(expr: str) -> None:
    for selector in _selectors(expr):
        if selector.name == "up":
            assert "job" in {matcher.name for matcher in selector.matchers.matchers}


def test_annotations_are_of_one_node_and_drawn_on_its_panels_alone() -> None:
    board = BOARD["panels"]
    after = [panel["title"] for panel in board].index("Node $node") + 1
    of_node = [panel["id"] for panel in board[after:]]
    for mark in marks():
        assert mark["filter"]["exclude"] is False
        assert set(mark["filter"]["ids"]) <= set(of_node)
        assert mark["filter"]["ids"]
        assert "node" in labels(mark["expr"])


def test_the_alerts_of_the_dashboard_are_those_of_the_rules() -> None:
    told = {rule.name for rule in rules() if rule.alert and rule.labels["severity"] != "none"}
    selectors = [selector for expr in expressions() for selector in _selectors(expr)]
    matchers = [
        m for selector in selectors if str(selector.name).startswith("ALERTS") for m in selector.matchers.matchers
    ]
    (pattern,) = {matcher.value for matcher in matchers if matcher.name == "alertname"}
    assert {alert for alert in told if not re.fullmatch(pattern, alert)} == set()
