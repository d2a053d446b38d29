"""What a user reads after the installation."""

from __future__ import annotations

import re
import shutil
import textwrap
from pathlib import Path

import pytest
import yaml

from tests.alerts.rules import ALERTS, rules
from tests.alerts.tools import generations, run
from tests.chart.helm import CHART, IMAGE, MONITORING, Chart, Object, helm


@pytest.fixture(scope="module")
def readable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The chart with its notes as an object more: `helm template` renders no notes."""
    copy = shutil.copytree(CHART, tmp_path_factory.mktemp("notes") / "uplink-exporter")
    notes = (copy / "templates/NOTES.txt").read_text()
    define = '{{- define "notes" }}' + notes + "{{- end }}\n"
    (copy / "templates/notes.yaml").write_text(define + 'kind: Notes\nnotes: {{ include "notes" . | toJson }}\n')
    return copy


def notes(path: Path, values: Object | None = None, kinds: tuple[str, ...] = MONITORING) -> str:
    (found,) = (one for one in Chart(path=path, kinds=kinds).objects(values) if one["kind"] == "Notes")
    text: str = found["notes"]
    return re.sub(r"\s+", " ", text)


def test_they_say_how_to_see_the_first_metric(readable: Path) -> None:
    said = notes(readable, {"web": {"port": 18077}, "releaseLabel": "kps"})
    assert "curl -s http://$(kubectl get nodes" in said
    assert ":18077/metrics | grep ^uplink_diagnosis" in said
    assert "kubectl -n monitoring exec ds/uplink-exporter -- uplink-exporter doctor" in said
    assert "PodMonitor monitoring/uplink-exporter" in said
    assert "WARNING" not in said


def test_they_say_what_a_web_config_asks_for(readable: Path) -> None:
    said = notes(readable, {"web": {"config": {"secretName": "mine", "tls": True}}})
    assert "curl -s --cacert CA.crt -u USER https://$(kubectl get nodes" in said
    assert "as the Secret mine asks" in said
    assert "--cacert" not in notes(readable, {"web": {"config": {"secretName": "mine"}}})


def test_they_show_where_a_runbook_is_before_the_night(readable: Path) -> None:
    rules_file = (CHART / "files/uplink.rules.yml").read_text()
    assert f"{re.findall(r'runbook_url: (.*/UplinkLost.md)', rules_file)[0]}" in notes(readable)
    ours = {"runbookBaseUrl": "https://wiki.example.org/runbooks"}
    assert "https://wiki.example.org/runbooks/UplinkLost.md" in notes(readable, {"prometheusRule": ours})
    assert "runbook" not in notes(readable, {"prometheusRule": {"enabled": False}})


WARNINGS = [
    ({}, (), "knows no PodMonitor"),
    ({}, (), "knows no PrometheusRule"),
    ({"monitor": {"kind": "ServiceMonitor"}}, MONITORING[:1], "knows no ServiceMonitor"),
    ({}, MONITORING, "releaseLabel is not set"),
    ({"sources": {"kubernetes": False}}, MONITORING, "sources.kubernetes is false"),
    ({"sources": {"podLogs": False}}, MONITORING, "sources.podLogs is false"),
    ({"hostMounts": {"flannelRun": ""}}, MONITORING, "hostMounts.flannelRun is empty"),
    ({"hostMounts": {"networkConfig": []}}, MONITORING, "hostMounts.networkConfig is empty"),
    ({"state": {"enabled": False}}, MONITORING, "state.enabled is false"),
    ({"web": {"config": {"secretName": "web", "tls": True}}}, MONITORING, "monitor.tlsConfig is empty"),
]


@pytest.mark.parametrize(("values", "kinds", "warning"), WARNINGS, ids=[warning for *_, warning in WARNINGS])
def test_they_warn(readable: Path, values: Object, kinds: tuple[str, ...], warning: str) -> None:
    told = notes(readable, values, kinds).split("WARNING: ")[1:]
    assert any(warning in one for one in told)
    well = notes(readable, {"releaseLabel": "kps"})
    assert warning not in well


@pytest.mark.parametrize("values", [{"releaseLabel": "kps"}, {"monitor": {"labels": {"prometheus": "main"}}}])
def test_they_do_not_ask_for_a_label_that_is_there(readable: Path, values: Object) -> None:
    assert "releaseLabel" not in notes(readable, values)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"monitor": {"enabled": False}}, "monitor.enabled is false"),
        ({"monitor": {"enabled": False}, "scrapeAnnotations": True}, "the annotation prometheus.io/scrape"),
        ({"staticPod": {"enabled": True}}, "keeps off the nodes with the label node-role.kubernetes.io/control-plane"),
    ],
)
def test_they_say_who_scrapes_and_where(readable: Path, values: Object, said: str) -> None:
    assert said in notes(readable, values)


def inhibition(text: str) -> Object:
    """The rule of inhibition in a text, as Alertmanager reads it."""
    (written,) = re.findall(r"^ *inhibit_rules:\n(?:^ +.*\n)+", text, re.MULTILINE)
    (found,) = yaml.safe_load(textwrap.dedent(written))["inhibit_rules"]
    assert isinstance(found, dict)
    return found


def muted(rule: Object, side: str) -> set[str]:
    """Which of our alerts one side of a rule of inhibition names."""
    (pattern,) = re.findall(r'alertname=~"([^"]+)"', rule[side][0])
    return {one.name for one in rules() if one.alert and re.fullmatch(pattern, one.name)}


@pytest.mark.parametrize("path", ["templates/NOTES.txt", "README.md"])
@pytest.mark.parametrize("side", ["source_matchers", "target_matchers"])
def test_their_inhibition_is_that_of_the_full_example(path: str, side: str) -> None:
    example = yaml.safe_load((ALERTS / "alertmanager.example.yml").read_text())["inhibit_rules"][0]
    found = inhibition((CHART / path).read_text())
    assert muted(found, side) == muted(example, side) != set()
    assert found["equal"] == example["equal"]


def test_alertmanager_takes_it(tmp_path: Path) -> None:
    rule = inhibition((CHART / "templates/NOTES.txt").read_text())
    config = {"route": {"receiver": "a"}, "receivers": [{"name": "a"}], "inhibit_rules": [rule]}
    (tmp_path / "alertmanager.yml").write_text(yaml.safe_dump(config))
    for tools in generations():
        assert tools.amtool is not None, "no amtool: tests/setup gets Debian's"
        checked = run(tools.amtool, "check-config", tmp_path / "alertmanager.yml")
        assert checked.returncode == 0, checked.stdout


def test_helm_shows_them() -> None:
    # Helm 3 wants a cluster even for this.
    said = helm(
        4, "install", "ue", CHART, "--namespace=monitoring", "--dry-run=client", f"--set=image.repository={IMAGE}"
    )
    assert "kubectl -n monitoring exec ds/ue-uplink-exporter" in said.partition("NOTES:")[2]
