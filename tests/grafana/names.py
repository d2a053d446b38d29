"""Who names which metric: the dashboard, the alerts, the chart and the docs. Printed: those that nobody uses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.alerts.rules import rules
from tests.alerts.test_rules import expressions as expressions_of_rule
from tests.grafana.documents import ROOT, expressions
from tests.grafana.promql import metrics

PAGE = ROOT / "tests/shell/golden/page.prom"
# What Prometheus itself adds to what it scrapes and evaluates.
OF_PROMETHEUS = {
    "up": {"job", "instance"},
    "ALERTS": {"alertname", "alertstate", "severity"},
    "ALERTS_FOR_STATE": {"alertname", "severity"},
}
DOCS = ("README.md", "CHANGELOG.md", "alerts/README.md", "alerts/runbooks", "grafana/README.md", "helm")
# A metric's name in prose stands in a code span or a block; the package, its directories and verdicts look alike.
# What is only a pattern is none.
SPELLED = re.compile(
    r"(?<![\w:/.-])(?<!grep )((?:instance\w*:)?uplink_[a-z0-9_]+(?::[a-z0-9_]+)*)(?![\w/*:-]|\.py|\.\*)"
)


def page() -> dict[str, set[str]]:
    """The metrics of the exporter's page, as Prometheus knows them, with their labels."""
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(PAGE.read_text()):
        found[f"{family.name}_total" if family.type == "counter" else family.name] = set()
        for sample in family.samples:
            found[sample.name].update(sample.labels)
    return found


def recorded() -> set[str]:
    """The metrics that the recording rules make."""
    return {rule.name for rule in rules() if not rule.alert}


def in_dashboard() -> set[str]:
    """The metrics that the dashboard asks for."""
    return {metric for expr in expressions() for metric in metrics(expr)}


def in_rules() -> set[str]:
    """The metrics that the rules read, in their expressions and in what the alerts tell."""
    return {metric for rule in rules() for expr in expressions_of_rule(rule) for metric in metrics(expr)}


def in_docs() -> dict[str, set[str]]:
    """What looks like a metric in prose and in the chart, with where it stands."""
    found: dict[str, set[str]] = {}
    for path in _docs():
        for name in SPELLED.findall(path.read_text()):
            found.setdefault(name, set()).add(str(path.relative_to(ROOT)))
    return found


def _docs() -> Iterator[Path]:
    for name in DOCS:
        path = ROOT / name
        inside = (each for each in path.rglob("*") if each.suffix in {".md", ".txt", ".tpl", ".yaml", ".json"})
        yield from inside if path.is_dir() else [path]


if __name__ == "__main__":
    print("\n".join(sorted(page().keys() - in_dashboard() - in_rules())))
