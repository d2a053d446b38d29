"""What Helm makes of the chart: under both Helms, for the oldest and the newest Kubernetes, for every preset."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chart import schemas
from tests.chart.helm import (
    CHART,
    CI,
    LOWEST,
    NEWEST,
    Chart,
    HelmError,
    Object,
    helm,
    of_kind,
    values_of,
    with_image,
)

NO_FILE = CHART / "values.yaml"
# A static pod's manifest is a file for a node, as a preset of its own.
STATIC = {"staticPod": {"manifest": True}, "sources": {"kubernetes": False}, "state": {"hostPath": "/var/lib/uplink"}}
every_preset = pytest.mark.parametrize("preset", [NO_FILE, *CI], ids=lambda path: path.stem)


def rendered(chart: Chart, preset: Path) -> list[Object]:
    values = {} if preset == NO_FILE else values_of(preset)
    return [*chart.objects(values), *chart.objects({**values, **STATIC, "web": {}})]


@every_preset
def test_lint_has_nothing_against_a_preset(preset: Path, major: int) -> None:
    said = helm(major, "lint", "--strict", CHART, "--values", preset)
    assert "WARNING" not in said, said
    assert "0 chart(s) failed" in said


@every_preset
@pytest.mark.parametrize("kubernetes", [LOWEST, NEWEST])
def test_every_object_is_valid(preset: Path, kubernetes: str) -> None:
    chart = Chart(kubernetes=kubernetes)
    of_kubernetes = schemas.kubernetes_errors(kubernetes)
    for one in rendered(chart, preset):
        assert (schemas.operator_errors if one["kind"] in schemas.crds() else of_kubernetes)(one) == []


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        ("DaemonSet", {"spec": {"hostNetwrk": True}}),
        ("PodMonitor", {"spec": {"podMetricsEndpoint": []}}),
        ("PrometheusRule", {"spec": {"groups": [{"name": "a", "rules": [{"alert": "A", "exprr": "1"}]}]}}),
        ("PrometheusRule", {"spec": {"groups": [{"name": "a", "rules": [{"expr": "1", "for": "banana"}]}]}}),
    ],
    ids=["a typo", "a typo in a CRD's", "a typo in a rule", "no duration"],
)
def test_the_schemas_would_object(kind: str, wrong: Object, chart: Chart) -> None:
    broken = {**chart.only(kind), **wrong}
    errors = schemas.operator_errors if kind in schemas.crds() else schemas.kubernetes_errors(NEWEST)
    assert errors(broken)


@every_preset
def test_both_helms_render_the_same(preset: Path) -> None:
    assert rendered(Chart(major=3), preset) == rendered(Chart(major=4), preset)


def test_an_older_kubernetes_is_refused(major: int) -> None:
    with pytest.raises(HelmError, match="kubeVersion"):
        Chart(major=major, kubernetes="1.19.16").text()


@pytest.mark.parametrize("kubernetes", ["1.33.4-gke.1134000", "1.36.1+k3s1", "1.36.0-rc.1", "1.99.0"])
def test_a_distribution_of_kubernetes_and_a_later_one_are_not(kubernetes: str) -> None:
    assert Chart(kubernetes=kubernetes).objects()


@every_preset
def test_no_object_is_without_labels_and_a_namespace_where_it_has_one(preset: Path, chart: Chart) -> None:
    for one in rendered(chart, preset):
        labels = one["metadata"]["labels"]
        assert labels["app.kubernetes.io/instance"] == chart.release
        assert {"app.kubernetes.io/name", "app.kubernetes.io/version", "app.kubernetes.io/managed-by"} <= labels.keys()
        assert ("namespace" in one["metadata"]) is not one["kind"].startswith("ClusterRole")


@every_preset
def test_no_two_objects_have_one_name(preset: Path, chart: Chart) -> None:
    metadata = [(one["kind"], one["metadata"]) for one in chart.objects(values_of(preset))]
    names = [(kind, of.get("namespace"), of["name"]) for kind, of in metadata]
    assert len(set(names)) == len(names)


@every_preset
def test_selectors_find_the_exporters_pods_and_no_others(preset: Path, chart: Chart) -> None:
    objects = rendered(chart, preset)
    nodes, static = chart.pod(values_of(preset))["metadata"]["labels"], objects[-1]["metadata"]["labels"]
    tests = [one["metadata"]["labels"] for one in objects if one["metadata"]["name"].endswith("-test")]
    for one in objects:
        selector = one.get("spec", {}).get("selector")
        if selector is None:
            continue
        wanted = selector.get("matchLabels", selector).items()
        assert wanted, "it selects every pod"
        assert wanted <= nodes.items()
        # A DaemonSet adopts the pods that it selects; a monitor and a Service are for the static pod as well.
        assert (wanted <= static.items()) is (one["kind"] != "DaemonSet")
        assert not any(wanted <= labels.items() for labels in tests)


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({}, "ue-uplink-exporter"),
        ({"nameOverride": "uplink"}, "ue-uplink"),
        ({"nameOverride": "ue"}, "ue"),
        ({"fullnameOverride": "elsewhere"}, "elsewhere"),
    ],
)
def test_names(values: Object, name: str) -> None:
    assert Chart(release="ue").only("DaemonSet", values)["metadata"]["name"] == name


def test_a_long_name_is_cut_to_what_kubernetes_takes() -> None:
    objects = Chart(release="a" * 53).objects({"nameOverride": "b" * 52})
    assert all(len(one["metadata"]["name"]) <= 63 for one in objects if not one["kind"].startswith(("Cluster", "Role")))


def test_labels_of_the_users_are_everywhere_but_win_over_none_of_ours(chart: Chart) -> None:
    common = {"team": "net", "app.kubernetes.io/name": "mine"}
    values = {"commonLabels": common, "podLabels": {"zone": "a", "team": "b"}}
    for one in chart.objects(values):
        assert one["metadata"]["labels"]["team"] == "net"
        assert one["metadata"]["labels"]["app.kubernetes.io/name"] in ("uplink-exporter", "uplink-exporter-test")
    labels = chart.pod(values)["metadata"]["labels"]
    assert (labels["zone"], labels["team"]) == ("a", "net")


def test_it_can_be_a_part_of_another_chart(tmp_path: Path, major: int) -> None:
    umbrella = tmp_path / "umbrella"
    (umbrella / "charts").mkdir(parents=True)
    (umbrella / "charts/uplink-exporter").symlink_to(CHART)
    (umbrella / "Chart.yaml").write_text("{apiVersion: v2, name: umbrella, version: 1.0.0}")
    values = {"global": {"imageRegistry": "example.org"}, "uplink-exporter": with_image({"web": {"port": 10078}})}
    (found,) = of_kind("DaemonSet", Chart(path=umbrella, major=major).objects(values))
    assert found["spec"]["template"]["spec"]["containers"][0]["ports"][0]["containerPort"] == 10078
