"""The metrics: their names are an API, and what they say of a node is what is known of it."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.builders import (
    ADDRESS,
    BOOT,
    DUAL,
    FLANNEL1,
    HOP,
    HOST,
    LOAD,
    LOGS,
    NETWORK,
    PODS,
    RESTARTS,
    ROUTE,
    SHOWING,
    WLAN0,
    booted,
    node,
    observed,
    scene,
    unplugged,
    with_links,
    with_neighbour,
    with_routes,
)
from uplink_exporter.facts import Host, Load, NeighbourState, Network, NodeState, Policy, Reason
from uplink_exporter.families import FAMILIES, Scene
from uplink_exporter.flannel.observed import Cause, FlannelLogs, LastWords, NodePods
from uplink_exporter.history.memory import Recorded
from uplink_exporter.settings import DEFAULT_EXCLUDE, whole_name
from uplink_exporter.web.page import Page

# The part of the names that does not need Kubernetes: taken from users' dashboards and rules if it is taken away here.
NAMES = (
    "uplink_default_route_present",
    "uplink_default_route_usable",
    "uplink_default_route_required",
    "uplink_default_route_seen_since_boot",
    "uplink_default_route_info",
    "uplink_default_route_losses_total",
    "uplink_default_route_absent_seconds_total",
    "uplink_default_route_last_change_timestamp_seconds",
    "uplink_boot_time_seconds",
    "uplink_boot_to_default_route_seconds",
    "uplink_gateway_neighbour_failed",
    "uplink_interface_operstate",
    "uplink_interface_admin_up",
    "uplink_interface_carrier",
    "uplink_interface_carrier_changes_total",
    "uplink_interface_addresses",
    "uplink_interface_expected",
    "uplink_interface_present",
    "uplink_interface_info",
    "uplink_load1",
    "uplink_load5",
    "uplink_load15",
    "uplink_cpus",
    "uplink_processes_blocked",
    "uplink_pressure_stalled_seconds_total",
    "uplink_diagnosis",
    "uplink_source_up",
    "uplink_source_last_fact_timestamp_seconds",
    "uplink_source_errors_total",
    "uplink_host_network",
    "uplink_exporter_build_info",
)


def samples(scene: Scene) -> dict[str, float]:
    """The page's samples, as `name{label="value"}`."""
    page = Page().render(scene, "")[0].decode()
    return {
        f"{s.name}{{{','.join(f'{key}={value}' for key, value in sorted(s.labels.items()))}}}".replace(
            "{}", ""
        ): s.value
        for family in text_string_to_metric_families(page)
        for s in family.samples
    }


def test_no_name_is_gone_and_none_is_there_twice() -> None:
    names = [family.name for family in FAMILIES]
    assert set(NAMES) <= set(names)
    assert len(names) == len(set(names))


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_a_family_has_a_name_and_a_help_as_prometheus_asks(family: object) -> None:
    made = next(f for f in FAMILIES if f is family)
    assert re.fullmatch(r"uplink_[a-z0-9_]+", made.name)
    assert made.help.endswith(".")
    assert "node" not in made.labels


def test_a_healthy_node() -> None:
    local = replace(ADDRESS, address="169.254.8.8")
    seen = samples(scene(node(replace(NETWORK, addresses=(ADDRESS, local)), LOAD, HOST)))
    assert seen["uplink_default_route_present{family=ipv4}"] == 1
    assert seen["uplink_default_route_present{family=ipv6}"] == 0
    assert seen["uplink_default_route_usable{family=ipv4}"] == 1
    assert seen["uplink_default_route_required{family=ipv6}"] == 0
    assert seen["uplink_interface_expected{device=wlan0,reason=route}"] == 1
    assert seen["uplink_interface_addresses{device=wlan0,family=ipv4}"] == 1
    assert seen["uplink_interface_carrier_changes_total{device=wlan0}"] == 2
    assert seen["uplink_interface_info{device=wlan0,driver=brcmfmac,kind=,wireless=true}"] == 1
    assert seen["uplink_gateway_neighbour_failed{device=wlan0,family=ipv4,gateway=192.168.6.1}"] == 0
    assert seen["uplink_boot_time_seconds"] == BOOT
    assert seen["uplink_source_up{source=netlink}"] == 1
    assert seen["uplink_diagnosis{verdict=healthy}"] == 1


def test_the_incident() -> None:
    seen = samples(scene(node(booted(NETWORK), HOST, policy=Policy(devices=("wlan0",)))))
    assert seen["uplink_default_route_present{family=ipv4}"] == 0
    assert seen["uplink_default_route_seen_since_boot{family=ipv4}"] == 0
    assert seen["uplink_default_route_absent_seconds_total{family=ipv4}"] == 60
    assert seen["uplink_interface_operstate{device=wlan0,operstate=down}"] == 1
    assert seen["uplink_interface_admin_up{device=wlan0}"] == 0
    assert seen["uplink_interface_expected{device=wlan0,reason=configured}"] == 1
    assert seen["uplink_interface_present{device=wlan0}"] == 1
    assert seen["uplink_diagnosis{verdict=uplink_down}"] == 1
    assert "uplink_boot_to_default_route_seconds{family=ipv4}" not in seen
    assert "uplink_default_route_last_change_timestamp_seconds{family=ipv4}" not in seen


def test_a_lost_and_found_route() -> None:
    looks = [(5, booted(NETWORK)), (20, NETWORK), (50, unplugged(NETWORK)), (58, NETWORK)]
    seen = samples(scene(observed(NodeState(), looks)))
    assert seen["uplink_boot_to_default_route_seconds{family=ipv4}"] == 20
    assert seen["uplink_default_route_losses_total{family=ipv4}"] == 1
    assert seen["uplink_default_route_absent_seconds_total{family=ipv4}"] == 28
    assert seen["uplink_default_route_last_change_timestamp_seconds{family=ipv4}"] == BOOT + 58


def test_a_configured_device_that_does_not_exist_yet_has_its_series() -> None:
    seen = samples(scene(node(NETWORK, policy=Policy(devices=("usb0",)))))
    assert seen["uplink_interface_expected{device=usb0,reason=configured}"] == 1
    assert seen["uplink_interface_present{device=usb0}"] == 0
    assert "uplink_interface_carrier{device=usb0}" not in seen


def test_a_gateway_that_does_not_answer() -> None:
    seen = samples(scene(node(with_neighbour(NETWORK, NeighbourState.FAILED))))
    assert seen["uplink_gateway_neighbour_failed{device=wlan0,family=ipv4,gateway=192.168.6.1}"] == 1
    assert seen["uplink_default_route_usable{family=ipv4}"] == 0


def test_each_next_hop_of_each_default_route_is_told_once() -> None:
    twice = with_routes(NETWORK, ROUTE, replace(ROUTE, tos=16), replace(ROUTE, metric=700, next_hops=(HOP, HOP)))
    seen = [name for name in samples(scene(node(twice))) if name.startswith("uplink_default_route_info")]
    assert sorted(re.findall(r"metric=(\d+)", " ".join(seen))) == ["600", "700"]


def test_what_a_stale_source_said_is_left_out_and_neither_zero_nor_one() -> None:
    state = node(NETWORK, LOAD, HOST, uptime=10).fail("netlink", Reason.OVERFLOW)
    seen = samples(scene(state, uptime=10_000))
    assert seen["uplink_source_up{source=netlink}"] == 0
    assert seen["uplink_source_last_fact_timestamp_seconds{source=netlink}"] == BOOT + 10
    assert seen["uplink_source_errors_total{reason=overflow,source=netlink}"] == 1
    assert seen["uplink_diagnosis{verdict=unknown}"] == 1
    stale = ("uplink_default_route_", "uplink_interface_", "uplink_load", "uplink_host_network")
    told = {name.partition("{")[0] for name in seen if name.startswith(stale)}
    assert told == {"uplink_default_route_required", "uplink_interface_expected"}


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (("eth0", "wlan0", "bond0", "vlan7", "flannel.1", "cni0", "enp3s0", "wwan0", "eno1"), True),
        (("lo", "veth1a2b3c4d", "cali0f3e", "lxc_health", "cilium_vxlan", "eni0123456789a"), False),
    ],
)
def test_which_devices_are_shown_by_default(names: tuple[str, ...], shown: bool) -> None:
    showing = replace(SHOWING, exclude=whole_name(DEFAULT_EXCLUDE))
    assert {name: showing.shows(name) for name in names} == dict.fromkeys(names, shown)


def test_the_expected_uplink_is_shown_whatever_is_left_out() -> None:
    showing = replace(SHOWING, include=whole_name("eth.*"), exclude=whole_name(".*"))
    seen = samples(scene(node(NETWORK), showing=showing))
    assert {name for name in seen if name.startswith("uplink_interface_carrier{")} == {
        "uplink_interface_carrier{device=wlan0}"
    }


def test_a_common_node_has_at_most_200_series() -> None:
    """Four devices, both families, PSI, flannel by both its paths, and the recorder."""
    sources = (Network, Load, Host, FlannelLogs, NodePods, Recorded)
    showing = replace(SHOWING, sources=sources, exclude=whole_name(DEFAULT_EXCLUDE))
    network = with_links(DUAL, replace(WLAN0, index=9, name="cni0", kind="bridge"), FLANNEL1)
    looks = [
        (20, with_routes(network)),
        *((60, fact) for fact in (network, LOAD, HOST, LOGS, PODS, Recorded(set_aside=0))),
    ]
    seen = samples(scene(observed(NodeState(), looks), showing=showing))
    assert len({name for name in seen if name.startswith("uplink_interface_carrier{")}) == 4
    assert len(seen) <= 200


def test_the_reasons_for_which_a_source_may_fail_are_told_from_the_start_and_others_when_they_happen() -> None:
    calm, failed = node(LOAD), node(LOAD).fail("load", Reason.FINISHED).fail("load", Reason.IO)
    reasons = [
        {name: value for name, value in samples(scene(state)).items() if "source=load" in name and "errors" in name}
        for state in (calm, failed)
    ]
    assert set(reasons[0].values()) == {0}
    assert len(reasons[0]) == len(Load.reasons)
    assert reasons[1]["uplink_source_errors_total{reason=io,source=load}"] == 1
    assert reasons[1]["uplink_source_errors_total{reason=finished,source=load}"] == 1


def test_every_closed_set_is_told_whole() -> None:
    seen = samples(scene(node(Network())))
    for name, size in (
        ("uplink_diagnosis", 9),
        ("uplink_default_route_present", 2),
        ("uplink_default_route_usable", 2),
    ):
        assert sum(key.startswith(f"{name}{{") for key in seen) == size


CANAL = replace(LOGS, subnet_file=None, started=True, written=BOOT + 1)
DIED = LastWords(uid=RESTARTS.uid, container=RESTARTS.container, attempt=RESTARTS.count, cause=Cause.UNKNOWN, line="")


@pytest.mark.parametrize(
    ("looks", "present"),
    [
        pytest.param([CANAL], None, id="canal runs without it, by its log"),
        pytest.param([CANAL, PODS], None, id="canal runs without it, by the API"),
        pytest.param([replace(CANAL, written=BOOT - 50)], 0, id="a log of the last boot tells of no flannel that runs"),
        pytest.param([replace(CANAL, ended=DIED), PODS], 0, id="it died, and has not written it"),
        pytest.param([LOGS, CANAL, PODS], 0, id="it was there in this boot"),
        pytest.param([LOGS], 1, id="it is there"),
    ],
)
def test_the_file_of_flannel_is_not_missed_where_flannel_runs_without_it(
    looks: list[FlannelLogs | NodePods], present: int | None
) -> None:
    seen = samples(scene(node(*looks)))
    assert seen.get("uplink_flannel_subnet_file_present") == present
