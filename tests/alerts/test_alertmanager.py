"""Alertmanager's example is sound: who is told of what, what mutes what, and what a notification says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.alerts.conftest import Servers
from tests.alerts.rules import ALERTS, Rule, milliseconds, rules
from tests.alerts.stack import alertmanager_alone, wait_for
from tests.alerts.tools import run

EXAMPLE = ALERTS / "alertmanager.example.yml"
CAUSES = ("UplinkDownSinceBoot", "UplinkLost", "UplinkDead")


def test_example_is_accepted(amtool: Path) -> None:
    checked = run(amtool, "check-config", EXAMPLE)
    assert checked.returncode == 0, checked.stdout
    assert "1 templates" in checked.stdout


@pytest.mark.parametrize(
    "rule", [rule for rule in rules() if rule.alert], ids=lambda rule: f"{rule.name}-{rule.labels['severity']}"
)
def test_every_alert_goes_where_its_severity_says(amtool: Path, rule: Rule) -> None:
    severity = rule.labels["severity"]
    receiver = {"critical": "page", "warning": "team", "none": "nobody"}[severity]
    told = run(
        amtool,
        *("config", "routes", "test", f"--config.file={EXAMPLE}", f"--verify.receivers={receiver}"),
        *(f"alertname={rule.name}", f"severity={severity}", "namespace=monitoring", "node=pi-1"),
    )
    assert told.returncode == 0, told.stdout


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """An alert that fires, and another: is that muted?"""

    source: str
    target: str
    muted: bool
    of_source: Mapping[str, str]
    of_target: Mapping[str, str]


def pair(source: str, target: str, /, *, muted: bool = True, source_node: str = "pi-1", **labels: str) -> Pair:
    """By default both on pi-1; a node that is empty is no label."""
    node = {"node": labels.pop("node", "pi-1")}
    return Pair(
        source=source, target=target, muted=muted, of_source={"node": source_node}, of_target={**node, **labels}
    )


OURS = tuple(
    rule.name
    for rule in rules()
    if rule.alert and rule.name not in {*CAUSES, "UplinkRecovering", "UplinkOutageSeenLate"}
)
PAIRS = (
    *(pair(cause, symptom) for cause in (*CAUSES, "UplinkRecovering") for symptom in dict.fromkeys(OURS)),
    *(pair(cause, symptom, muted=False, node="pi-2") for cause in CAUSES for symptom in dict.fromkeys(OURS)),
    *(pair("UplinkLost", cause, muted=False) for cause in CAUSES if cause != "UplinkLost"),
    pair("UplinkLost", "UplinkOutageSeenLate", muted=False),
    *(
        pair("UplinkDownSinceBoot", stock, muted=node == "pi-1", node=node)
        for stock in ("KubeNodeNotReady", "KubeNodeUnreachable", "KubeNodeReadinessFlapping", "NodeSystemSaturation")
        for node in ("pi-1", "pi-2", "")
    ),
    pair("UplinkDownSinceBoot", "KubePodCrashLooping", node="", container="kube-flannel"),
    pair("UplinkRecovering", "KubePodCrashLooping", node="", container="kube-flannel"),
    pair("FlannelCrashLooping", "KubePodCrashLooping", node="", container="kube-flannel"),
    pair("UplinkDownSinceBoot", "KubePodCrashLooping", muted=False, node="", container="coredns"),
    pair("UplinkDownSinceBoot", "KubeDaemonSetRolloutStuck", node="", daemonset="kube-flannel-ds"),
    pair("UplinkDownSinceBoot", "KubeDaemonSetRolloutStuck", muted=False, node="", daemonset="node-exporter"),
    pair("UplinkDownSinceBoot", "TargetDown", node="", job="node-exporter"),
    pair("UplinkDownSinceBoot", "TargetDown", node="", job="kubelet"),
    pair("UplinkExporterDown", "TargetDown", node="", job="monitoring/uplink-exporter"),
    pair("UplinkDownSinceBoot", "TargetDown", muted=False, node="", job="shop"),
    pair("FlannelCrashLooping", "FlannelNotStartedSinceBoot"),
    pair("FlannelCrashLooping", "FlannelNotStartedSinceBoot", muted=False, node="pi-2"),
    pair("KubeNodeNotReady", "UplinkExporterDown"),
    pair("KubeNodeNotReady", "UplinkExporterDown", muted=False, node="pi-2"),
    pair("KubeAPIDown", "UplinkExporterBlind", source="kubernetes"),
    pair("KubeAPIDown", "UplinkExporterBlind", muted=False, source="netlink"),
)


def test_what_mutes_what(servers: Servers, tmp_path: Path) -> None:
    """Each pair is in a cluster of its own, so that no other pair has to do with it."""
    alerts = []
    for number, told in enumerate(PAIRS):
        alerts.append({"alertname": told.source, "cluster": f"{number}", "side": "source", **told.of_source})
        alerts.append({"alertname": told.target, "cluster": f"{number}", "side": "target", **told.of_target})
    expected = {number for number, told in enumerate(PAIRS) if told.muted}
    with alertmanager_alone(servers.alertmanager, tmp_path) as running:
        running.post([{name: value for name, value in alert.items() if value} for alert in alerts])
        with suppress(TimeoutError):  # what is missing then is named below
            wait_for("the muted", lambda: running.muted() >= expected, patience=5.0)
        muted = running.muted()
    wrong = [f"{PAIRS[number]} is {'' if number in muted else 'not '}muted" for number in muted ^ expected]
    assert not wrong, "\n".join(wrong)


def test_the_page_waits_for_longer_than_an_evaluation() -> None:
    """Of nodes that lose their uplinks at once, Prometheus finds some in its next evaluation only."""
    slowest_by_default = milliseconds("1m")
    routes = yaml.safe_load(EXAMPLE.read_text())["route"]["routes"]
    (wait,) = (route["group_wait"] for route in routes if "UplinkLost" in route["matchers"][0])
    assert milliseconds(wait) > slowest_by_default


def test_a_symptom_fires_later_than_its_cause() -> None:
    """A scrape that ends while the rules are evaluated may show the symptom one evaluation before the cause.

    If it also fired that much earlier, it would be told of before anything can mute it.
    """
    slowest_evaluation = milliseconds("2m")
    holds = [(rule.name, milliseconds(rule.hold)) for rule in rules() if rule.alert]
    latest_cause = max(hold for name, hold in holds if name in CAUSES)
    assert {name for name, hold in holds if name in OURS and hold < latest_cause + slowest_evaluation} == set()


def notification(nodes: int, *, resolved: int = 0, alert: str = "UplinkLost") -> dict[str, object]:
    """What Alertmanager gives to a template: an alert on each node, the last of which are over."""
    statuses = ["firing"] * (nodes - resolved) + ["resolved"] * resolved
    alerts = [
        {
            "status": status,
            "labels": {"alertname": alert, "node": f"pi-{number}", "severity": "critical"},
            "annotations": {"description": f"pi-{number} is <told> whole.", "runbook_url": "https://example.org/run"},
            "startsAt": "2026-08-27T09:45:00Z",
        }
        for number, status in enumerate(statuses, 1)
    ]
    common = {"alertname": alert, "severity": "critical", **({"node": "pi-1"} if nodes == 1 else {})}
    return {
        "status": "firing" if "firing" in statuses else "resolved",
        "alerts": alerts,
        "commonLabels": common,
        "groupLabels": {},
        "commonAnnotations": {},
        "externalURL": "https://alerts.example.org",
        "receiver": "page",
    }


def rendered(amtool: Path, directory: Path, name: str, data: dict[str, object]) -> str:
    """What one of the templates makes of a notification."""
    (directory / "data.json").write_text(json.dumps(data))
    text = f'{{{{ template "uplink.{name}" . }}}}'
    done = run(
        amtool,
        *("template", "render", f"--template.glob={ALERTS}/templates/*.tmpl", f"--template.text={text}"),
        *(f"--template.type={'html' if name == 'html' else 'text'}", f"--template.data={directory}/data.json"),
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


class TestTemplates:
    @pytest.mark.parametrize(
        ("data", "title"),
        [
            (notification(1), "pi-1: UplinkLost"),
            (notification(200), "200 nodes: UplinkLost"),
            (notification(3, resolved=1), "2 nodes: UplinkLost"),
            (notification(1, resolved=1), "Over: pi-1: UplinkLost"),
            (notification(200, resolved=200), "Over: 200 nodes: UplinkLost"),
        ],
    )
    def test_title_says_where_and_what(self, amtool: Path, tmp_path: Path, data: dict[str, object], title: str) -> None:
        assert rendered(amtool, tmp_path, "title", data) == title

    def test_one_node_is_told_whole(self, amtool: Path, tmp_path: Path) -> None:
        text = rendered(amtool, tmp_path, "text", notification(1))
        assert text.strip() == "pi-1 is <told> whole.\nhttps://example.org/run"

    def test_of_many_all_are_listed_and_three_told_whole(self, amtool: Path, tmp_path: Path) -> None:
        text = rendered(amtool, tmp_path, "text", notification(200, resolved=1))
        lines = [line for line in text.splitlines() if line]
        assert lines[0] == "Nodes: " + ", ".join(f"pi-{number}" for number in range(1, 200)) + "."
        assert lines[1].startswith("Look first at what they share")
        assert [line for line in lines if "told" in line] == [f"pi-{number} is <told> whole." for number in (1, 2, 3)]
        assert lines[-1] == "Over: pi-200."

    def test_what_nodes_share_is_no_hint_for_other_alerts(self, amtool: Path, tmp_path: Path) -> None:
        assert "share" not in rendered(amtool, tmp_path, "text", notification(2, alert="ControlPlanePodStuck"))

    def test_mail_is_html_and_escaped(self, amtool: Path, tmp_path: Path) -> None:
        html = rendered(amtool, tmp_path, "html", notification(1))
        assert "pi-1 is &lt;told&gt; whole." in html
        assert 'href="https://example.org/run"' in html
        assert "09:45 UTC on 27 August 2026" in html

    def test_slack_has_a_colour(self, amtool: Path, tmp_path: Path) -> None:
        assert rendered(amtool, tmp_path, "slack.colour", notification(1)) == "danger"
        assert rendered(amtool, tmp_path, "slack.colour", notification(1, resolved=1)) == "good"
