"""Every metric and label that anybody names is on the exporter's page, is recorded, or is of Prometheus itself."""

from __future__ import annotations

import re

import pytest

from tests.alerts.rules import Rule, rules
from tests.alerts.test_rules import expressions as expressions_of_rule
from tests.grafana.documents import Json, expressions, name, overrides, panels, targets
from tests.grafana.names import OF_PROMETHEUS, in_docs, page, recorded
from tests.grafana.promql import kept, labels, made, metrics
from uplink_exporter.diagnosis import Verdict

PAGE, RECORDED = page(), recorded()
# Labels that targets bring: every one has `node`, some have `cluster`. A pod's own may come as exported_*.
OF_TARGETS = {"cluster", "node", "job", "exported_namespace", "exported_pod", "exported_container"}


@pytest.mark.parametrize("expr", sorted(set(expressions())), ids=lambda expr: expr[:60])
class TestDashboard:
    def test_every_metric_exists(self, expr: str) -> None:
        assert metrics(expr) <= PAGE.keys() | RECORDED | OF_PROMETHEUS.keys()

    def test_every_label_exists(self, expr: str) -> None:
        assert labels(expr) <= OF_TARGETS | made(expr) | set().union(*map(_labels_of, metrics(expr)))


def _labels_of(metric: str) -> set[str]:
    if metric in RECORDED:
        (expr,) = [rule.expr for rule in rules() if rule.name == metric]
        return set().union(*map(_labels_of, metrics(expr)))
    return OF_PROMETHEUS.get(metric) or PAGE[metric]


@pytest.mark.parametrize("panel", panels(), ids=name)
def test_what_a_legend_or_a_link_names_is_a_label_of_the_series(panel: Json) -> None:
    for target in panel["targets"]:
        assert set(re.findall(r"{{(\w+)}}", target.get("legendFormat", ""))) <= kept(target["expr"])
    of_series = set().union(*map(kept, targets(panel)))
    for _, links in overrides(panel, "links"):
        for link in links:
            assert set(re.findall(r"__data\.fields\.(\w+)", link["url"])) <= of_series


@pytest.mark.parametrize("panel", panels(), ids=name)
def test_what_a_column_shows_is_a_label_or_a_value(panel: Json) -> None:
    if panel["type"] == "table":
        (organized,) = [each["options"] for each in panel["transformations"] if each["id"] == "organize"]
        of_series = set().union(*map(kept, targets(panel)))
        values = {f"Value #{target['refId']}" for target in panel["targets"]} | {"Value", "Time"}
        named = set(organized["renameByName"]) | set(organized["excludeByName"])
        # A cluster is a column only where targets have that label.
        assert of_series - {"cluster"} <= named
        assert named <= of_series | values


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.name)
def test_every_metric_of_the_rules_exists(rule: Rule) -> None:
    for expr in expressions_of_rule(rule):
        assert metrics(expr) <= PAGE.keys() | RECORDED | OF_PROMETHEUS.keys()


def test_every_metric_of_the_docs_and_the_chart_exists() -> None:
    known = PAGE.keys() | RECORDED | set(Verdict) | {"uplink_exporter"}
    assert {word: where for word, where in in_docs().items() if word not in known} == {}
