"""Go's regular expressions: the same verdicts, the same words of refusal, and a bound on the work."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uplink_exporter.flannel.re2 import MalformedError, TooCostlyError, compile_pattern
from uplink_exporter.flannel.re2.pattern import HIGHEST_COST, LONGEST_PATTERN, LONGEST_TEXT

FIXTURE = Path(__file__).parents[2] / "fixtures" / "flannel" / "patterns.json"
OBSERVED: Mapping[str, Any] = json.loads(FIXTURE.read_text())


@pytest.mark.parametrize("row", OBSERVED["patterns"], ids=[row["pattern"] for row in OBSERVED["patterns"]])
def test_go_says_the_same(row: Mapping[str, Any]) -> None:
    if "error" in row:
        with pytest.raises(MalformedError) as refused:
            compile_pattern(row["pattern"])
        assert str(refused.value) == row["error"]
    else:
        pattern = compile_pattern(row["pattern"])
        assert [text for text in OBSERVED["texts"] if pattern.search(text)] == row["matches"]


# What Python's re reads as Go does.
atoms = st.sampled_from(
    ["a", "b", "1", ".", r"\.", r"\d", "[ab]", "[^a]", "(?:^)", r"(?:\b)", "(?:a|b1)", "(b|)", "(a.)"]
)
repetitions = st.sampled_from(["", "", "*", "+", "?", "{2}", "{0,2}", "{1,}"])
patterns = st.lists(st.tuples(atoms, repetitions).map("".join), min_size=1, max_size=5).map("".join)


@given(st.lists(patterns, min_size=1, max_size=3).map("|".join), st.text("ab1.", max_size=8))
def test_python_says_the_same_where_it_can(pattern: str, text: str) -> None:
    assert compile_pattern(pattern).search(text) is (re.search(pattern, text) is not None)


@given(st.text(r"ab\dwQEpx{}[]()^$.*+?|:-,<>=!imsUP01", max_size=LONGEST_PATTERN), st.text(max_size=LONGEST_TEXT))
def test_any_pattern_is_compiled_or_refused(pattern: str, text: str) -> None:
    try:
        compile_pattern(pattern).search(text)
    except (MalformedError, TooCostlyError) as error:
        assert str(error)


class Counted(str):
    """A text that counts how often one of its characters is looked at."""

    __slots__ = ("looks",)
    looks: int

    def __getitem__(self, key: Any) -> str:
        self.looks = getattr(self, "looks", 0) + 1
        return super().__getitem__(key)


@pytest.mark.parametrize(
    "pattern",
    [r"(a*)*b", r"(a|a)*b", r"(a+a+)+b", r"(.*.*)*b", r"(.{1,40}){1,20}b", r"(a?){40}a{40}b", "(?:a?){1000}b"],
)
def test_what_makes_others_backtrack_for_ever_is_cheap(pattern: str) -> None:
    text = Counted("a" * LONGEST_TEXT)
    assert not compile_pattern(pattern).search(text)
    assert text.looks <= HIGHEST_COST * LONGEST_TEXT


@pytest.mark.parametrize(
    "pattern",
    [
        "((.*)*)*",
        ".*" * 120,
        "(?:" + ".?" * 110 + ")*",
        "a" * (LONGEST_PATTERN + 1),
        "(" * 40 + "a" + ")" * 40,
        r"\p{Greek}",
        r"[\PL]",
    ],
    ids=lambda pattern: pattern[:20],
)
def test_what_has_no_good_bound_is_not_tried(pattern: str) -> None:
    with pytest.raises(TooCostlyError):
        compile_pattern(pattern)
