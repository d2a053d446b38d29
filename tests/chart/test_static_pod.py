"""The static pod is the DaemonSet's pod without what only an API server can give."""

from __future__ import annotations

import pytest

from tests.chart.helm import Chart, HelmError, Object, environment
from uplink_exporter.settings import Mode, parse

PRINT: Object = {"staticPod": {"manifest": True}, "sources": {"kubernetes": False}}
FROM_THE_API = ("serviceAccountName", "imagePullSecrets", "nodeSelector", "affinity")


def static_pod(chart: Chart, values: Object) -> Object:
    (only,) = chart.objects({**values, **PRINT})
    assert only["kind"] == "Pod"
    return only


def test_it_is_the_pod_of_the_daemonset(chart: Chart) -> None:
    values: Object = {"uplink": {"devices": ["wlan0"]}, "state": {"hostPath": "/var/lib/uplink-exporter"}}
    there = chart.pod({**values, "sources": {"kubernetes": False}})["spec"]
    here = static_pod(chart, values)["spec"]
    assert here == {key: value for key, value in there.items() if key not in FROM_THE_API} | {"priority": 2000001000}


def test_it_asks_the_api_server_for_nothing(chart: Chart) -> None:
    values = {"imagePullSecrets": [{"name": "registry"}], "state": {"hostPath": "/var/lib/uplink-exporter"}}
    pod = static_pod(chart, values)["spec"]
    assert not set(FROM_THE_API) & pod.keys()
    assert all("hostPath" in volume for volume in pod["volumes"])


def test_with_a_kubeconfig_on_the_node_it_asks_by_that(chart: Chart) -> None:
    path = "/etc/uplink-exporter/kubeconfig"
    values = {"staticPod": {"manifest": True}, "kubernetes": {"kubeconfig": path}}
    (pod,) = chart.objects(values)
    settings = parse((), environment(pod["spec"]["containers"][0], UPLINK_EXPORTER_KUBERNETES_NODE="a"))
    assert (settings.kubernetes, str(settings.kubeconfig)) == (Mode.ON, path)
    (volume,) = (volume for volume in pod["spec"]["volumes"] if volume["name"] == "kubeconfig")
    assert volume["hostPath"] == {"path": path, "type": "File"}


@pytest.mark.parametrize(
    "values",
    [{"staticPod": {"manifest": True}}, {**PRINT, "web": {"config": {"secretName": "web"}}}],
    ids=["a ServiceAccount", "a Secret"],
)
def test_what_it_cannot_have_is_refused(chart: Chart, values: Object) -> None:
    with pytest.raises(HelmError, match="a static pod"):
        chart.text(values)


NODE_LABEL = {"key": "node-role.kubernetes.io/control-plane", "operator": "DoesNotExist"}
ARM = {"key": "kubernetes.io/arch", "operator": "In", "values": ["arm64"]}
NAMED = {"key": "metadata.name", "operator": "In", "values": ["pi"]}


@pytest.mark.parametrize(
    ("given", "terms"),
    [
        ([], [{"matchExpressions": [NODE_LABEL]}]),
        ([{"matchExpressions": [ARM]}], [{"matchExpressions": [ARM, NODE_LABEL]}]),
        ([{"matchFields": [NAMED]}], [{"matchFields": [NAMED], "matchExpressions": [NODE_LABEL]}]),
        (
            [{"matchExpressions": [ARM]}, {}],
            [{"matchExpressions": [ARM, NODE_LABEL]}, {"matchExpressions": [NODE_LABEL]}],
        ),
    ],
)
def test_the_daemonset_keeps_off_its_nodes(chart: Chart, given: list[Object], terms: list[Object]) -> None:
    required = "requiredDuringSchedulingIgnoredDuringExecution"
    affinity = {"nodeAffinity": {required: {"nodeSelectorTerms": given}}} if given else {}
    values = {"staticPod": {"enabled": True}, "affinity": affinity}
    found = chart.pod(values)["spec"]["affinity"]
    assert found == {"nodeAffinity": {required: {"nodeSelectorTerms": terms}}}
    assert chart.pod({"affinity": affinity})["spec"].get("affinity", {}) == affinity
