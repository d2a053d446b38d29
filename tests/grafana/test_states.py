"""Every state has words and a colour, the same everywhere, and the colour-blind can tell the colours apart."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from itertools import combinations

import pytest

from grafana.dashboard import states
from grafana.dashboard.states import Meaning, State
from tests.grafana.documents import ROOT, Json, mappings, name, panels
from uplink_exporter.diagnosis import Verdict
from uplink_exporter.facts import Operstate
from uplink_exporter.flannel.choice import Blocked
from uplink_exporter.flannel.observed import ApiPath, Cause, WaitingReason

CLOSED_SETS: tuple[tuple[tuple[State, ...], Iterable[StrEnum], set[str]], ...] = (
    # What is drawn, what the exporter may say, and what the dashboard adds.
    (states.VERDICTS, Verdict, set()),
    (states.OVER, Verdict, set()),
    (states.OPERSTATES, Operstate, {"missing"}),
    (states.UNEXPECTED, Operstate, {"missing"}),
    (states.BLOCKED, Blocked, set()),
    (states.WAITING, WaitingReason, set()),
    (states.API_PATHS, ApiPath, set()),
    (states.CAUSES, set(Cause) - {Cause.CLEAN}, set()),
)
# Colours that are never beside one another without a word may come as near as this; in CIELAB, 2 is just noticeable.
NEAREST = 15
# What the colour-blind see of linear RGB (Machado, Oliveira and Fernandes 2009, severity 1.0).
SIGHTS = {
    "usual": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "tritanopia": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}
# Lines, and moments: they never stand for a state.
OF_STATES = [meaning for meaning in Meaning if meaning is not Meaning.PLAIN]


@pytest.mark.parametrize(("drawn", "told", "added"), CLOSED_SETS)
def test_all_that_the_exporter_may_say_has_words(
    drawn: tuple[State, ...], told: Iterable[StrEnum], added: set[str]
) -> None:
    assert {state.label for state in drawn if state.label} == {str(word) for word in told} | added


@pytest.mark.parametrize(("drawn", "told", "added"), CLOSED_SETS)
def test_no_two_states_have_the_same_number(drawn: tuple[State, ...], told: Iterable[StrEnum], added: set[str]) -> None:
    codes = [state.code for state in drawn]
    assert len(codes) == len(set(codes))
    assert states.NOT_KNOWN.code not in codes


def test_what_is_drawn_together_has_numbers_of_its_own() -> None:
    together = (*states.FLANNEL, *states.WAITING, states.NOT_KNOWN)
    assert len({state.code for state in together}) == len(together)


def test_the_verdicts_are_in_the_order_of_badness() -> None:
    rank = {state.label: state.code for state in states.VERDICTS}
    assert min(rank, key=rank.__getitem__) == "healthy"
    assert rank["recovering"] < rank["unknown"] < rank["flannel_refuses"] < rank["flannel_failing"]
    assert states.NOT_SCRAPED.code > rank["flannel_failing"], "its uplink may be gone"
    uplinks = [rank[verdict] for verdict in ("route_dead", "route_missing", "uplink_down", "uplink_missing")]
    assert uplinks == sorted(uplinks)
    assert min(uplinks) > states.NOT_SCRAPED.code, "what is known to be broken comes before what nobody sees"


def test_not_scraped_never_looks_healthy() -> None:
    healthy = states.VERDICTS[0]
    assert states.NOT_SCRAPED.meaning is Meaning.UNSEEN is not healthy.meaning


@pytest.mark.parametrize("panel", panels(), ids=name)
def test_every_colour_is_of_the_palette(panel: Json) -> None:
    assert {result["color"] for _, result in mappings(panel) if "color" in result} <= set(Meaning)
    steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert {step["color"] for step in steps} <= set(Meaning)


def test_the_same_words_have_the_same_colour_everywhere() -> None:
    colours: dict[str, set[str]] = {}
    # It alone says of devices that may be down that they are.
    for panel in (panel for panel in panels() if panel["title"] != "Other devices over time"):
        for _, result in mappings(panel):
            if "color" in result:
                colours.setdefault(result["text"], set()).add(result["color"])
    assert {words: seen for words, seen in colours.items() if len(seen) > 1} == {}


@pytest.mark.parametrize("panel", panels(), ids=name)
def test_every_colour_comes_with_words(panel: Json) -> None:
    for _, result in mappings(panel):
        assert result["text"]


@pytest.mark.parametrize("sight", SIGHTS)
def test_the_colours_of_states_can_be_told_apart(sight: str) -> None:
    seen = {meaning: _lab(meaning, sight) for meaning in OF_STATES}
    near = {
        (one.name, other.name): distance
        for one, other in combinations(OF_STATES, 2)
        if (distance := sum((a - b) ** 2 for a, b in zip(seen[one], seen[other], strict=True)) ** 0.5) < NEAREST
    }
    assert near == {}


@pytest.mark.parametrize("meaning", OF_STATES)
def test_words_can_be_read_on_it(meaning: Meaning) -> None:
    """Grafana writes in black on what is bright, else in white; 3 is what WCAG asks of large text."""
    parts = [int(meaning[i : i + 2], 16) for i in (1, 3, 5)]
    # getTextColorForBackground, packages/grafana-ui/src/utils/colors.ts
    bright = sum(weight * part for weight, part in zip((0.299, 0.587, 0.114), parts, strict=True)) > 180
    weights = (0.2126, 0.7152, 0.0722)
    luminance = sum(weight * _linear(part / 255) for weight, part in zip(weights, parts, strict=True))
    dark, light = sorted((luminance, 0.0 if bright else 1.0))
    assert (light + 0.05) / (dark + 0.05) >= 3


def _lab(colour: str, sight: str) -> tuple[float, float, float]:
    """The colour as it is seen, in CIELAB (D65)."""
    linear = [_linear(int(colour[i : i + 2], 16) / 255) for i in (1, 3, 5)]
    red, green, blue = (
        min(1, max(0, sum(weight * part for weight, part in zip(row, linear, strict=True)))) for row in SIGHTS[sight]
    )
    x = _root((0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.95047)
    y = _root(0.2126 * red + 0.7152 * green + 0.0722 * blue)
    z = _root((0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.08883)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)


def _root(value: float) -> float:
    return float(value ** (1 / 3)) if value > 0.008856 else 7.787 * value + 16 / 116


def test_the_readme_says_what_each_verdict_means_and_where_to_go() -> None:
    readme = (ROOT / "grafana/README.md").read_text()
    rows = [line.split(" | ") for line in readme.splitlines() if line.startswith(("| `", "| | not scraped"))]
    told = {cells[0].strip("| `"): cells[1] for cells in rows if len(cells) > 2}
    assert {state.label: state.words for state in states.VERDICTS}.items() <= told.items()


def test_the_readme_says_what_each_colour_means() -> None:
    readme = (ROOT / "grafana/README.md").read_text()
    table = readme.partition("| colour | |")[2].partition("\n\n")[0]
    assert table.count("\n| ") == len(Meaning)
