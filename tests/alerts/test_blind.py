"""A node cannot be scraped for as long as its uplink is gone; when it can be again, exactly one alert tells of it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from tests.alerts.configuration import Pace
from tests.alerts.conftest import Servers
from tests.alerts.stack import stack, wait_for

FACTOR = 1 / 60
SILENCE = 9.0
"""Of 9 minutes, one of which is too little to say that the exporter is gone."""


@dataclass(slots=True)
class Node:
    """A node whose uplink is the way by which it is scraped."""

    reachable: bool = True
    absent: float = 0.5

    def page(self, _: str) -> str | None:
        """Its page, as far as the rules read it; None while nobody can reach it."""
        return PAGE.format(absent=self.absent) if self.reachable else None


PAGE = """\
uplink_default_route_required{{family="ipv4"}} 1
uplink_default_route_present{{family="ipv4"}} 1
uplink_default_route_usable{{family="ipv4"}} 1
uplink_default_route_seen_since_boot{{family="ipv4"}} 1
uplink_default_route_absent_seconds_total{{family="ipv4"}} {absent}
uplink_interface_present{{device="wlan0"}} 1
uplink_interface_operstate{{device="wlan0",operstate="up"}} 1
uplink_source_up{{source="netlink"}} 1
"""


def test_exactly_the_late_alert_with_the_right_duration(servers: Servers, tmp_path: Path) -> None:
    node = Node()
    with stack(servers.prometheus, servers.alertmanager, tmp_path, ["pi-1"], node.page, Pace(factor=FACTOR)) as running:
        wait_for("Prometheus", lambda: running.count("uplink_default_route_usable") == 1)
        time.sleep(3.0)
        node.reachable = False
        time.sleep(SILENCE)
        node.absent += 8.25
        node.reachable = True
        wait_for("the alert", lambda: running.notifications)
        time.sleep(1.5 * 300 * FACTOR)  # any other would be sent by now
    (told,) = (one for one in running.notifications if '"resolved"' not in one.text)
    assert told.receiver == "team"
    assert "pi-1: UplinkOutageSeenLate" in told.text
    assert "pi-1 had no default route for 8.25s while it could not be scraped." in told.text
