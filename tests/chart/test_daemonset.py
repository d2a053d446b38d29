"""The DaemonSet survives the incident and may do little: each of its promises by itself."""

from __future__ import annotations

import re

import pytest
import yaml

from tests.chart.helm import CI, Chart, Object, environment
from uplink_exporter.facts import Family
from uplink_exporter.settings import Mode, parse

NARROW = {
    "/var/log/pods",
    "/run/flannel",
    "/etc/netplan",
    "/run/NetworkManager",
    "/run/systemd/netif",
    "/run/systemd/network",
    "/etc/network",
    "/run/network",
    "/run/systemd/units",
}
UNITS = "/run/systemd/units"
TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount"


def spec(chart: Chart, values: Object | None = None) -> Object:
    found: Object = chart.pod(values)["spec"]
    return found


def host_paths(chart: Chart, values: Object | None = None) -> dict[str, Object]:
    """The mounts of what is on the node, by their path there."""
    pod = spec(chart, values)
    mounts = {mount["name"]: mount for mount in pod["containers"][0].get("volumeMounts", [])}
    volumes = {volume["name"]: volume["hostPath"] for volume in pod.get("volumes", []) if "hostPath" in volume}
    return {path["path"]: mounts[name] | {"type": path["type"]} for name, path in volumes.items()}


def test_it_runs_on_every_linux_node_whatever_its_taints(chart: Chart) -> None:
    pod = spec(chart)
    assert pod["tolerations"] == [{"operator": "Exists"}]  # no key and no effect: all of them, NoExecute too
    assert pod["nodeSelector"] == {"kubernetes.io/os": "linux"}
    assert pod["priorityClassName"] == "system-node-critical"
    assert "affinity" not in pod


def test_it_is_on_the_nodes_network_and_needs_no_cluster_dns(chart: Chart) -> None:
    pod = spec(chart)
    assert (pod["hostNetwork"], pod["dnsPolicy"]) == (True, "Default")
    assert not {"hostPID", "hostIPC"} & pod.keys()


def test_an_upgrade_replaces_a_tenth_of_the_pods_at_a_time_and_wants_no_port_twice(chart: Chart) -> None:
    strategy = chart.only("DaemonSet")["spec"]["updateStrategy"]
    assert strategy == {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "10%"}}  # maxSurge is 0 unless set


def test_nothing_is_pulled_in_an_outage(chart: Chart) -> None:
    assert chart.container()["imagePullPolicy"] == "IfNotPresent"


def test_a_raspberry_pi_can_pay_for_it(chart: Chart) -> None:
    resources = chart.container()["resources"]
    assert resources == {"requests": {"cpu": "20m", "memory": "48Mi"}, "limits": {"memory": "128Mi"}}


@pytest.mark.parametrize("probe", ["startupProbe", "livenessProbe", "readinessProbe"])
def test_the_kubelet_asks_on_loopback(chart: Chart, probe: str) -> None:
    asked = chart.container()[probe]["httpGet"]
    assert (asked["host"], asked["port"], asked["scheme"]) == ("127.0.0.1", "metrics", "HTTP")


def test_a_starved_node_does_not_lose_its_observer(chart: Chart) -> None:
    container = chart.container()
    patience = {
        name: container[name]["periodSeconds"] * container[name]["failureThreshold"]
        for name in ("startupProbe", "livenessProbe")
    }
    assert patience == {"startupProbe": 300, "livenessProbe": 300}
    assert container["livenessProbe"]["timeoutSeconds"] >= 10


GUARDED = {"config": {"secretName": "web", "tls": True}}


def test_with_a_web_config_the_exporter_asks_itself_for_the_kubelet_knows_no_password(chart: Chart) -> None:
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert chart.container({"web": GUARDED})[probe]["exec"] == {"command": ["uplink-exporter", "healthcheck"]}
        assert "exec" not in chart.container()[probe]


def test_the_kubelet_can_be_given_the_scheme_and_the_password(chart: Chart) -> None:
    headers = [{"name": "Authorization", "value": "Basic YTpi"}]
    container = chart.container({"web": GUARDED, "probes": {"type": "http", "httpHeaders": headers}})
    asked = container["livenessProbe"]["httpGet"]
    assert (asked["scheme"], asked["httpHeaders"]) == ("HTTPS", headers)


def test_the_exporter_can_ask_itself(chart: Chart) -> None:
    container = chart.container({"probes": {"type": "exec"}})
    assert container["livenessProbe"]["exec"] == {"command": ["uplink-exporter", "healthcheck"]}
    assert "httpGet" not in container["livenessProbe"]


@pytest.mark.parametrize(
    ("addresses", "listening"),
    [
        ([], [":10077"]),
        (["$(HOST_IP)"], ["192.0.2.7:10077", "127.0.0.1:10077"]),
        (["192.168.6.11"], ["192.168.6.11:10077", "127.0.0.1:10077"]),
        (["2001:db8::1", "127.0.0.1"], ["[2001:db8::1]:10077", "127.0.0.1:10077"]),
        (["0.0.0.0"], ["0.0.0.0:10077"]),
        (["::"], ["[::]:10077"]),
    ],
)
def test_on_whatever_it_listens_the_probes_find_it(chart: Chart, addresses: list[str], listening: list[str]) -> None:
    variables = environment(chart.container({"web": {"addresses": addresses}}), **FROM_THE_NODE)
    assert [str(address) for address in parse((), variables).listen] == listening


FROM_THE_NODE = {"UPLINK_EXPORTER_KUBERNETES_NODE": "pi-master1", "HOST_IP": "192.0.2.7"}


def test_one_value_moves_the_port_everywhere(chart: Chart) -> None:
    text = chart.text({"web": {"port": 18077}, "monitor": {"kind": "ServiceMonitor"}, "dashboard": {"enabled": False}})
    assert "10077" not in text
    port = chart.container({"web": {"port": 18077}})["ports"]
    assert port == [{"name": "metrics", "containerPort": 18077, "hostPort": 18077, "protocol": "TCP"}]


def test_it_is_nobody_and_may_nothing(chart: Chart) -> None:
    pod = spec(chart)
    assert pod["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 65534,
        "runAsGroup": 0,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert pod["containers"][0]["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert "initContainers" not in pod


def test_of_the_node_it_sees_little_and_writes_nothing(chart: Chart) -> None:
    mounts = host_paths(chart)
    assert mounts.keys() == NARROW
    for path, mount in mounts.items():
        assert mount["readOnly"] is True, path
        assert mount["mountPath"] == path
        # No check by the kubelet: a directory that is not there must not keep the pod from starting.
        assert mount["type"] == ""


@pytest.mark.parametrize(
    ("values", "gone"),
    [
        ({"sources": {"podLogs": False}}, {"/var/log/pods", "/run/flannel"}),
        ({"hostMounts": {"flannelRun": ""}}, {"/run/flannel"}),
        ({"hostMounts": {"networkConfig": ["netplan"]}}, NARROW - {"/var/log/pods", "/run/flannel", "/etc/netplan"}),
        ({"hostMounts": {"networkConfig": ["networkd", "ifupdown"]}}, {"/etc/netplan", "/run/NetworkManager", UNITS}),
        ({"sources": {"podLogs": False}, "hostMounts": {"networkConfig": []}}, NARROW),
    ],
)
def test_each_mount_can_be_turned_off(chart: Chart, values: Object, gone: set[str]) -> None:
    assert host_paths(chart, values).keys() == NARROW - gone


def test_the_directory_of_the_journal_is_made_on_no_node(chart: Chart) -> None:
    """Where it is not there, a mount would make it, and journald would write to the SD card from the next boot on."""
    presets = [yaml.safe_load(path.read_text()) or {} for path in CI]
    for values in ({}, *presets):
        assert not any(path.startswith("/var/log/journal") or path == "/var/log" for path in host_paths(chart, values))
    told = host_paths(chart, {"hostMounts": {"journal": ["/run/log/journal"], "units": "/run/systemd/units"}})
    assert {"/run/log/journal", "/run/systemd/units"} <= told.keys()
    assert all(mount["readOnly"] for mount in told.values())


def test_the_links_that_docker_makes_of_logs_lead_somewhere(chart: Chart) -> None:
    mounts = host_paths(chart, {"hostMounts": {"dockerContainers": "/var/lib/docker/containers"}})
    assert mounts["/var/lib/docker/containers"]["readOnly"] is True


def test_a_source_without_its_mount_is_off_so_that_no_metric_of_it_is_there(chart: Chart) -> None:
    values = {"sources": {"podLogs": False, "kubernetes": False}}
    settings = parse((), environment(chart.container(values), **FROM_THE_NODE))
    assert (settings.pod_logs, settings.kubernetes) == (Mode.OFF, Mode.OFF)


def test_the_token_is_in_the_exporter_alone_and_only_where_it_is_used(chart: Chart) -> None:
    pod = spec(chart, {"state": {"hostPath": "/var/lib/uplink-exporter"}})
    assert pod["automountServiceAccountToken"] is False
    assert [mount["mountPath"] for mount in pod["initContainers"][0]["volumeMounts"]] == ["/var/lib/uplink-exporter"]
    assert TOKEN in mount_paths(pod)
    assert TOKEN not in mount_paths(spec(chart, {"sources": {"kubernetes": False}}))
    assert TOKEN not in mount_paths(spec(chart, {"kubernetes": {"kubeconfig": "/etc/uplink-exporter/kubeconfig"}}))


def mount_paths(pod: Object) -> set[str]:
    return {mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]}


def state(chart: Chart, values: Object) -> Object:
    (found,) = (volume for volume in spec(chart, {"state": values})["volumes"] if volume["name"] == "state")
    return {key: value for key, value in found.items() if key != "name"}


def test_state_outlives_the_container_and_a_reboot(chart: Chart) -> None:
    assert state(chart, {}) == {"emptyDir": {"sizeLimit": "64Mi"}}  # on disk: a medium of Memory would not
    assert state(chart, {"sizeLimit": ""}) == {"emptyDir": {}}
    (mount,) = (mount for mount in chart.container()["volumeMounts"] if mount["name"] == "state")
    assert mount == {"name": "state", "mountPath": "/var/lib/uplink-exporter"}
    assert environment(chart.container(), **FROM_THE_NODE)["UPLINK_EXPORTER_STATE_DIRECTORY"] == mount["mountPath"]


def test_state_outlives_an_upgrade_too_where_it_is_on_the_node(chart: Chart) -> None:
    assert state(chart, {"hostPath": "/data/uplink"}) == {"hostPath": {"path": "/data/uplink", "type": ""}}


def test_only_root_without_capabilities_prepares_the_nodes_directory(chart: Chart) -> None:
    (container,) = spec(chart, {"state": {"hostPath": "/data/uplink"}})["initContainers"]
    context = container["securityContext"]
    assert (context["runAsUser"], context["capabilities"]) == (0, {"drop": ["ALL"]})
    assert (context["allowPrivilegeEscalation"], context["readOnlyRootFilesystem"]) == (False, True)
    assert "initContainers" not in spec(chart, {"state": {"hostPath": "/data", "prepareHostPath": False}})


def test_without_state_nothing_is_written(chart: Chart) -> None:
    values = {"state": {"enabled": False}}
    assert all(mount.get("readOnly") for mount in chart.container(values)["volumeMounts"])
    assert "UPLINK_EXPORTER_STATE_DIRECTORY" not in environment(chart.container(values), **FROM_THE_NODE)


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ({"repository": "example.org/a"}, r"example\.org/a:\d+\.\d+\.\d+"),
        ({"repository": "example.org/a", "tag": "v9"}, r"example\.org/a:v9"),
        ({"repository": "example.org/a", "tag": "v9", "digest": f"sha256:{'0' * 64}"}, r"example\.org/a@sha256:0{64}"),
    ],
)
def test_the_image(chart: Chart, image: Object, name: str) -> None:
    assert re.fullmatch(name, chart.container({"image": image})["image"])


def test_what_a_person_runs_in_the_pod_is_set_as_the_exporter_is(chart: Chart) -> None:
    values = {"uplink": {"devices": ["wlan0"], "requiredFamilies": ["ipv4", "ipv6"]}}
    container = chart.container(values)
    assert "args" not in container
    policy = parse(("doctor",), environment(container, **FROM_THE_NODE)).policy
    assert (policy.devices, policy.required) == (("wlan0",), (Family.IPV4, Family.IPV6))


def test_the_pod_of_helm_test_asks_the_page_of_its_node_with_no_more_rights(chart: Chart) -> None:
    (pod,) = (one for one in chart.objects() if one["kind"] == "Pod")
    assert pod["metadata"]["annotations"]["helm.sh/hook"] == "test"
    assert pod["spec"]["hostNetwork"] is True
    assert pod["spec"]["automountServiceAccountToken"] is False
    assert pod["spec"]["securityContext"] == spec(chart)["securityContext"]
    assert pod["spec"]["containers"][0]["command"][-1] == "http://127.0.0.1:10077/metrics"
