import re

import pytest
import yaml

from tests.alerts.rules import ALERTS, RULES
from tests.alerts.scaled import scaled_alertmanager, scaled_rules, shape


def test_every_duration_of_the_rules_is_scaled() -> None:
    text = yaml.safe_dump(scaled_rules(RULES.read_text(), 1 / 60), width=10000)
    assert "for: 5000ms" in text
    assert "[1440000ms] offset 60000ms" in text
    assert "[60000ms:1000ms]" in text
    assert ":grown1h >= 5\\n" in text
    assert "> 0.6" in text
    assert not re.search(r"\[(5m|15m|1h|1d)[\]:]", text)


def test_every_duration_of_the_routes_is_scaled() -> None:
    scaled = scaled_alertmanager((ALERTS / "alertmanager.example.yml").read_text(), 1 / 60)
    assert isinstance(scaled, dict)
    assert scaled["route"]["group_wait"] == "500ms"
    assert scaled["route"]["routes"][1]["group_wait"] == "1500ms"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"expr": "x[5m] > 1"}, {"expr": "x[5m] > 2"}),
        ({"expr": "x[5m] > 1"}, {"expr": "x[5m] >= 1"}),
        ({"labels": {"severity": "critical"}}, {"labels": {"severity": "warning"}}),
        ({"description": "x[5m]"}, {"description": "y[5m]"}),
    ],
)
def test_what_is_no_duration_makes_another_shape(one: dict[str, str], other: dict[str, str]) -> None:
    assert shape(one) != shape(other)


def test_durations_make_no_other_shape() -> None:
    assert shape({"expr": "uplink_a_seconds[5m] offset 1h >= 300", "for": "1m"}) == shape(
        {"expr": "uplink_a_seconds[5ms] offset 10ms >= 3", "for": "2h"}
    )
