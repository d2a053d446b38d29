"""The unit tests of the rules are held to account: whatever is altered in a rule, one of them objects."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.alerts.mutants import WORKERS, expressions, mutants, objects, survivors, units
from tests.alerts.rules import rules
from tests.alerts.tools import generations, there


@pytest.fixture
def promtool() -> Path:
    """Debian's alone: to alter all takes minutes."""
    return there(generations()[0].promtool, "promtool")


def test_the_rules_as_they_are_pass_every_unit(promtool: Path) -> None:
    """Else an objection would prove nothing."""
    known, tests = rules(), units()
    with ThreadPoolExecutor(WORKERS) as pool:
        fail = pool.map(lambda unit: objects(promtool, unit, known), tests)
    assert not [unit.name for unit, fails in zip(tests, fail, strict=True) if fails]


def test_every_alteration_is_caught(promtool: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wanted = [mutant for rule in rules() for mutant in mutants(rule)]
    alive = [str(mutant) for mutant, survived in survivors(promtool, wanted) if survived]
    with capsys.disabled():
        print(f"\n{len(wanted) - len(alive)} of {len(wanted)} mutants of the rules caught")
    assert not alive, "\n".join(alive)


def test_what_is_altered() -> None:
    changes = [text for _, text in expressions('max without (pod) (last_over_time(a{b=~"c|d"}[5m])) >= 2 and on (e) x')]
    assert {" ".join(text.split()) for text in changes} == {
        'max without () (last_over_time(a{b=~"c|d"}[5m])) >= 2 and on (e) x',
        "max without (pod) (last_over_time(a{}[5m])) >= 2 and on (e) x",
        'max without (pod) (last_over_time(a{b!~"c|d"}[5m])) >= 2 and on (e) x',
        'max without (pod) (last_over_time(a{b=~"d"}[5m])) >= 2 and on (e) x',
        'max without (pod) (last_over_time(a{b=~"c"}[5m])) >= 2 and on (e) x',
        'max without (pod) (last_over_time(a{b=~"c|d"}[150000ms])) >= 2 and on (e) x',
        'max without (pod) (last_over_time(a{b=~"c|d"}[600000ms])) >= 2 and on (e) x',
        'max without (pod) (last_over_time(a{b=~"c|d"}[5m])) > 2 and on (e) x',
        'max without (pod) (last_over_time(a{b=~"c|d"}[5m])) < 2 and on (e) x',
        'max without (pod) (last_over_time(a{b=~"c|d"}[5m])) >= 1 and on (e) x',
        'max without (pod) (last_over_time(a{b=~"c|d"}[5m])) >= 3 and on (e) x',
        'max without (pod) (last_over_time(a{b=~"c|d"}[5m])) >= 2 unless on (e) x',
        'max without (pod) (last_over_time(a{b=~"c|d"}[5m])) >= 2 and on () x',
    }
