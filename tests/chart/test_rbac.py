"""The ServiceAccount may do what the API source asks for, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import uplink_exporter.sources.kubernetes
from tests.chart.helm import Chart, Object, of_kind

CLUSTER = ("ClusterRole", "ClusterRoleBinding")
NAMESPACED = ("Role", "RoleBinding")


def test_it_may_do_this(chart: Chart) -> None:
    objects = chart.objects()
    (cluster,) = of_kind("ClusterRole", objects)
    assert cluster["rules"] == [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list", "watch"]}]
    roles = {role["metadata"]["namespace"]: role["rules"] for role in of_kind("Role", objects)}
    flannel = [
        {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["kube-flannel-cfg"], "verbs": ["get"]}
    ]
    assert roles == {
        "default": [
            {
                "apiGroups": ["discovery.k8s.io"],
                "resources": ["endpointslices"],
                "resourceNames": ["kubernetes"],
                "verbs": ["get"],
            }
        ],
        "kube-flannel": flannel,
        "kube-system": flannel,
    }


def test_that_is_what_the_source_asks_for() -> None:
    sources = Path(uplink_exporter.sources.kubernetes.__file__).parent
    texts = [(sources / name).read_text() for name in ("paths.py", "pods.py", "terms.py")]
    asked = {re.sub(r"{.*?}", "*", path) for text in texts for path in re.findall(r'"(/apis?/[^"]+)"', text)}
    assert asked == {
        "/api/v1/pods",
        "/apis/discovery.k8s.io/*/namespaces/default/endpointslices/kubernetes",
        "/api/v1/namespaces/*/configmaps/*",
    }


def test_each_role_is_bound_to_our_service_account_alone(chart: Chart) -> None:
    objects = chart.objects()
    us = [{"kind": "ServiceAccount", "name": "uplink-exporter", "namespace": "monitoring"}]
    for role, binding in (CLUSTER, NAMESPACED):
        bound = {(one["metadata"].get("namespace"), one["roleRef"]["name"]) for one in of_kind(binding, objects)}
        there = {(one["metadata"].get("namespace"), one["metadata"]["name"]) for one in of_kind(role, objects)}
        assert bound == there
        assert all(one["subjects"] == us and one["roleRef"]["kind"] == role for one in of_kind(binding, objects))


@pytest.mark.parametrize(
    "values",
    [
        {"sources": {"kubernetes": False}},
        {"rbac": {"create": False}},
        {"kubernetes": {"kubeconfig": "/etc/uplink-exporter/kubeconfig"}},
    ],
    ids=["the source is off", "somebody else's business", "a kubeconfig instead"],
)
def test_where_it_asks_nothing_it_may_nothing(chart: Chart, values: Object) -> None:
    assert not {one["kind"] for one in chart.objects(values)} & {*CLUSTER, *NAMESPACED}


def test_flannels_namespaces_are_those_that_are_named(chart: Chart) -> None:
    roles = of_kind("Role", chart.objects({"rbac": {"flannelNamespaces": ["default", "cni"]}}))
    assert sorted(role["metadata"]["namespace"] for role in roles) == ["cni", "default", "default"]


def test_two_releases_do_not_share_what_has_no_namespace() -> None:
    names = [
        {one["metadata"]["name"] for one in Chart(namespace=namespace).objects() if one["kind"] in CLUSTER}
        for namespace in ("monitoring", "staging")
    ]
    assert not names[0] & names[1]


@pytest.mark.parametrize(
    ("account", "name", "made"),
    [
        ({}, "uplink-exporter", True),
        ({"name": "watcher"}, "watcher", True),
        ({"create": False, "name": "watcher"}, "watcher", False),
        ({"create": False}, "default", False),
    ],
)
def test_the_service_account(chart: Chart, account: Object, name: str, made: bool) -> None:
    values = {"serviceAccount": account}
    assert chart.pod(values)["spec"]["serviceAccountName"] == name
    accounts = of_kind("ServiceAccount", chart.objects(values))
    assert [(one["metadata"]["name"], one["automountServiceAccountToken"]) for one in accounts] == [
        (name, False)
    ] * made
