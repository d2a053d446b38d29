"""What each of those who take part in the incident sees, in words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from tests.kernel.namespace import Exporter
from tests.stack.servers import Json, Notification, Servers

CHOSEN = re.compile("Using interface|The interface .* will be used")


class Home(Protocol):
    """Where flannel lives, and what each attempt to start it said."""

    said: list[list[str]]
    running: bool

    @property
    def restarts(self) -> int:
        """How often it was started again."""


def notifications(servers: Servers, status: str) -> Mapping[str, str]:
    """What the webhook was sent, of one status."""
    sent = (notification for notification in servers.notifications if notification.status == status)
    return {f"notification {number}": text_of(notification) for number, notification in enumerate(sent)}


def text_of(notification: Notification) -> str:
    """A notification in one line."""
    return " ".join(map(_text_of_alert, notification.alerts))


def _text_of_alert(alert: Json) -> str:
    labels, annotations = alert["labels"], alert["annotations"]
    about = f"[{labels['severity']}] {labels['alertname']} on {labels['node']}: {annotations['summary']}"
    more = f" {annotations['description']} {annotations['runbook_url']}" if alert["status"] == "firing" else ""
    return about + more


def verdicts(exporter: Exporter) -> Mapping[str, str]:
    """What the exporter logged of each change of its verdict."""
    lines = (json.loads(line) for line in exporter.read_log().splitlines() if line.startswith("{"))
    changes = (line for line in lines if line["msg"] == "verdict changed")
    return {line["ts"]: f"{line['summary']} (verdict {line['verdict']})" for line in changes}


def attempts(home: Home) -> Mapping[str, str]:
    """How each attempt to start flannel went."""
    found = {}
    for number, said in enumerate(home.said):
        name = f"restart {number}" if number else "the first start"
        over = number < home.restarts or not home.running
        chosen = next((line for line in said if CHOSEN.match(line)), None)
        if chosen:
            found[name] = f"{name}: it runs. {chosen}"
        elif over and said:
            same = number > 1 and said[-1:] == home.said[number - 1][-1:]
            found[name] = f"{name}: it dies{' of the same' if same else f'. {said[-1]}'}"
    return found


def alerts(servers: Servers) -> Mapping[str, str]:
    """The alerts in Prometheus."""
    return dict(_alerts(servers.alerts()))


def _alerts(found: Sequence[Json]) -> Iterator[tuple[str, str]]:
    for alert in found:
        labels = alert["labels"]
        severity = labels["severity"] if labels["severity"] != "none" else "pages nobody"
        name = f"{labels['alertname']} ({severity})"
        yield name, f"{name} {'is pending' if alert['state'] == 'pending' else 'fires'}"


def muted(servers: Servers) -> Mapping[str, str]:
    """The alerts that Alertmanager keeps from paging."""
    inhibited = (alert["labels"] for alert in servers.managed() if alert["status"]["inhibitedBy"])
    names = (f"{labels['alertname']} ({labels['severity']})" for labels in inhibited)
    return {name: f"{name} is muted: it follows from an alert of the uplink" for name in names}
