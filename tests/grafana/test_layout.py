"""The panels stand in the order of an operator's questions, on Grafana's grid, none over another."""

from __future__ import annotations

from itertools import combinations

import pytest

from tests.grafana.documents import PROVISIONED, Json, document, name, panels

BOARD = document(PROVISIONED)["panels"]
# Which panel answers it first, in the row of one node.
QUESTIONS = (
    ("what is wrong", "Verdict"),
    ("since when", "Since"),
    ("which device", "Uplink"),
    ("what did flannel say", "flannel died of, last hour"),
    ("is it over", "Is it over"),
)
# What led to it, in the same order.
STORY = (
    "Verdict over time",
    "Default route over time",
    "Uplink over time",
    "flannel, if it started now",
    "flannel over time",
    "flannel's restarts and crashes within 15 minutes",
    "Load per CPU",
    "Pressure",
    "Waiting pods over time",
)


@pytest.mark.parametrize("panel", BOARD, ids=name)
def test_it_stands_on_the_grid(panel: Json) -> None:
    place = panel["gridPos"]
    assert 0 <= place["x"] < place["x"] + place["w"] <= 24
    assert place["h"] > 0


def test_none_lies_over_another() -> None:
    pairs = combinations(BOARD, 2)
    assert [(one["title"], other["title"]) for one, other in pairs if _overlap(one["gridPos"], other["gridPos"])] == []


def _overlap(one: Json, other: Json) -> bool:
    beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
    below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
    return not (beside or below)


def test_nothing_is_left_blank() -> None:
    covered = sum(panel["gridPos"]["w"] * panel["gridPos"]["h"] for panel in BOARD)
    assert covered == 24 * max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in BOARD)


def test_the_fleet_comes_first_and_says_which_node() -> None:
    rows = [panel["title"] for panel in BOARD if panel["type"] == "row"]
    assert rows == ["Fleet", "Node $node"]
    assert BOARD[0]["title"] == "Fleet"
    first_table = next(panel for panel in BOARD if panel["type"] == "table")
    assert first_table["title"] == "Nodes, the worst first"


def test_the_questions_are_answered_in_their_order() -> None:
    titles = [panel["title"] for panel in BOARD]
    after = titles.index("Node $node") + 1
    assert titles[after : after + len(QUESTIONS)] == [title for _, title in QUESTIONS]


def test_the_story_is_told_in_the_same_order() -> None:
    titles = [panel["title"] for panel in BOARD]
    assert sorted(STORY, key=titles.index) == list(STORY)


def test_no_two_panels_of_a_row_have_the_same_title() -> None:
    of_node = [panel["title"] for panel in BOARD][[panel["title"] for panel in BOARD].index("Node $node") :]
    assert len(of_node) == len(set(of_node))


def test_what_is_drawn_over_time_shares_one_axis() -> None:
    drawn = [panel for panel in panels() if panel["type"] in {"timeseries", "state-timeline"}]
    of_node = [panel for panel in drawn if "node=" in panel["targets"][0]["expr"]]
    assert {panel["gridPos"]["w"] for panel in of_node} == {24}
    assert len({panel["fieldConfig"]["defaults"]["custom"]["axisWidth"] for panel in of_node}) == 1
