"""The rules are sound, say all that a page must say, name only what the exporter serves, and pass their unit tests."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import promql_parser
import pytest

from tests.alerts.rules import ALERTS, RULES, TESTS, Kind, Rule, rules, tokens
from tests.alerts.tools import run
from tests.promql import labels, selected, walked
from uplink_exporter.facts import Host, Load, Network, Reason
from uplink_exporter.families import FAMILIES
from uplink_exporter.flannel.choice import Blocked
from uplink_exporter.flannel.observed import Cause, FlannelLogs, NodePods

ALERTING = tuple(rule for rule in rules() if rule.alert)
RECORDED = {rule.name for rule in rules() if not rule.alert}
SERVED = {family.name: set(family.labels) for family in FAMILIES}
# Prometheus' own, and the labels that a target brings.
OWN = {"up", "ALERTS"}
TARGET = {"job", "instance", "cluster", "node", "namespace", "pod", "container", "endpoint"}
OF_ALERTS = {"alertname", "alertstate", "severity"}
RENAMED = {"exported_namespace", "exported_pod", "exported_container"}
# Prometheus 3 alone: functions (2.42 knows all others that promtool lets pass), and `start`, `end` outside of `@`.
NEWER = {"info", "double_exponential_smoothing", "sort_by_label", "sort_by_label_desc", "limitk", "limit_ratio"}
NEWER |= {"mad_over_time", "ts_of_min_over_time", "ts_of_max_over_time", "first_over_time", "anchored", "smoothed"}


def test_rules_pass_every_lint(promtool: Path) -> None:
    checked = run(promtool, "check", "rules", "--lint=all", "--lint-fatal", RULES)
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("test", sorted(TESTS.glob("*.test.yml")), ids=lambda path: path.name)
def test_unit(promtool: Path, test: Path) -> None:
    tested = run(promtool, "test", "rules", test)
    assert tested.returncode == 0, tested.stdout


@pytest.mark.parametrize("rule", ALERTING, ids=lambda rule: f"{rule.name}-{rule.labels['severity']}")
class TestAlert:
    def test_has_a_test_file(self, rule: Rule) -> None:
        text = (TESTS / f"{rule.name}.test.yml").read_text()
        assert "exp_alerts: []" in text, "never silent"
        assert "exp_annotations" in text, "never whole"

    def test_has_a_runbook_whose_four_questions_are_answered(self, rule: Rule) -> None:
        runbook = (ALERTS / "runbooks" / f"{rule.name}.md").read_text()
        assert runbook.startswith(f"# {rule.name}\n")
        assert re.findall(r"^## (.*)$", runbook, re.MULTILINE) == ["Meaning", "Impact", "Diagnosis", "Mitigation"]

    def test_links_to_its_runbook_below_the_one_base(self, rule: Rule) -> None:
        base = re.search(r"^# Runbooks: (\S+)$", RULES.read_text(), re.MULTILINE)
        assert base is not None
        assert rule.annotations["runbook_url"] == f"{base[1]}/{rule.name}.md"

    def test_carries_severity_namespace_and_node(self, rule: Rule) -> None:
        assert rule.labels["severity"] in {"critical", "warning", "none"}
        assert {"namespace", "node"} <= set(rule.labels)
        assert "$value" not in "".join(rule.labels.values())

    def test_summary_is_static_and_description_names_the_node(self, rule: Rule) -> None:
        assert "{{" not in rule.annotations["summary"]
        assert rule.annotations["summary"].endswith(".")
        assert "or $labels.node $labels.instance" in rule.annotations["description"]

    def test_tells_itself_what_to_run_first(self, rule: Rule) -> None:
        """The page that it links to may be out of reach at night."""
        tells = re.search(r"`[^`]+`", rule.annotations["description"]) is not None
        assert tells is (rule.labels["severity"] != "none")


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.name)
class TestExpressions:
    def test_every_metric_exists(self, rule: Rule) -> None:
        for expr in expressions(rule):
            names = set(selected(expr))
            assert names <= SERVED.keys() | RECORDED | OWN, expr

    def test_every_label_exists(self, rule: Rule) -> None:
        for expr in expressions(rule):
            assert labels(expr) <= labels_of(set(selected(expr))), expr

    def test_nothing_is_of_prometheus_3_alone(self, rule: Rule) -> None:
        for expr in expressions(rule):
            pieces = tokens(expr)
            assert not {piece.text for piece in pieces if piece.kind is Kind.NAME} & NEWER
            # A quoted name in braces, or a duration as a number, is syntax of Prometheus 3.
            assert not re.search(r'\{\s*"|@', expr)
            assert all(bracketed(expr)), expr

    def test_gauges_are_not_read_at_one_moment(self, rule: Rule) -> None:
        """What a failed scrape leaves out would begin `for` anew."""
        if rule.alert and rule.hold:
            bare = [name for name in instants(rule.expr) if name in SERVED]
            # A subquery reads moment after moment, and counts those that are missing.
            assert bare == (["uplink_default_route_usable"] if rule.name == "UplinkOutageSeenLate" else [])


def expressions(rule: Rule) -> Iterator[str]:
    """The rule's expression, and the queries of its annotations with something for each %q and %s."""
    yield rule.expr
    for annotation in rule.annotations.values():
        for query in re.findall(r"query \((.*?)\) }}", annotation):
            literals = "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', query))
            place = '{cluster="c",instance="i"}'
            text = literals.replace("%q", '"x"').replace("%s", place)
            yield text if query.startswith("printf") else _placed(text, place)


def _placed(text: str, place: str) -> str:
    name, _, comparison = text.partition(" ")
    return f"{name}{place} {comparison}".strip()


def instants(expr: str) -> Iterator[str]:
    """The metrics that it selects at one moment, not over a range."""
    ranged = [node.vector_selector.name for node in walked(expr) if isinstance(node, promql_parser.MatrixSelector)]
    for name in selected(expr):
        if name in ranged:
            ranged.remove(name)
        else:
            yield name


def labels_of(names: set[str]) -> set[str]:
    """The labels that these metrics may have; a recorded one has those of what it was made from."""
    found = TARGET | (OF_ALERTS if "ALERTS" in names else set()) | (RENAMED if "uplink_pod_waiting" in names else set())
    for name in names & SERVED.keys():
        found |= SERVED[name]
    for rule in rules():
        if rule.name in names and not rule.alert:
            found |= labels_of(set(selected(rule.expr)) - {rule.name})
    return found


def bracketed(expr: str) -> Iterator[bool]:
    """For each duration, whether it stands where Prometheus 2 has durations: in brackets, or after `offset`."""
    before = ""
    for piece in tokens(expr):
        if piece.kind is Kind.DURATION:
            yield before in {"[", ":", "offset"}
        if piece.kind is not Kind.SPACE:
            before = piece.text


def test_readme_has_the_alerts_as_they_are() -> None:
    readme = (ALERTS / "README.md").read_text()
    told = re.findall(r"^\| `(\w+)` \| (critical|warning|none) \| (\w*) ?\|", readme, re.MULTILINE)
    assert told == [(rule.name, rule.labels["severity"], rule.hold) for rule in ALERTING]


@pytest.mark.parametrize(
    ("alert", "told"),
    [
        ("FlannelCrashLooping", set(Cause) - {Cause.CLEAN}),
        ("FlannelWouldNotStart", set(Blocked) - {Blocked.UNDECIDED}),
        ("UplinkExporterBlind", set(Reason)),
        ("UplinkExporterBlind", {kind.source for kind in (Network, Load, Host, FlannelLogs, NodePods)}),
    ],
)
def test_runbook_explains_every_word_that_the_alert_may_say(alert: str, told: set[str]) -> None:
    runbook = (ALERTS / "runbooks" / f"{alert}.md").read_text()
    assert {word for word in told if f"`{word}`" not in runbook} == set()
