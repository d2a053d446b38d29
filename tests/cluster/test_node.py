"""The chart on a real node: kubelet, containerd and the image; and the incident on it, with flannel's own program."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.cluster import exporter, flannel, kubelet
from tests.cluster.control_plane import ControlPlane
from tests.cluster.exporter import Container, container, own_container, process, shows
from tests.cluster.helm import CHART, NAMESPACE, RELEASE, Helm
from tests.cluster.machine import MachineError
from tests.kernel.namespace import CONNECTED, ROUTE, eventually

pytestmark = pytest.mark.cluster

SLOW = 120.0
"""Seconds for what takes several steps of the kubelet's."""

HEALTHY = 'uplink_diagnosis{verdict="healthy"}'
DOWN = 'uplink_diagnosis{verdict="uplink_down"}'
RECOVERING = 'uplink_diagnosis{verdict="recovering"}'
BY_SERVICE = 'uplink_api_path{path="service"}'
BY_ENDPOINT = 'uplink_api_path{path="endpoint"}'
TOTAL = "uplink_flannel_restarts_total"
CRASHES = 'uplink_flannel_crashes_total{cause="no_default_route"}'
WOULD_START = "uplink_flannel_would_start"
RUNNING = "uplink_flannel_running"
# The kernel's words: nobody in group 0, no capability, no way to one, and a seccomp filter.
UNPRIVILEGED = {
    "Uid": "\t".join(["65534"] * 4),
    "Gid": "\t".join(["0"] * 4),
    "Groups": "0",
    **dict.fromkeys(("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"), "0" * 16),
    "NoNewPrivs": "1",
    "Seccomp": "2",
}
# Without its address: a probe that asks for it finds nobody.
NEVER_BROUGHT_UP = ("link set wlan0 down", "address flush dev wlan0")
# That it fails to answer a probe is found out at once.
VALUES = ("--set=probes.readiness.periodSeconds=1,probes.readiness.failureThreshold=1",)
LOSSES = 'uplink_default_route_losses_total{family="ipv4"}'
BACK_OFF = 'uplink_flannel_waiting{reason="CrashLoopBackOff"}'
KUBERNETES_UP = 'uplink_source_up{source="kubernetes"}'
SOURCES_UP = {f'uplink_source_up{{source="{name}"}}': 1 for name in ("kubernetes", "netlink", "pod-logs", "recorder")}


@pytest.fixture(scope="module")
def node(plane: ControlPlane, helm4: Helm) -> Iterator[ControlPlane]:
    """A node with flannel and the exporter, both as their DaemonSets have them."""
    plane.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    plane.start_managers()
    kubelet.start_node(plane)
    with plane.machine.timed("the exporter's image, built"):
        exporter.give_image(plane, helm4.image(*VALUES))
    with plane.machine.timed("flannel, from its manifest to ready"):
        flannel.install(plane)
        rolled_out(plane, flannel.DAEMON_SET, flannel.NAMESPACE)
    with helm4.installed(*VALUES):
        with plane.machine.timed("the exporter, from helm install to ready"):
            rolled_out(plane, RELEASE, NAMESPACE)
        yield plane


def rolled_out(plane: ControlPlane, daemon_set: str, namespace: str) -> None:
    """Wait until the pods of a DaemonSet are new and ready."""
    where = (f"daemonset/{daemon_set}", f"--namespace={namespace}", f"--timeout={SLOW:g}s")
    try:
        plane.ask("rollout", "status", *where)
    except MachineError as error:
        raise AssertionError(f"{error}\n{exporter.said(plane)}") from error


def flannel_container(plane: ControlPlane) -> Container:
    return container(plane, f"--namespace={flannel.NAMESPACE}", flannel.LABEL)


def lose_the_route_for_a_moment(plane: ControlPlane) -> None:
    plane.machine.network.ip("route del default", ROUTE)


def test_the_exporter_is_ready_and_sees_the_node(node: ControlPlane) -> None:
    shows(node, {HEALTHY: 1, BY_SERVICE: 1, RUNNING: 1, WOULD_START: 1, TOTAL: 0, **SOURCES_UP}, within=SLOW)
    assert own_container(node).restarts == 0


def test_it_has_no_privilege_that_it_was_not_given(node: ControlPlane) -> None:
    status = (process(node, own_container(node)) / "status").read_text()
    fields = dict(re.findall(r"^(\w+):\t(.*?) *$", status, re.MULTILINE))
    assert {name: fields[name] for name in UNPRIVILEGED} == UNPRIVILEGED


def test_helm_test_asks_the_page(node: ControlPlane, helm4: Helm) -> None:
    assert "Succeeded" in helm4("test", RELEASE)


def test_killed_it_is_started_again_and_remembers(node: ControlPlane) -> None:
    lose_the_route_for_a_moment(node)
    shows(node, {HEALTHY: 1, LOSSES: 1}, within=SLOW)
    before = own_container(node)
    kubelet.ctr(node, "task", "kill", "--signal=SIGKILL", before.id)
    eventually(lambda: own_container(node).restarts == before.restarts + 1 and own_container(node).ready, within=SLOW)
    shows(node, {HEALTHY: 1, LOSSES: 1, **SOURCES_UP}, within=SLOW)


def test_the_incident(node: ControlPlane) -> None:
    network = node.machine.network
    well = shows(node, {HEALTHY: 1, BY_SERVICE: 1, TOTAL: 0}, within=SLOW)
    assert flannel_container(node).restarts == 0
    own = own_container(node)

    network.ip(*NEVER_BROUGHT_UP)
    shows(node, {DOWN: 1, WOULD_START: 0, RUNNING: 1})
    kubelet.ctr(node, "task", "kill", "--signal=SIGKILL", flannel_container(node).id)
    node.stop_api_server()
    eventually(lambda: shows(node, {DOWN: 1, RUNNING: 0})[TOTAL] >= 2, within=SLOW)

    node.start_api_server()
    shows(node, {DOWN: 1, BY_ENDPOINT: 1, BY_SERVICE: 0, BACK_OFF: 1, KUBERNETES_UP: 1}, within=SLOW)
    counted_once(node)
    assert "connect: network is unreachable" in said_by_flannel(node)
    assert exporter.page(node)[CRASHES] >= well[CRASHES] + 2
    assert (own_container(node).restarts, own_container(node).ready) == (own.restarts, True), "the kubelet reaches it"

    network.ip(*CONNECTED)
    shows(node, {RECOVERING: 1, WOULD_START: 1})
    shows(node, {HEALTHY: 1, RUNNING: 1, BY_SERVICE: 1}, within=SLOW)
    counted_once(node)


def counted_once(plane: ControlPlane) -> None:
    """The restarts that two sources tell of are as many as the kubelet has counted."""

    def same() -> bool:
        page, restarts = exporter.page(plane), flannel_container(plane).restarts
        raw = [value for name, value in page.items() if name.startswith("uplink_flannel_container_restarts{")]
        return restarts > 0 and page[TOTAL] == restarts and raw == [restarts]

    eventually(same, within=SLOW)


def said_by_flannel(plane: ControlPlane) -> str:
    return plane.machine.run("sh", "-c", f"cat /var/log/pods/{flannel.NAMESPACE}_*/kube-flannel/*.log")


def test_its_state_outlives_an_upgrade_in_a_directory_of_the_node(node: ControlPlane, helm4: Helm) -> None:
    kept = "--set=state.hostPath=/var/lib/uplink-exporter"
    helm4("upgrade", RELEASE, CHART, *VALUES, kept)
    rolled_out(node, RELEASE, NAMESPACE)
    shows(node, {HEALTHY: 1, LOSSES: 0}, within=SLOW)
    lose_the_route_for_a_moment(node)
    shows(node, {HEALTHY: 1, LOSSES: 1}, within=SLOW)
    before = own_container(node)
    helm4("upgrade", RELEASE, CHART, *VALUES, kept, "--set=podAnnotations.upgraded=again")
    rolled_out(node, RELEASE, NAMESPACE)
    shows(node, {HEALTHY: 1, LOSSES: 1, **SOURCES_UP}, within=SLOW)
    assert own_container(node).id != before.id


def test_after_a_reboot_without_an_api_server_its_static_pod_tells_why(node: ControlPlane, helm4: Helm) -> None:
    """As in the incident: the uplink does not come up, nor does the control plane. Only what is on the disk starts."""
    machine = node.machine
    manifest = kubelet.static_pods(node) / "uplink-exporter.yaml"
    static = "--set=staticPod.manifest=true,sources.kubernetes=false"
    manifest.write_text(helm4("template", RELEASE, CHART, *VALUES, static))
    machine.reboot()
    machine.network.ip(*NEVER_BROUGHT_UP)
    kubelet.start_containerd(node)
    kubelet.start_kubelet(node)
    shows(node, {DOWN: 1, WOULD_START: 0, 'uplink_source_up{source="pod-logs"}': 1}, within=SLOW)

    machine.network.ip(*CONNECTED)
    shows(node, {DOWN: 0, WOULD_START: 1})
    manifest.unlink()
    node.start_etcd()
    node.start_api_server()
    node.start_managers()
    shows(node, {HEALTHY: 1, BY_SERVICE: 1, RUNNING: 1, **SOURCES_UP}, within=SLOW)
