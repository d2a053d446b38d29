"""A real Prometheus with the shipped rules over samples that are there already."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.alerts.rules import document
from tests.alerts.stack import Stack, free_port, get, process, wait_for
from tests.grafana.live.prometheus import Prometheus

STORE = "prometheus"
# Prometheus does not tell of alerts before it has looked for those of its last life.
EVALUATED_TWICE = "count_over_time(ALERTS_FOR_STATE[5m]) > 1"


@contextmanager
def serving(program: Path, directory: Path, every: int = 2) -> Iterator[Prometheus]:
    """The server over the blocks in the directory's STORE, from when its rules know one another's results on.

    They are evaluated once in so many seconds.
    """
    (directory / "rules.yml").write_text(yaml.safe_dump(at_once()))
    config = {"global": {"evaluation_interval": f"{every}s"}, "rule_files": ["rules.yml"]}
    (directory / "prometheus.yml").write_text(yaml.safe_dump(config))
    address = f"127.0.0.1:{free_port()}"
    flags = (f"--storage.tsdb.path={STORE}", "--storage.tsdb.retention.time=30d", f"--web.listen-address={address}")
    with process(directory, "prometheus", (program, "--config.file=prometheus.yml", *flags)):
        asked = Stack(prometheus=f"http://{address}", alertmanager="")
        wait_for("the rules", lambda: asked.count(EVALUATED_TWICE), 60 + 3 * every)
        yield Prometheus(get=lambda path: get(f"http://{address}{path}"))


def at_once() -> Any:
    """The shipped rules without `for`: what they find here has held for long already."""
    loaded: Any = document()
    for group in loaded["groups"]:
        for rule in group["rules"]:
            rule.pop("for", None)
    return loaded
