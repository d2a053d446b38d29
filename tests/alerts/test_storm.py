"""200 nodes lose their uplink at once, and all that follows from it fires as well: one page, with a list of nodes."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import chain
from math import ceil
from pathlib import Path

from tests.alerts.configuration import Pace
from tests.alerts.conftest import Servers
from tests.alerts.stack import Stack, stack, wait_for

NODES = tuple(f"node-{number:03}" for number in range(200))
# An evaluation for so many nodes takes seconds on a busy machine. It has a tenth of the half minute that is usual, and
# Alertmanager a tenth of the time that it waits for it. All else is shorter.
PACE = Pace(factor=1 / 50, evaluation=3, wait=1 / 10)
GROUP_INTERVAL = 300 * PACE.factor


@dataclass(slots=True)
class Rack:
    """The nodes behind one switch. They are on one page: no evaluation sees some of them before the others."""

    works: bool = True

    def page(self, _: str) -> str:
        """As far as the rules read it."""
        return HEALTHY if self.works else LOST


def on_each_node(samples: str) -> str:
    """The samples with the labels of each of them."""
    return "".join(samples.replace("{", f'{{node="{node}",instance="{node}:10077",') for node in NODES)


COMMON = """\
up{} 1
uplink_default_route_required{family="ipv4"} 1
uplink_default_route_required{family="ipv6"} 0
uplink_default_route_seen_since_boot{family="ipv4"} 1
uplink_interface_present{device="eth0"} 1
uplink_flannel_found{} 1
uplink_flannel_running{} 1
uplink_source_up{source="netlink"} 1
uplink_cpus{} 4
"""
HEALTHY = on_each_node(f"""{COMMON}
uplink_default_route_present{{family="ipv4"}} 1
uplink_default_route_usable{{family="ipv4"}} 1
uplink_interface_operstate{{device="eth0",operstate="up"}} 1
uplink_interface_operstate{{device="eth0",operstate="down"}} 0
uplink_flannel_restart_delta{{window="1h"}} 0
uplink_flannel_restart_delta{{window="15m"}} 0
uplink_flannel_would_start{{}} 1
uplink_load5{{}} 1
""")
LOST = on_each_node(f"""{COMMON}
uplink_default_route_present{{family="ipv4"}} 0
uplink_default_route_usable{{family="ipv4"}} 0
uplink_interface_operstate{{device="eth0",operstate="up"}} 0
uplink_interface_operstate{{device="eth0",operstate="down"}} 1
uplink_flannel_restart_delta{{window="1h"}} 12
uplink_flannel_restart_delta{{window="15m"}} 3
uplink_flannel_would_start{{}} 0
uplink_load5{{}} 20
""")


def stock_symptoms() -> list[dict[str, str]]:
    """What the alerts that a cluster has anyway tell of it, with the labels that they have there."""
    of_nodes = (
        [
            {"alertname": "KubeNodeNotReady", "node": node, "severity": "warning", "job": "kube-state-metrics"},
            {"alertname": "NodeSystemSaturation", "node": node, "instance": f"{node}:9100", "severity": "warning"},
        ]
        for node in NODES
    )
    flannel = {"namespace": "kube-flannel", "severity": "warning"}
    of_none = [
        {"alertname": "KubePodCrashLooping", "container": "kube-flannel", "pod": "kube-flannel-ds-jqgsm", **flannel},
        {"alertname": "KubeDaemonSetRolloutStuck", "daemonset": "kube-flannel-ds", **flannel},
        {"alertname": "TargetDown", "job": "node-exporter", "namespace": "monitoring", "severity": "warning"},
    ]
    return [*chain.from_iterable(of_nodes), *of_none]


def test_one_page_with_a_list_of_nodes(servers: Servers, tmp_path: Path) -> None:
    rack = Rack()
    with stack(servers.prometheus, servers.alertmanager, tmp_path, ["rack"], rack.page, PACE) as running:
        wait_for("Prometheus", lambda: scraped(running) == len(NODES))
        rack.works = False
        wait_for("the causes", lambda: running.firing("UplinkLost") == len(NODES))
        running.post(stock_symptoms())
        wait_for("symptoms of our own", lambda: running.firing("FlannelCrashLooping") == len(NODES))
        fired = time.monotonic()
        wait_for("the page", lambda: running.to("page"))
        paged = running.to("page")[0].at
        # A second notification would be sent by then. The end comes in several parts, and Alertmanager is not to see
        # the first alone: it looks once in a group interval, counted from the page, and has them all before it looks.
        beats = max(0, ceil((fired - paged) / GROUP_INTERVAL)) + 1
        time.sleep(paged + (beats + 0.05) * GROUP_INTERVAL - time.monotonic())
        rack.works = True
        wait_for("the end", lambda: len(running.to("page")) > 1)
        time.sleep(GROUP_INTERVAL)  # the symptoms are there for longer than their cause
        page, over = running.to("page")
    assert {alert["labels"]["alertname"] for alert in page.alerts} == {"UplinkLost"}
    assert {alert["labels"]["node"] for alert in page.alerts} == set(NODES)
    assert all("Its uplink eth0 is down." in alert["annotations"]["description"] for alert in page.alerts)
    assert over.body["status"] == "resolved"
    assert len(running.notifications) == 2, [notification.text[:500] for notification in running.notifications]


def scraped(running: Stack) -> int:
    """How many nodes Prometheus has found healthy."""
    return running.count('uplink_default_route_usable{family="ipv4"} == 1')
