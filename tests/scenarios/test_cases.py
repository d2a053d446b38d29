"""The core against every case."""

from __future__ import annotations

from itertools import islice

import pytest

from tests.scenarios import CASES, Alert, Case, doctor, page, scenes
from uplink_exporter.diagnosis import Verdict

EACH = pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in CASES])


@EACH
def test_what_it_comes_to(case: Case) -> None:
    *_, last = scenes(case.moments, case.until, case.policy)
    assert last.diagnosis.verdict is case.verdict
    said = doctor(last)
    for words in case.says:
        _, found, said = said.partition(words)
        assert found, f"{words!r} is not there, or too early in:\n{doctor(last)}"


@EACH
def test_what_the_page_shows(case: Case) -> None:
    *_, last = scenes(case.moments, case.until, case.policy)
    shown = page(last)
    assert {name: shown.get(name) for name in case.samples} == case.samples
    assert [name for name, value in shown.items() if name.startswith("uplink_diagnosis{") and value] == [
        f'uplink_diagnosis{{verdict="{case.verdict}"}}'
    ]


@EACH
def test_no_counter_falls_at_any_time(case: Case) -> None:
    before: dict[str, float] = {}
    for scene in islice(scenes(case.moments, case.until, case.policy), 0, None, 10):
        counters = {name: value for name, value in page(scene).items() if "_total" in name.partition("{")[0]}
        assert {name for name, value in counters.items() if value < before.get(name, 0)} == set()
        before |= counters


def test_every_verdict_has_a_case_and_every_alert_one_in_which_it_fires() -> None:
    assert {case.verdict for case in CASES} == set(Verdict)
    assert {alert for case in CASES for alert in case.alerts} == set(Alert)
    assert len({case.name for case in CASES}) == len(CASES)


def test_nothing_fires_where_all_is_well() -> None:
    assert not CASES[0].alerts
