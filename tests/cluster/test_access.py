"""What the chart lets the exporter do: enough for all that it asks, and nothing else."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest

from tests.cluster.account import Account, Grant, account, grants, without
from tests.cluster.control_plane import ControlPlane, Json
from tests.cluster.helm import NAMESPACE, RELEASE, Helm
from tests.kernel.namespace import ROUTE, Exporter, eventually, exporting
from tests.kernel.test_outage import AS_A_POD

pytestmark = pytest.mark.cluster

# No kubelet: what this node's pods are and do is written by hand.
WORKER = "pi-worker1"
FLANNEL_NAMESPACES = ("kube-flannel", "kube-system")
NET_CONF = '{"Network": "10.244.0.0/16", "EnableIPv4": true, "EnableIPv6": true}'

UP = 'uplink_source_up{source="kubernetes"}'
BY_SERVICE = 'uplink_api_path{path="service"}'
BY_ENDPOINT = 'uplink_api_path{path="endpoint"}'
# IPv6 has no default route here, which only matters if flannel's net-conf.json asks for both families.
DUAL_STACK = 'uplink_flannel_start_blocked{reason="no_default_route6"}'

LIST = Grant(verb="list", resource="pods")
WATCH = Grant(verb="watch", resource="pods")
ENDPOINTS = Grant(verb="get", resource="endpointslices", namespace="default")
CONFIG_MAPS = {name: Grant(verb="get", resource="configmaps", namespace=name) for name in FLANNEL_NAMESPACES}

EVERYWHERE = {"list /pods", "watch /pods"}
BEYOND: Mapping[str, set[str]] = {
    "default": {"get discovery.k8s.io/endpointslices kubernetes"},
    "kube-flannel": {"get /configmaps kube-flannel-cfg"},
    "kube-system": {"get /configmaps kube-flannel-cfg"},
    "kube-public": set(),
    "kube-node-lease": set(),
    NAMESPACE: set(),
}

FORBIDDEN = (
    ("get", "secrets", "kube-system", ""),
    ("list", "secrets", "", ""),
    ("list", "secrets", NAMESPACE, ""),
    ("get", "configmaps", NAMESPACE, "kube-flannel-cfg"),
    ("get", "configmaps", "kube-system", "kubeadm-config"),
    ("get", "configmaps", "kube-flannel", ""),
    ("list", "configmaps", "kube-flannel", ""),
    ("watch", "configmaps", "kube-flannel", ""),
    ("update", "configmaps", "kube-flannel", "kube-flannel-cfg"),
    ("get", "endpointslices.discovery.k8s.io", "default", "another"),
    ("list", "endpointslices.discovery.k8s.io", "default", ""),
    ("get", "endpointslices.discovery.k8s.io", "kube-system", "kubernetes"),
    ("get", "endpoints", "default", "kubernetes"),
    ("get", "pods", "kube-flannel", ""),
    ("get", "pods/log", "kube-flannel", ""),
    ("create", "pods/exec", "kube-flannel", ""),
    ("create", "pods/eviction", "kube-flannel", ""),
    ("create", "pods", NAMESPACE, ""),
    ("delete", "pods", "kube-flannel", ""),
    ("deletecollection", "pods", "kube-flannel", ""),
    ("patch", "pods/status", "kube-flannel", ""),
    ("get", "nodes", "", WORKER),
    ("list", "nodes", "", ""),
    ("get", "nodes/proxy", "", WORKER),
    ("list", "namespaces", "", ""),
    ("list", "services", "", ""),
    ("create", "events", "default", ""),
    ("create", "serviceaccounts/token", NAMESPACE, RELEASE),
    ("impersonate", "serviceaccounts", "kube-system", ""),
    ("escalate", "clusterroles.rbac.authorization.k8s.io", "", ""),
    ("bind", "clusterroles.rbac.authorization.k8s.io", "", ""),
    ("get", "daemonsets.apps", "kube-flannel", "kube-flannel-ds"),
)


@pytest.fixture(scope="module")
def exporter(plane: ControlPlane, helm4: Helm) -> Iterator[Account]:
    """The exporter's own account, from a release with the chart's defaults."""
    plane.apply(
        *({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in (NAMESPACE, "kube-flannel"))
    )
    with helm4.installed():
        yield account(plane, NAMESPACE, RELEASE)


@pytest.fixture(scope="module")
def nobody(plane: ControlPlane, exporter: Account) -> Account:
    """An account to which nobody has granted anything."""
    plane.apply(service_account(NAMESPACE, "nobody"))
    return account(plane, NAMESPACE, "nobody")


@pytest.fixture(scope="module")
def roles(exporter: Account, helm4: Helm) -> list[Json]:
    """The chart's Roles, as they are stored."""
    plane = exporter.plane
    rendered = [one for one in helm4.manifest() if one["kind"] in ("Role", "ClusterRole")]
    where = [(one["kind"], one["metadata"]["name"], one["metadata"].get("namespace", "default")) for one in rendered]
    return [plane.get(kind, name, f"--namespace={namespace}") for kind, name, namespace in where]


@pytest.fixture(params=FLANNEL_NAMESPACES, scope="module")
def flannel(request: pytest.FixtureRequest, exporter: Account) -> Iterator[str]:
    """Flannel's pod on the worker, in one of its namespaces and with its ConfigMap, and a system pod that is stuck."""
    plane, namespace = exporter.plane, request.param
    head = {"apiVersion": "v1", "kind": "ConfigMap"}
    config = head | {
        "metadata": {"name": "kube-flannel-cfg", "namespace": namespace},
        "data": {"net-conf.json": NET_CONF},
    }
    made = [
        config,
        pod(namespace, "kube-flannel-ds-tq9x5", "kube-flannel"),
        pod("kube-system", "etcd-pi-worker1", "etcd"),
    ]
    plane.apply(*(service_account(name, "default") for name in FLANNEL_NAMESPACES), *made)
    tell(plane, namespace, "kube-flannel-ds-tq9x5", "kube-flannel", 7, {"waiting": {"reason": "CrashLoopBackOff"}})
    tell(plane, "kube-system", "etcd-pi-worker1", "etcd", 0, {"waiting": {"reason": "CreateContainerError"}})
    try:
        yield namespace
    finally:
        for one in made:
            metadata = one["metadata"]
            plane.ask("delete", one["kind"], metadata["name"], f"--namespace={metadata['namespace']}", "--force")


def service_account(namespace: str, name: str) -> Json:
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace}}


def pod(namespace: str, name: str, container: str) -> Json:
    containers = [{"name": container, "image": "localhost/none"}]
    spec = {"nodeName": WORKER, "hostNetwork": True, "containers": containers, "automountServiceAccountToken": False}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace}, "spec": spec}


def failures(reason: str) -> str:
    return f'uplink_source_errors_total{{reason="{reason}",source="kubernetes"}}'


def tell(plane: ControlPlane, namespace: str, name: str, container: str, restarts: int, state: Json) -> None:
    """Say what the kubelet would say of a pod."""
    status = {"name": container, "image": "", "imageID": "", "ready": False, "restartCount": restarts, "state": state}
    patch = {"status": {"containerStatuses": [status]}}
    plane.ask(
        "patch",
        "pod",
        name,
        f"--namespace={namespace}",
        "--subresource=status",
        "--type=merge",
        f"--patch={json.dumps(patch)}",
    )


@contextmanager
def serving(exporter: Account) -> Iterator[Exporter]:
    """The exporter as a process on the machine, with the account's own token."""
    flags = (f"--kubernetes.node={WORKER}", "--source.kubernetes=on", "--source.pod-logs=off")
    through = ("sh", "-ec", AS_A_POD, "pod", str(exporter.directory), sys.executable)
    with exporting(exporter.plane.machine.network, *flags, through=through, alone=()) as process:
        yield process


@contextmanager
def no_default_route(plane: ControlPlane) -> Iterator[None]:
    """The node without its way to the service. Its API server has hung up on everybody, and is back."""
    plane.machine.network.ip("route del default")
    try:
        plane.stop_api_server()
        plane.start_api_server()
        yield
    finally:
        plane.machine.network.ip(ROUTE)


def test_all_that_is_granted_is_used(roles: list[Json]) -> None:
    """Each of these has a test below that fails to work without it."""
    assert grants(roles) == {LIST, WATCH, ENDPOINTS, *CONFIG_MAPS.values()}


def test_with_its_own_token_it_sees_its_pods_and_the_config_of_flannel(exporter: Account, flannel: str) -> None:
    labels = f'container="kube-flannel",namespace="{flannel}",pod="kube-flannel-ds-tq9x5"'
    stuck = 'container="etcd",namespace="kube-system",pod="etcd-pi-worker1",reason="CreateContainerError"'
    with serving(exporter) as process:
        process.shows(
            {
                UP: 1,
                BY_SERVICE: 1,
                f"uplink_flannel_container_restarts{{{labels}}}": 7,
                'uplink_flannel_waiting{reason="CrashLoopBackOff"}': 1,
                f"uplink_pod_waiting{{{stuck}}}": 1,
                DUAL_STACK: 1,
                failures("permission"): 0,
            }
        )


@pytest.mark.parametrize("grant", [LIST, WATCH], ids=str)
def test_it_needs_to_see_the_pods(exporter: Account, roles: list[Json], flannel: str, grant: Grant) -> None:
    with without(exporter.plane, roles, grant), serving(exporter) as process:
        eventually(lambda: process.page()[failures("permission")] > 0)


def test_it_needs_the_config_of_flannel(exporter: Account, roles: list[Json], flannel: str) -> None:
    with without(exporter.plane, roles, CONFIG_MAPS[flannel]), serving(exporter) as process:
        process.shows({UP: 1, 'uplink_flannel_waiting{reason="CrashLoopBackOff"}': 1, DUAL_STACK: 0})


def test_without_a_default_route_it_goes_by_the_endpoint_that_it_has_learned(exporter: Account) -> None:
    with serving(exporter) as process:
        process.shows({UP: 1, BY_SERVICE: 1})
        with no_default_route(exporter.plane):
            process.shows({UP: 1, BY_ENDPOINT: 1, BY_SERVICE: 0}, within=60)


def test_it_needs_the_endpoints_of_the_api_server(exporter: Account, roles: list[Json]) -> None:
    with without(exporter.plane, roles, ENDPOINTS), serving(exporter) as process:
        process.shows({UP: 1, BY_SERVICE: 1})
        with no_default_route(exporter.plane):
            before = process.page()[failures("io")]
            eventually(lambda: process.page()[failures("io")] > before, within=60)
            assert process.page()[BY_ENDPOINT] == 0


@pytest.mark.parametrize("namespace", BEYOND)
def test_it_may_do_this_and_nothing_else(exporter: Account, nobody: Account, namespace: str) -> None:
    assert exporter.rules(namespace) - nobody.rules(namespace) == EVERYWHERE | BEYOND[namespace]


@pytest.mark.parametrize(("verb", "resource", "namespace", "name"), FORBIDDEN)
def test_it_may_not(exporter: Account, verb: str, resource: str, namespace: str, name: str) -> None:
    assert not exporter.may(verb, resource, namespace, name)


def test_the_question_can_be_answered_with_yes(exporter: Account) -> None:
    assert exporter.may("get", "endpointslices.discovery.k8s.io", "default", "kubernetes")
