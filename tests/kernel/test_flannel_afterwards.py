"""What flannel does once the uplink is there, on a real network: whose fault it is, and whether to wait."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.kernel.namespace import CONNECTED, CONNECTED_IPV6, SOURCES, WLAN0, Namespace, eventually, exporting, watching

pytestmark = pytest.mark.kernel

POD = "kube-flannel_kube-flannel-ds-abcde_11111111-2222-4333-8444-555555555555"
NO_ROUTE = (
    "I main.go:520] Determining IP address of default interface",
    (
        "E main.go:205] Failed to find any valid interface to use: "
        "failed to get default interface: Unable to find default route"
    ),
)
NO_ROUTE6 = (
    "I match.go:211] Determining IP address of default interface",
    (
        "E main.go:280] Failed to find any valid interface to use: "
        "failed to get default v6 interface: Unable to find default v6 route"
    ),
)
OLD_ADDRESS = (
    "I match.go:73] Searching for interface using 198.51.100.11",
    (
        "E main.go:278] Failed to find any valid interface to use: "
        "error looking up interface 198.51.100.11: No interface with given IP found"
    ),
)
OLD_DEVICE = (
    (
        "I main.go:442] Could not find valid interface matching ens192: "
        "error looking up interface ens192: route ip+net: no such network interface"
    ),
    "E main.go:212] Failed to find interface to use that matches the interfaces and/or regexes provided",
)
RECOVERING, FAILING, DOWN = (
    {f'uplink_diagnosis{{verdict="{verdict}"}}': 1} for verdict in ("recovering", "flannel_failing", "uplink_down")
)


@dataclass(frozen=True)
class Node:
    """A node with flannel's logs, and no API server in reach."""

    network: Namespace
    root: Path

    @property
    def flags(self) -> tuple[str, ...]:
        run, pods = self.root / "run/flannel", self.root / "var/log/pods"
        return (
            "--source.kubernetes=off",
            f"--path.rootfs={self.root}",
            f"--path.pod-logs={pods}",
            f"--path.flannel-run={run}",
            "--uplink.device=wlan0",
        )

    def says(self, attempt: int, lines: Sequence[str], ahead: timedelta = timedelta(0)) -> None:
        """An attempt that says this and is dead at once, by a clock that is so far ahead."""
        directory = self.root / "var/log/pods" / POD / "kube-flannel"
        directory.mkdir(parents=True, exist_ok=True)
        now = datetime.now(UTC) + ahead
        stamped = (f"{line[0]}{now:%m%d %H:%M:%S.%f}       1 {line[2:]}" for line in lines)
        whole = directory.parent / "unfinished"
        whole.write_text("".join(f"{now:%Y-%m-%dT%H:%M:%S.%fZ} stderr F {line}\n" for line in stamped))
        whole.rename(directory / f"{attempt}.log")

    def doctor(self, *flags: str) -> Any:
        """What `doctor --output=json` says."""
        command = ["ip", "netns", "exec", self.network.name, sys.executable, "-m", "uplink_exporter", "doctor"]
        done = subprocess.run(
            [*command, "--output=json", *self.flags, *flags],
            env={**os.environ, "PYTHONPATH": str(SOURCES)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode in {0, 1}, done.stderr
        return json.loads(done.stdout)


@pytest.fixture
def wired(node: Namespace, tmp_path: Path) -> Node:
    """A node of which nothing has been brought up."""
    (tmp_path / "run/flannel").mkdir(parents=True)
    (tmp_path / "sys").symlink_to("/sys")
    return Node(node, tmp_path)


def test_a_missing_ipv6_default_route_is_a_cause_of_its_own(wired: Node) -> None:
    wired.network.ip(*CONNECTED, "address add 2001:db8::2/64 dev wlan0 nodad")
    for attempt in (41, 42):
        wired.says(attempt, NO_ROUTE6)

    answer = wired.doctor()
    assert answer["verdict"] == "flannel_refuses"
    assert answer["flannel"]["would_start"] is False
    assert any("ip -6 route show default" in line for line in answer["remedy"])

    wired.network.ip(CONNECTED_IPV6[1])
    assert wired.doctor()["verdict"] == "recovering", "cured, and the kubelet tries again"


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (OLD_ADDRESS, "flannel looks for 198.51.100.11, which is no address of this node"),
        (OLD_DEVICE, "flannel is told ens192, which does not exist"),
    ],
)
def test_what_flannel_is_told_and_what_is_not_there_is_a_cause_of_its_own(
    wired: Node, lines: tuple[str, ...], why: str
) -> None:
    wired.network.ip(*CONNECTED)
    for attempt in (41, 42):
        wired.says(attempt, lines)

    answer = wired.doctor()

    assert answer["verdict"] == "flannel_failing"
    assert why in answer["summary"]
    assert not any("wait" in line for line in answer["remedy"])


def test_the_second_death_on_a_working_uplink_is_not_waited_for(wired: Node) -> None:
    wired.network.ip(*CONNECTED)
    wired.says(42, NO_ROUTE)
    with exporting(wired.network, *wired.flags, alone=()) as exporter:
        exporter.shows(RECOVERING)
        wired.says(43, NO_ROUTE)
        exporter.shows(FAILING)


@pytest.mark.parametrize("ahead", [timedelta(hours=3), timedelta(days=-2000)])
def test_a_clock_that_was_wrong_turns_neither_verdict(wired: Node, ahead: timedelta) -> None:
    wired.says(5, NO_ROUTE, ahead)
    with exporting(wired.network, *wired.flags, alone=()) as exporter:
        exporter.shows(DOWN)
        wired.network.ip(*CONNECTED)
        exporter.shows(RECOVERING)
        wired.says(6, NO_ROUTE, ahead)  # between two looks, as the route: which of them was first?
        exporter.shows({"uplink_flannel_restarts_total": 1})
        wired.says(7, NO_ROUTE, ahead)
        exporter.shows(FAILING)


def test_dockers_absolute_links_are_followed_under_the_nodes_root(wired: Node) -> None:
    target = "/var/lib/docker/containers/aaaa/aaaa-json.log"
    entry = {"log": f"E0827 09:48:41.912029       1 {NO_ROUTE[1][2:]}\n", "stream": "stderr"}
    (wired.root / target[1:]).parent.mkdir(parents=True)
    (wired.root / target[1:]).write_text(json.dumps({**entry, "time": "2021-08-27T09:48:41.9Z"}) + "\n")
    logs = wired.root / "var/log/pods" / POD / "kube-flannel"
    logs.mkdir(parents=True)
    (logs / "1244.log").symlink_to(target)

    evidence = {item["subject"]: item["observed"] for item in wired.doctor()["evidence"]}

    assert evidence["its last words"] == NO_ROUTE[1].partition("] ")[2]


def test_the_kernel_takes_flannels_device_away_with_the_uplink(node: Namespace) -> None:
    node.ip(
        *CONNECTED, "link add flannel.1 type vxlan id 1 dev wlan0 local 192.0.2.2 dstport 8472", "link set flannel.1 up"
    )
    with watching(node) as watched:
        assert watched.network.overlays == {"flannel.1": None}

        node.ip("link del wlan0", *WLAN0, *CONNECTED)
        eventually(lambda: watched.usable() and watched.network.link("flannel.1") is None)

        assert watched.network.overlays["flannel.1"] is not None


def test_the_better_of_two_uplinks_drops_out_and_the_other_takes_over(wired: Node) -> None:
    wired.network.ip("link add eth0 type veth peer name veth1", "link set veth1 up", "link set eth0 up")
    wired.network.ip(*CONNECTED[:2], "address add 198.51.100.2/24 dev eth0")
    wired.network.ip("route add default via 198.51.100.1 metric 100", "route add default via 192.0.2.1 metric 600")
    with exporting(wired.network, *wired.flags, alone=()) as exporter:
        exporter.shows({'uplink_default_route_usable{family="ipv4"}': 1})

        wired.network.ip("link set eth0 down")  # as NetworkManager does, which takes the route away with the carrier
        moved = 'uplink_default_route_moved_timestamp_seconds{family="ipv4",from="eth0",to="wlan0"}'
        eventually(lambda: moved in exporter.page())

        exporter.shows({'uplink_default_route_usable{family="ipv4"}': 1, 'uplink_diagnosis{verdict="healthy"}': 1})


def test_a_tunnel_by_two_halves_carries_the_traffic_and_flannel_refuses_all_the_same(wired: Node) -> None:
    wired.network.ip(*CONNECTED[:2], "link add tun0 type veth peer name veth1", "link set veth1 up", "link set tun0 up")
    wired.network.ip(
        "address add 10.8.0.2/24 dev tun0", "route add 0.0.0.0/1 dev tun0", "route add 128.0.0.0/1 dev tun0"
    )
    wired.says(3, NO_ROUTE)

    answer = wired.doctor()

    assert answer["verdict"] == "flannel_refuses"
    assert answer["flannel"]["would_start"] is False
    assert any("0.0.0.0/1" in evidence["observed"] for evidence in answer["evidence"])
