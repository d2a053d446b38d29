"""What Prometheus, its operator and Grafana get: each gated, and equal to what alerts/ and grafana/ have."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from tests.alerts.rules import RULES
from tests.alerts.tools import Tools, generations, run, there
from tests.chart.helm import CHART, MONITORING, ROOT, Chart, HelmError, Object, of_kind

DASHBOARD = ROOT / "grafana/uplink-exporter.json"
EXAMPLE = CHART / "examples/prometheus.yml"
BOTH = "prometheusRule.alerts: there is no alert FlannelCrashLoops; those are UplinkDownSinceBoot, "


@pytest.fixture(params=generations(), ids=lambda tools: tools.generation)
def promtool(request: pytest.FixtureRequest) -> Path:
    tools: Tools = request.param
    return there(tools.promtool, "promtool")


def kinds(objects: list[Object]) -> set[str]:
    return {one["kind"] for one in objects if one["apiVersion"].startswith("monitoring.")}


@pytest.mark.parametrize(
    ("known", "made"),
    [
        ((), set()),
        (MONITORING, {"PodMonitor", "PrometheusRule"}),
        (MONITORING[2:], {"PrometheusRule"}),
        (MONITORING[:1], {"PodMonitor"}),
        (MONITORING[1:2], set()),
    ],
    ids=["no operator", "operator", "only its rules", "only its pod monitors", "only its service monitors"],
)
def test_each_object_needs_its_own_kind(known: tuple[str, ...], made: set[str]) -> None:
    assert kinds(Chart(kinds=known).objects()) == made


@pytest.mark.parametrize(
    ("values", "made"),
    [
        ({"monitor": {"enabled": False}}, {"PrometheusRule"}),
        ({"prometheusRule": {"enabled": False}}, {"PodMonitor"}),
        ({"monitor": {"kind": "ServiceMonitor"}}, {"ServiceMonitor", "PrometheusRule"}),
    ],
)
def test_and_its_value(chart: Chart, values: Object, made: set[str]) -> None:
    assert kinds(chart.objects(values)) == made


def test_a_service_is_made_for_a_service_monitor_alone(chart: Chart) -> None:
    (service,) = of_kind("Service", chart.objects({"monitor": {"kind": "ServiceMonitor"}}))
    assert service["spec"]["clusterIP"] == "None"
    assert service["spec"]["ports"][0]["targetPort"] == chart.container()["ports"][0]["name"]
    assert not of_kind("Service", chart.objects())


def endpoint(chart: Chart, values: Object) -> Object:
    (found,) = (one for one in chart.objects(values) if one["kind"].endswith("Monitor"))
    (only,) = found["spec"].get("podMetricsEndpoints") or found["spec"]["endpoints"]
    assert isinstance(only, dict)
    return only


@pytest.mark.parametrize("kind", ["PodMonitor", "ServiceMonitor"])
def test_targets_have_what_the_rules_lean_on(chart: Chart, kind: str) -> None:
    scraped = endpoint(chart, {"monitor": {"kind": kind}, "fullnameOverride": "elsewhere"})
    labels = {one["targetLabel"]: one for one in scraped["relabelings"]}
    assert labels["node"]["sourceLabels"] == labels["instance"]["sourceLabels"] == ["__meta_kubernetes_pod_node_name"]
    (matched,) = set(re.findall(r'up\{job=~"([^"]+)"\}', RULES.read_text()))
    assert re.fullmatch(matched, labels["job"]["replacement"])
    assert scraped["port"] == chart.container()["ports"][0]["name"]


def test_a_scrape_is_as_the_values_say(chart: Chart) -> None:
    secret = {"name": "scraper", "key": "password"}
    monitor = {
        "interval": "30s",
        "scrapeTimeout": "5s",
        "tlsConfig": {"insecureSkipVerify": True},
        "basicAuth": {"username": secret, "password": secret},
        "metricRelabelings": [{"sourceLabels": ["__name__"], "regex": "uplink_load.*", "action": "drop"}],
    }
    web = {"telemetryPath": "/m", "config": {"secretName": "web", "tls": True}}
    scraped = endpoint(chart, {"web": web, "monitor": monitor})
    assert {key: scraped[key] for key in monitor} == monitor
    assert (scraped["scheme"], scraped["path"]) == ("https", "/m")
    assert "tlsConfig" not in endpoint(chart, {"monitor": monitor})


def test_the_release_label_is_on_all_that_the_operator_selects(chart: Chart) -> None:
    objects = chart.objects({"releaseLabel": "kps", "monitor": {"labels": {"team": "net"}}})
    labels = {one["kind"]: one["metadata"]["labels"] for one in objects}
    assert labels["PodMonitor"]["release"] == labels["PrometheusRule"]["release"] == "kps"
    assert labels["PodMonitor"]["team"] == "net"
    assert "release" not in chart.only("PodMonitor")["metadata"]["labels"]


def groups(chart: Chart, settings: Object | None = None, **values: Object) -> list[Object]:
    spec = chart.only("PrometheusRule", {"prometheusRule": settings or {}, **values})["spec"]
    found: list[Object] = spec["groups"]
    return found


def alerts(chart: Chart, settings: Object | None = None, **values: Object) -> dict[str, Object]:
    """The alerts by name and severity."""
    (group,) = groups(chart, settings, **values)
    return {f"{one['alert']}/{one['labels']['severity']}": one for one in group["rules"] if "alert" in one}


def test_the_rules_are_those_of_alerts(chart: Chart) -> None:
    assert {"groups": groups(chart)} == yaml.safe_load(RULES.read_text())


@pytest.mark.parametrize(
    ("knobs", "name", "changed"),
    [
        ({"UplinkLost": {"for": "10m"}}, "UplinkLost/critical", {"for": "10m"}),
        ({"UplinkLost": {"severity": "warning"}}, "UplinkLost/warning", {}),
        ({"FlannelCrashLooping": {"for": "1h"}}, "FlannelCrashLooping/critical", {"for": "1h"}),
        ({"FlannelCrashLooping": {"for": "1h"}}, "FlannelCrashLooping/warning", {"for": "1h"}),
        ({"FlannelCrashLooping/warning": {"for": "1h"}}, "FlannelCrashLooping/warning", {"for": "1h"}),
        ({"FlannelCrashLooping/warning": {"for": "1h"}}, "FlannelCrashLooping/critical", {"for": "7m"}),
        (
            {"FlannelCrashLooping": {"for": "1h"}, "FlannelCrashLooping/warning": {"for": "2h"}},
            "FlannelCrashLooping/warning",
            {"for": "2h"},
        ),
        ({"UplinkRecovering": {"for": "1m"}}, "UplinkRecovering/none", {"for": "1m"}),
    ],
)
def test_a_knob_turns_what_it_names_and_nothing_else(chart: Chart, knobs: Object, name: str, changed: Object) -> None:
    turned, before = alerts(chart, {"alerts": knobs}), alerts(chart)
    assert {key: turned[name].get(key) for key in changed} == changed
    untouched = {key for key in before if not any(key.startswith(knob) for knob in knobs)}
    assert all(turned[key] == before[key] for key in untouched)


def test_an_alert_is_left_out(chart: Chart) -> None:
    gone = alerts(chart).keys() - alerts(chart, {"alerts": {"FlannelCrashLooping": {"enabled": False}}}).keys()
    assert gone == {"FlannelCrashLooping/critical", "FlannelCrashLooping/warning"}
    gone = alerts(chart).keys() - alerts(chart, {"alerts": {"FlannelCrashLooping/warning": {"enabled": False}}}).keys()
    assert gone == {"FlannelCrashLooping/warning"}


def test_labels_and_annotations_are_added_and_those_of_one_alert_win(chart: Chart) -> None:
    settings = {
        "alertLabels": {"team": "platform", "tier": "1"},
        "alerts": {"UplinkLost": {"labels": {"team": "net"}, "annotations": {"dashboard": "d/uplink"}}},
    }
    lost, dead = (alerts(chart, settings)[name] for name in ("UplinkLost/critical", "UplinkDead/critical"))
    assert (lost["labels"]["team"], lost["labels"]["tier"], lost["annotations"]["dashboard"]) == (
        "net",
        "1",
        "d/uplink",
    )
    assert (dead["labels"]["team"], dead["labels"]["severity"]) == ("platform", "critical")
    assert lost["annotations"]["summary"] == alerts(chart)["UplinkLost/critical"]["annotations"]["summary"]


def test_runbooks_may_be_elsewhere(chart: Chart) -> None:
    for name, alert in alerts(chart, {"runbookBaseUrl": "https://wiki.example.org/r"}).items():
        assert alert["annotations"]["runbook_url"] == f"https://wiki.example.org/r/{name.partition('/')[0]}.md"


def test_an_alert_that_could_not_know_is_left_out(chart: Chart) -> None:
    gone = alerts(chart).keys() - alerts(chart, hostMounts={"flannelRun": ""}).keys()
    assert gone == {"FlannelNotStartedSinceBoot/warning"}


@pytest.mark.parametrize("known", [(), MONITORING], ids=["no operator", "operator"])
def test_a_knob_for_no_alert_is_refused_with_a_list_of_those_there_are(known: tuple[str, ...]) -> None:
    with pytest.raises(HelmError) as refused:
        Chart(kinds=known).text({"prometheusRule": {"alerts": {"FlannelCrashLoops": {"for": "1m"}}}})
    assert BOTH in str(refused.value)
    assert all(name in str(refused.value) for name in alerts(Chart()))


def test_promtool_takes_the_rules_with_every_knob_turned(chart: Chart, promtool: Path, tmp_path: Path) -> None:
    every = {name: {"for": "7m", "labels": {"team": "net"}, "annotations": {"note": "a"}} for name in alerts(chart)}
    settings = {"alerts": every, "alertLabels": {"tier": "1"}, "runbookBaseUrl": "https://wiki.example.org/r"}
    for name, found in (("plain", groups(chart)), ("turned", groups(chart, settings))):
        (tmp_path / name).write_text(yaml.safe_dump({"groups": found}))
        checked = run(promtool, "check", "rules", tmp_path / name)
        assert checked.returncode == 0, checked.stdout
        assert "SUCCESS" in checked.stdout


def test_the_dashboard_is_that_of_grafana(chart: Chart) -> None:
    (found,) = (one for one in chart.objects() if one["kind"] == "ConfigMap")
    assert found["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert found["data"] == {"uplink-exporter.json": DASHBOARD.read_text()}
    assert "__inputs" not in json.loads(found["data"]["uplink-exporter.json"])
    assert len(found["data"]["uplink-exporter.json"]) < 900_000  # an object has at most a MiB


def test_the_dashboard_goes_where_grafana_looks(chart: Chart) -> None:
    place = {"namespace": "grafana", "annotations": {"grafana_folder": "Nodes"}, "labels": {"grafana_dashboard": "yes"}}
    (found,) = (one for one in chart.objects({"dashboard": place}) if one["kind"] == "ConfigMap")
    metadata = found["metadata"]
    assert (metadata["namespace"], metadata["annotations"]) == ("grafana", {"grafana_folder": "Nodes"})
    assert metadata["labels"]["grafana_dashboard"] == "yes"
    assert not [one for one in chart.objects({"dashboard": {"enabled": False}}) if one["kind"] == "ConfigMap"]


def test_annotations_for_a_prometheus_that_goes_by_them(chart: Chart) -> None:
    values = {"scrapeAnnotations": True, "monitor": {"enabled": False}, "web": {"port": 18077}}
    annotations = chart.pod(values)["metadata"]["annotations"]
    told = {key: value for key, value in annotations.items() if key.startswith("prometheus.io/")}
    assert told == {
        "prometheus.io/scrape": "true",
        "prometheus.io/port": "18077",
        "prometheus.io/path": "/metrics",
        "prometheus.io/scheme": "http",
    }
    assert not any(key.startswith("prometheus.io/") for key in chart.pod()["metadata"]["annotations"])


def test_the_example_is_a_configuration_of_prometheus(promtool: Path, tmp_path: Path) -> None:
    text = EXAMPLE.read_text()
    if "not found in type" in run(promtool, "check", "config", EXAMPLE).stdout:
        # Debian builds Prometheus without Kubernetes: there the rest is checked, around targets that are written down.
        text = text.replace("kubernetes_sd_configs:\n      - role: pod", "static_configs:\n      - targets: [a:10077]")
    (tmp_path / "prometheus.yml").write_text(text)
    (tmp_path / "uplink.rules.yml").write_text(RULES.read_text())
    checked = run(promtool, "check", "config", tmp_path / "prometheus.yml")
    assert checked.returncode == 0, checked.stdout


def test_the_example_finds_our_pods_and_labels_them_as_the_monitor_does(chart: Chart) -> None:
    (job,) = yaml.safe_load(EXAMPLE.read_text())["scrape_configs"]
    keep, *labels = job["relabel_configs"]
    found = {f"__meta_kubernetes_pod_label_{re.sub(r'[^a-z]', '_', key)}": value for key, value in pod_labels(chart)}
    port = {"__meta_kubernetes_pod_container_port_name": chart.container()["ports"][0]["name"]}
    assert ";".join((found | port)[label] for label in keep["source_labels"]) == keep["regex"]
    ours = {one["targetLabel"]: one.get("sourceLabels") for one in endpoint(chart, {})["relabelings"]}
    theirs = {one["target_label"]: one["source_labels"] for one in labels}
    assert (theirs["node"], theirs["instance"]) == (ours["node"], ours["instance"])
    assert job["job_name"] == "uplink-exporter"


def pod_labels(chart: Chart) -> list[tuple[str, str]]:
    return list(chart.pod()["metadata"]["labels"].items())
