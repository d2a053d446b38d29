"""What is read from the objects of the API server: tables of fields, and arbitrary JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sources.test_json_stream import JSON
from uplink_exporter.facts import Reason, SourceError
from uplink_exporter.flannel.observed import ApiPath, NodePods, Selection, WaitingReason
from uplink_exporter.flannel.options import parse_options
from uplink_exporter.flannel.re2 import compile_pattern
from uplink_exporter.sources.kubernetes.objects import (
    MOST_WAITING,
    Pod,
    parse_command,
    parse_config_map,
    parse_pod,
    parse_resource_version,
)
from uplink_exporter.sources.kubernetes.paths import parse_endpoints
from uplink_exporter.sources.kubernetes.pods import Seen, fold, node_pods
from uplink_exporter.sources.kubernetes.terms import flannel_config

FIXTURES = Path(__file__).parent.parent / "fixtures/api"
ANY = Selection()


def fixture(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FIXTURES / f"{name}.json").read_text())
    return found


def fact(*pods: Pod) -> NodePods:
    return node_pods(ApiPath.SERVICE, Seen({pod.uid: pod for pod in pods}))


# Which containers are flannel's

SELECTIONS = {
    "the stock names": (Selection(), True),
    "its namespace": (Selection(namespaces=("kube-flannel", "kube-system")), True),
    "another namespace": (Selection(namespaces=("kube-flannel",)), False),
    "its pod": (Selection(pod=compile_pattern("^kube-flannel-ds")), True),
    "another pod": (Selection(pod=compile_pattern("^canal")), False),
    "another container": (Selection(containers=("flannel",)), False),
    "one of several containers": (Selection(containers=("flannel", "kube-flannel")), True),
}


@pytest.mark.parametrize(("selection", "selected"), SELECTIONS.values(), ids=SELECTIONS)
def test_selection(selection: Selection, selected: bool) -> None:
    assert bool(parse_pod(fixture("flannel"), selection).flannel) is selected


def test_init_containers_and_neighbours_are_not_counted() -> None:
    """Canal runs calico-node beside flannel, and kubespray install-cni: both restart on their own."""
    pod = fixture("flannel")
    pod["spec"]["containers"].insert(0, {"name": "calico-node", "image": "calico/node:v3.30.0"})
    pod["status"]["containerStatuses"].insert(0, {"name": "calico-node", "restartCount": 77, "state": {"running": {}}})
    found = parse_pod(pod, ANY)
    assert [(one.restarts.container, one.restarts.count) for one in found.flannel] == [("kube-flannel", 1244)]
    assert found.command.version == "v0.14.0"


def test_a_pod_that_the_kubelet_has_not_started_counts_none() -> None:
    pod = fixture("flannel")
    pod["status"] = {"phase": "Pending"}
    (found,) = parse_pod(pod, ANY).flannel
    assert (found.restarts.count, found.running, found.ready, found.waiting) == (0, False, False, "")


def test_a_static_pod_goes_by_the_uid_of_its_log_directory() -> None:
    pod = fixture("flannel")
    pod["metadata"]["annotations"] = {"kubernetes.io/config.mirror": "c9d1a3f80e4bd7b0a3a5c1f7e2d4b6a8"}
    found = parse_pod(pod, ANY)
    assert found.flannel[0].restarts.uid == "c9d1a3f80e4bd7b0a3a5c1f7e2d4b6a8"
    assert found.uid == pod["metadata"]["uid"]


def test_of_two_pods_the_one_that_stays_speaks_for_flannel() -> None:
    old, new = fixture("flannel"), fixture("flannel-new")
    assert fact(parse_pod(new, ANY), parse_pod(old, ANY)).version == "v0.28.9"
    new["metadata"]["deletionTimestamp"] = "2021-08-27T11:00:00Z"
    assert fact(parse_pod(new, ANY), parse_pod(old, ANY)).version == "v0.14.0"


# Who waits


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        *(({"waiting": {"reason": reason}}, reason) for reason in WaitingReason),
        ({"waiting": {"reason": "SomethingNew"}}, WaitingReason.OTHER),
        ({"waiting": {"reason": None}}, WaitingReason.OTHER),
        ({"waiting": {}}, WaitingReason.OTHER),
        ({"running": {}}, ""),
        ({"terminated": {"reason": "Error"}}, ""),
        (None, ""),
    ],
)
def test_waiting_reasons_are_a_closed_set(state: object, reason: str) -> None:
    pod = fixture("etcd")
    pod["status"]["containerStatuses"][0]["state"] = state
    assert [one.reason for one in parse_pod(pod, ANY).waiting] == ([reason] if reason else [])


KILLED: dict[str, object] = {"terminated": {"reason": "OOMKilled", "exitCode": 137}}
FAILED: dict[str, object] = {"terminated": {"reason": "Error", "exitCode": 1}}
BACK_OFF: dict[str, object] = {"waiting": {"reason": "CrashLoopBackOff"}}


@pytest.mark.parametrize(
    ("state", "last", "oom"),
    [
        (BACK_OFF, KILLED, 7),
        (KILLED, FAILED, 7),
        ({"running": {}}, KILLED, 6),
        (FAILED, KILLED, -1),
        (BACK_OFF, FAILED, -1),
        (BACK_OFF, {}, -1),
        (BACK_OFF, {"terminated": ["OOMKilled"]}, -1),
        (BACK_OFF, {"terminated": {"reason": ["OOMKilled"]}}, -1),
        ({"running": {}}, None, -1),
    ],
)
def test_the_attempt_that_was_killed_for_its_memory(state: object, last: object, oom: int) -> None:
    pod = fixture("flannel-new")
    (status,) = pod["status"]["containerStatuses"]
    status |= {"restartCount": 7, "state": state, "lastState": last}
    assert [one.oom for one in parse_pod(pod, ANY).flannel] == [oom]


def test_init_containers_wait_too() -> None:
    pod = fixture("flannel-new")
    pod["status"]["initContainerStatuses"] = [{"name": "install-cni", "state": {"waiting": {"reason": "ErrImagePull"}}}]
    assert [one.container for one in parse_pod(pod, ANY).waiting] == ["install-cni"]


SYSTEM = {
    "in kube-system": ({"namespace": "kube-system"}, None, True),
    "beside flannel": ({"namespace": "kube-flannel"}, None, True),
    "of a system priority": ({"namespace": "shop"}, "system-node-critical", True),
    "of a user": ({"namespace": "shop"}, "high", False),
}


@pytest.mark.parametrize(("metadata", "priority", "shown"), SYSTEM.values(), ids=SYSTEM)
def test_only_system_pods_show(metadata: dict[str, str], priority: str | None, shown: bool) -> None:
    pod = fixture("etcd")
    pod["metadata"] |= metadata
    pod["spec"]["priorityClassName"] = priority
    assert bool(fact(parse_pod(pod, ANY), parse_pod(fixture("flannel-new"), ANY)).waiting) is shown


def test_no_more_than_fifty_wait() -> None:
    pod = fixture("etcd")
    crowd = []
    for number in range(MOST_WAITING):
        pod["metadata"] |= {"uid": f"uid-{number}", "name": f"pod-{number}"}
        pod["status"]["containerStatuses"] *= 2 if number == 0 else 1
        crowd.append(parse_pod(pod, ANY))
    assert sum(len(one.waiting) for one in crowd) > MOST_WAITING
    assert len(fact(*crowd).waiting) == MOST_WAITING


# How flannel is started

COMMANDS: dict[str, tuple[dict[str, object], tuple[str, ...] | None]] = {
    "the stock manifest": (
        {"command": ["/opt/bin/flanneld"], "args": ["--ip-masq", "--iface=wlan0"]},
        ("/opt/bin/flanneld", "--ip-masq", "--iface=wlan0"),
    ),
    "all in the command": ({"command": ["flanneld", "--iface", "eth0"]}, ("flanneld", "--iface", "eth0")),
    "the image's entry point": ({"args": ["--iface=eth0"]}, ("--iface=eth0",)),
    "nothing given": ({}, ()),
    "behind a shell": ({"command": ["/bin/sh", "-c", "exec /opt/bin/flanneld --iface=eth0"]}, None),
    "another program": ({"command": ["/start.sh"], "args": ["--iface=eth0"]}, None),
    "a word too long": ({"command": ["flanneld"], "args": ["--iface=" + "x" * 2000]}, None),
    "a word that is none": ({"command": ["flanneld"], "args": ["--iface", 7]}, None),
    "too many words": ({"command": ["flanneld"], "args": ["--iface=eth0"] * 1000}, None),
    "a word that cannot be printed": ({"command": ["flanneld"], "args": ["--iface=\ud800"]}, None),
}


@pytest.mark.parametrize(("container", "args"), COMMANDS.values(), ids=COMMANDS)
def test_args(container: dict[str, object], args: tuple[str, ...] | None) -> None:
    assert parse_command({"name": "kube-flannel", **container}, {}).args == args


def test_the_environment_sets_and_fills_in_flags() -> None:
    command = parse_pod(fixture("flannel-new"), ANY).command
    assert command.args == ("/opt/bin/flanneld", "--ip-masq", "--kube-subnet-mgr", "--public-ip=192.168.6.11")
    assert dict(command.env) == {"FLANNELD_IFACE_REGEX": "wl.*"}
    options = parse_options(command.args, command.env)
    assert (options.public_ip, options.regexes) == ("192.168.6.11", ("wl.*",))


IMAGES = {
    "quay.io/coreos/flannel:v0.14.0": "v0.14.0",
    "quay.io/coreos/flannel:v0.11.0-amd64": "v0.11.0",
    "docker.io/flannel/flannel:v0.28.9": "v0.28.9",
    "registry:5000/flannel:v0.22.1": "v0.22.1",
    "rancher/hardened-flannel:v0.26.7-build20250401": "v0.26.7",
    "ghcr.io/flannel-io/flannel:v0.28.9@sha256:0f6a": "v0.28.9",
    "ghcr.io/flannel-io/flannel@sha256:0f6a": "",
    "registry:5000/flannel": "",
    "flannel:latest": "",
    "": "",
}


@pytest.mark.parametrize(("image", "version"), IMAGES.items())
def test_version(image: str, version: str) -> None:
    assert parse_command({"image": image}, {}).version == version


def test_where_the_pod_names_a_digest_the_kubelet_may_know_the_tag() -> None:
    pod = fixture("flannel")
    pod["spec"]["containers"][0]["image"] = "quay.io/coreos/flannel@sha256:0f6a"
    assert parse_pod(pod, ANY).command.version == "v0.14.0"


STACKS = {
    '{"Network": "10.244.0.0/16"}': "ipv4",
    '{"EnableIPv6": true}': "dual",
    '{"EnableIPv4": false, "EnableIPv6": true}': "ipv6",
    '{"EnableIPv4": false}': "none",
    "{": "",
    "[]": "",
    "[" * 100_000: "",
}


@pytest.mark.parametrize(("net_conf", "stack"), STACKS.items(), ids=map(repr, STACKS.values()))
def test_stack(net_conf: str, stack: str) -> None:
    assert parse_config_map({"data": {"net-conf.json": net_conf}}) == stack


def test_the_incident_s_config_map() -> None:
    assert parse_config_map(fixture("configmap")) == "dual"


# What no API server sends

BROKEN = {
    "no name": ("metadata", "name", None),
    "a name in capitals": ("metadata", "name", "Etcd"),
    "a name with a slash": ("metadata", "name", "a/b"),
    "a name with a newline": ("metadata", "name", "a\n"),
    "a name too long": ("metadata", "name", "a" * 254),
    "no namespace": ("metadata", "namespace", ""),
    "a namespace with a dot": ("metadata", "namespace", "a.b"),
    "a namespace too long": ("metadata", "namespace", "a" * 64),
    "no uid": ("metadata", "uid", None),
    "a uid too long": ("metadata", "uid", "a" * 65),
    "metadata of another kind": ("metadata", None, []),
    "a container with a name that is none": ("status", "containerStatuses", [{"name": "A", "state": {"waiting": {}}}]),
    "a negative count": ("status", "containerStatuses", [{"name": "kube-flannel", "restartCount": -1}]),
    "a count that is true": ("status", "containerStatuses", [{"name": "kube-flannel", "restartCount": True}]),
    "a count beyond int32": ("status", "containerStatuses", [{"name": "kube-flannel", "restartCount": 2**31}]),
    "a count in words": ("status", "containerStatuses", [{"name": "kube-flannel", "restartCount": "many"}]),
}


@pytest.mark.parametrize(("part", "key", "value"), BROKEN.values(), ids=BROKEN)
def test_a_pod_that_breaks_the_rules_is_refused(part: str, key: str | None, value: object) -> None:
    pod = fixture("flannel")
    if key is None:
        pod[part] = value
    else:
        pod[part][key] = value
    with pytest.raises(SourceError) as raised:
        parse_pod(pod, ANY)
    assert raised.value.reason is Reason.PARSE


LABEL = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")


def bounded(pod: Pod) -> bool:
    names = [name for one in pod.waiting for name in (one.namespace, one.pod, one.container)]
    names += [name for one in pod.flannel for name in (one.restarts.namespace, one.restarts.pod)]
    reasons = {one.reason for one in pod.waiting} | {one.waiting for one in pod.flannel}
    words = [*(pod.command.args or ()), *pod.command.env, *pod.command.env.values()]
    return (
        all(LABEL.fullmatch(name) for name in names)
        and reasons <= {*WaitingReason, ""}
        and all(len(word) <= 1024 for word in words)
        and re.fullmatch(r"(v[0-9.]{5,17})?", pod.command.version) is not None
    )


@st.composite
def mutated(draw: st.DrawFn) -> object:
    """A real pod in which some field, at any depth, is replaced by any JSON."""
    pod: Any = deepcopy(fixture(draw(st.sampled_from(["flannel", "flannel-new", "etcd"]))))
    at = pod
    while True:
        key = draw(st.sampled_from(sorted(at) if isinstance(at, dict) else range(len(at))))
        inner = at[key]
        if not isinstance(inner, dict | list) or not inner or draw(st.booleans()):
            at[key] = draw(JSON)
            return pod
        at = inner


def refused(read: Callable[[], object]) -> Reason | None:
    try:
        read()
    except SourceError as error:
        return error.reason if str(error).isprintable() else Reason.INTERNAL
    return None


@given(thing=JSON | mutated())
def test_any_json_is_a_pod_within_bounds_or_refused(thing: object) -> None:
    if refused(lambda: parse_pod(thing, ANY)) is not Reason.PARSE:
        assert bounded(parse_pod(thing, ANY))


@given(kind=st.sampled_from(["ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"]) | JSON, thing=JSON | mutated())
def test_any_json_is_an_event_or_refused(kind: object, thing: object) -> None:
    seen = Seen(version="1")
    for event in ({"type": kind, "object": thing}, thing):
        reason = refused(partial(fold, seen, event, ANY))
        assert reason in (None, Reason.PARSE, Reason.IO, Reason.PERMISSION)
    assert all(bounded(pod) for pod in seen.pods.values())
    assert seen.version == parse_resource_version({"metadata": {"resourceVersion": seen.version}})


@given(thing=JSON)
def test_any_json_is_a_config_map_or_an_endpoint_slice_or_nothing(thing: object) -> None:
    assert parse_config_map(thing) in ("", "ipv4", "ipv6", "dual", "none")
    assert parse_config_map({"data": thing}) in ("", "ipv4", "ipv6", "dual", "none")
    assert parse_endpoints(thing) == ()
    assert len(parse_endpoints({"endpoints": thing, "ports": thing})) <= 8


def test_no_name_of_a_pod_holds_up_what_looks_for_it() -> None:
    """Python's own expressions would try 2**40 ways."""
    nested = Selection(pod=compile_pattern("^(a+)+$"))
    assert not nested.wants("default", "a" * 252 + "b")
    assert nested.wants("default", "a" * 253)


@pytest.mark.parametrize(
    ("pod", "name"),
    [
        ("rke2-canal-x7k2q", "rke2-canal-config"),
        ("canal-b4c8z", "canal-config"),
        ("kube-flannel-ds-jqgsm", "kube-flannel-cfg"),
        ("canal", "kube-flannel-cfg"),
    ],
)
def test_the_config_map_is_called_after_the_daemon_set(pod: str, name: str) -> None:
    assert flannel_config("kube-system", pod).path == f"/api/v1/namespaces/kube-system/configmaps/{name}"
