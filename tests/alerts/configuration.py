"""What Prometheus and Alertmanager are told: the shipped rules and the shipped example, faster than in earnest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.alerts.rules import ALERTS, RULES
from tests.alerts.scaled import Tree, scaled_alertmanager, scaled_rules

Json = Mapping[str, Any]
LOOKBACK, RESEND = 300, 60
"""For so many seconds Prometheus takes the last sample for the value; after so many it sends an alert again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How much faster than in earnest the servers are."""

    factor: float
    """What durations are multiplied by: 30 s become a second at 1/30."""
    evaluation: int = 1
    """How often the rules are evaluated, in seconds."""
    wait: float | None = None
    """What the durations in which Alertmanager waits for Prometheus are multiplied by, where evaluations take long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server's own directory and its port on the loopback."""

    directory: Path
    port: int


def prometheus(server: Server, scraped: Json, alertmanager: int, pace: Pace) -> tuple[str, ...]:
    """Writes its configuration, with what it scrapes; the flags to start it with."""
    rules = _written(server.directory / "uplink.rules.yml", scaled_rules(RULES.read_text(), pace.factor))
    config: Json = {
        "global": {
            "scrape_interval": "1s",
            "scrape_timeout": "1s",
            "evaluation_interval": f"{pace.evaluation}s",
        },
        "rule_files": [str(rules)],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{alertmanager}"]}]}]},
        "scrape_configs": [{"job_name": "uplink-exporter", **scraped}],
    }
    return (
        f"--config.file={_written(server.directory / 'prometheus.yml', config)}",
        f"--storage.tsdb.path={server.directory / 'prometheus'}",
        f"--web.listen-address=127.0.0.1:{server.port}",
        f"--query.lookback-delta={round(LOOKBACK * 1000 * pace.factor)}ms",
        # For four times as long an alert outlives a Prometheus that is gone, or too busy.
        f"--rules.alert.resend-delay={round(RESEND * 1000 * (pace.wait or pace.factor))}ms",
    )


def alertmanager(server: Server, receiver: Callable[[Json], Json], pace: Pace) -> tuple[str, ...]:
    """Writes the shipped example with each receiver altered; the flags to start it with."""
    example: Any = scaled_alertmanager((ALERTS / "alertmanager.example.yml").read_text(), pace.factor, pace.wait)
    example["templates"] = [str(ALERTS / template) for template in example["templates"]]
    example["receivers"] = [receiver(one) for one in example["receivers"]]
    return (
        f"--config.file={_written(server.directory / 'alertmanager.yml', example)}",
        f"--storage.path={server.directory / 'alertmanager'}",
        f"--web.listen-address=127.0.0.1:{server.port}",
        "--cluster.listen-address=",  # it has no peers to wait for
    )


def _written(path: Path, document: Tree | Json) -> Path:
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    return path
