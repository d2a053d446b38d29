"""What Prometheus and Alertmanager are told: the shipped rules and the shipped example, sixty times as fast."""

from __future__ import annotations

from pathlib import Path

from tests.alerts import configuration
from tests.alerts.configuration import Json, Pace, Server
from tests.stack.node import NAME, TARGET

SCALE = 60
PROMETHEUS, ALERTMANAGER, WEBHOOK = 9090, 9093, 9094
PACE = Pace(factor=1 / SCALE)
"""Prometheus' defaults of a minute are a second."""


def for_prometheus(directory: Path) -> tuple[str, ...]:
    """Prometheus' flags: it scrapes the node under its name."""
    scraped = {"static_configs": [{"targets": [TARGET], "labels": {"node": NAME}}]}
    return configuration.prometheus(Server(directory=directory, port=PROMETHEUS), scraped, ALERTMANAGER, PACE)


def for_alertmanager(directory: Path) -> tuple[str, ...]:
    """Alertmanager's flags: every receiver that tells anybody tells the webhook, and nobody else."""
    return configuration.alertmanager(Server(directory=directory, port=ALERTMANAGER), _hooked, PACE)


def _hooked(receiver: Json) -> Json:
    if not any(key.endswith("_configs") for key in receiver):
        return receiver
    return {"name": receiver["name"], "webhook_configs": [{"url": f"http://127.0.0.1:{WEBHOOK}/"}]}
