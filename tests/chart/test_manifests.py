"""The manifests for kubectl are what the chart renders, and stand by themselves."""

from __future__ import annotations

import pytest
import yaml

from tests.chart.docs import DEPLOY, LOCAL_IMAGE, PLAIN_NAMESPACE, manifests
from tests.chart.helm import LOWEST, NEWEST, Chart, Object
from tests.chart.schemas import kubernetes_errors
from uplink_exporter import __version__

CLUSTER_WIDE = {"Namespace", "ClusterRole", "ClusterRoleBinding"}
NAMES = ("uplink-exporter.yaml", "prometheus-operator.yaml")


def objects(name: str) -> list[Object]:
    return list(yaml.safe_load_all((DEPLOY / name).read_text()))


@pytest.mark.parametrize("name", NAMES)
def test_a_file_is_current(name: str) -> None:
    assert (DEPLOY / name).read_text() == manifests()[name], "run `make docs`"


def test_together_they_are_the_chart_and_its_namespace() -> None:
    (namespace, *found) = (one for name in NAMES for one in objects(name))
    assert (namespace["kind"], namespace["metadata"]["name"]) == ("Namespace", PLAIN_NAMESPACE)
    values = {"dashboard": {"enabled": False}, "helmTest": False}
    rendered = Chart(namespace=PLAIN_NAMESPACE, image=LOCAL_IMAGE).objects(values)

    def key(one: Object) -> tuple[str, str]:
        return one["kind"], one["metadata"]["name"]

    assert sorted(found, key=key) == sorted(rendered, key=key)


def test_they_need_no_helm() -> None:
    first, second = (objects(name) for name in NAMES)
    assert {one["kind"] for one in second} == {"PodMonitor", "PrometheusRule"}
    assert not any("helm.sh/hook" in one["metadata"].get("annotations", {}) for one in (*first, *second))
    namespaced = [one["metadata"].get("namespace") for one in (*first, *second) if one["kind"] not in CLUSTER_WIDE]
    assert set(namespaced) <= {PLAIN_NAMESPACE, "default", "kube-flannel", "kube-system"}
    (daemonset,) = (one for one in first if one["kind"] == "DaemonSet")
    (container,) = daemonset["spec"]["template"]["spec"]["containers"]
    assert container["image"] == f"{LOCAL_IMAGE}:{__version__}"


@pytest.mark.parametrize("kubernetes", [LOWEST, NEWEST])
def test_kubernetes_would_take_them(kubernetes: str) -> None:
    errors = kubernetes_errors(kubernetes)
    assert [found for one in objects("uplink-exporter.yaml") for found in errors(one)] == []
