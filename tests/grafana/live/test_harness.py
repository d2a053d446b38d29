"""The harness does as Grafana does, and notices what is wrong."""

from __future__ import annotations

import pytest

from tests.grafana.live.dashboard import Panel, Query
from tests.grafana.live.expect import Expected, Nothing, differences
from tests.grafana.live.frames import Cell, UnmappedError, merged, ordered, worded
from tests.grafana.live.look import TwiceError, distinct
from tests.grafana.live.variables import Raw, Times, Value, filled

WORDED = Panel(
    row="Node",
    title="Verdict",
    kind="stat",
    queries=[Query(ref="A", expr="up", instant=True)],
    model={
        "fieldConfig": {
            "defaults": {"mappings": [{"type": "value", "options": {"1": {"text": "healthy"}}}]},
            "overrides": [
                {"matcher": {"id": "byName", "options": "Since"}, "properties": [{"id": "unit", "value": "s"}]}
            ],
        }
    },
)


@pytest.mark.parametrize(
    ("query", "value", "expected"),
    [
        ('up{node="$node"}', "pi-1", 'up{node="pi-1"}'),
        ('up{node="${node}"}', 'a"b\\c', 'up{node="a\\"b\\\\c"}'),
        ('up{node=~"$node"}', ["pi.1"], 'up{node=~"pi\\\\.1"}'),
        ('up{node=~"$node"}', ["pi.1", "pi-2"], 'up{node=~"(pi\\\\.1|pi-2)"}'),
        ('up{node=~"[[node]]"}', Raw(text=".*"), 'up{node=~".*"}'),
        ("${node:raw}", ["a", "b"], "a,b"),
        ('label_replace(up, "a", "$1", "b", "(.+)")', "", 'label_replace(up, "a", "$1", "b", "(.+)")'),
    ],
)
def test_variables_are_filled_in(query: str, value: Value | Raw, expected: str) -> None:
    assert filled(query, {"node": value}) == expected


def test_an_unknown_variable_is_an_error() -> None:
    with pytest.raises(KeyError):
        filled("up[$__rate]", Times(start=0, end=3600).variables)


@pytest.mark.parametrize(("hours", "step", "rate"), [(1, "60s", "240s"), (24 * 7, "605s", "665s")])
def test_steps_grow_with_the_time_that_is_shown(hours: int, step: str, rate: str) -> None:
    times = Times(start=0, end=hours * 3600)
    assert filled("$__interval $__rate_interval", times.variables) == f"{step} {rate}"


def test_tables_are_merged_by_what_they_have_in_common_and_sorted() -> None:
    verdicts: list[dict[str, Cell]] = [{"node": "a", "verdict": 1.0}, {"node": "b", "verdict": 9.0}]
    since: list[dict[str, Cell]] = [{"node": "a", "since": 7.0}]
    by = {"sort": [{"field": "verdict", "desc": True}]}
    assert ordered(merged([verdicts, since, []], {}), by) == [
        [{"node": "b", "verdict": 9.0}, {"node": "a", "verdict": 1.0, "since": 7.0}]
    ]


def test_a_value_without_words_is_an_error_unless_it_has_a_unit() -> None:
    assert worded(WORDED, "", 1.0) == "healthy"
    assert worded(WORDED, "Since", 2.0) == 2.0
    with pytest.raises(UnmappedError):
        worded(WORDED, "", 2.0)


def test_two_series_of_one_name_are_an_error() -> None:
    with pytest.raises(TwiceError):
        distinct([("wlan0", "up"), ("wlan0", "down")])


def test_a_panel_of_which_nothing_is_expected_differs() -> None:
    expected: dict[str, Expected] = {"a": {"": 1}, "b": Nothing(because="it is over"), "gone": {"": 1}}
    seen = {"a": {"": 1.0}, "b": {"": 1.0}, "new": {"": 1.0}}
    assert [difference.partition(":")[0] for difference in differences(expected, seen)] == ["b", "gone", "new"]
