"""What Prometheus and Alertmanager are told: the shipped rules and the shipped example, sixty times as fast."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.alerts.rules import ALERTS, RULES
from tests.alerts.scaled import Tree, scaled_alertmanager, scaled_rules
from tests.stack.node import NAME, TARGET

SCALE = 60
PROMETHEUS, ALERTMANAGER, WEBHOOK = 9090, 9093, 9094
LOOKBACK = "5s"
"""Prometheus' own 5 minutes for an instant query, scaled."""

Json = Mapping[str, Any]


def for_prometheus(directory: Path) -> Path:
    """Prometheus' configuration: its defaults of a minute, scaled, and the node under its name."""
    rules = _written(directory / "rules.yml", scaled_rules(RULES.read_text(), 1 / SCALE))
    return _written(
        directory / "prometheus.yml",
        {
            "global": {"scrape_interval": "1s", "scrape_timeout": "900ms", "evaluation_interval": "1s"},
            "rule_files": [str(rules)],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{ALERTMANAGER}"]}]}]},
            "scrape_configs": [
                {
                    "job_name": "uplink-exporter",
                    "static_configs": [{"targets": [TARGET], "labels": {"node": NAME}}],
                }
            ],
        },
    )


def for_alertmanager(directory: Path) -> Path:
    """The shipped example, where every receiver that tells anybody tells the webhook, and nobody else."""
    example: Any = scaled_alertmanager((ALERTS / "alertmanager.example.yml").read_text(), 1 / SCALE)
    example["templates"] = [str(ALERTS / template) for template in example["templates"]]
    example["receivers"] = [_hooked(receiver) for receiver in example["receivers"]]
    return _written(directory / "alertmanager.yml", example)


def _hooked(receiver: Json) -> Json:
    if not any(key.endswith("_configs") for key in receiver):
        return receiver
    return {"name": receiver["name"], "webhook_configs": [{"url": f"http://127.0.0.1:{WEBHOOK}/"}]}


def _written(path: Path, document: Tree) -> Path:
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    return path
