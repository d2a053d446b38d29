"""Alters each threshold, duration, label and comparison of the shipped rules in turn; a unit test must object to each.

`python -m tests.alerts.mutants` prints the survivors and the score.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import promql_parser
import yaml

from tests.alerts.rules import TESTS, Kind, Rule, Token, milliseconds, needed_by, rules, tokens
from tests.alerts.tools import generations, run

WORKERS = 2
COMPARISONS = {"==": ("!=",), "!=": ("==",), ">=": (">", "<"), "<=": ("<", ">"), ">": (">=", "<"), "<": ("<=", ">")}
MATCHES = {"=": "!=", "!=": "=", "=~": "!~", "!~": "=~"}
SETS = {"and": "unless", "unless": "and", "or": "and"}
RULES_FILE = "rules.yml"
SMALL = 20
"""A whole number below is altered by 1, any other by a tenth."""
EQUIVALENT = (
    # Where more than an hour is known, the first half of the expression has the answer.
    ("hour_ago", r"or min_over_time\(.*\[1h -> 7200000ms"),
    # A rate is a quotient that never is 0.6 exactly.
    ("NodeOverloadedWithoutUplink", r"\[10m\]\)\) > -> >="),
)
"""Rules and changes that make no difference, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """The rule that was altered, as it is now, and what was done to it."""

    rule: Rule
    change: str

    def __str__(self) -> str:
        return f"{self.rule.name} ({self.rule.labels.get('severity', 'recorded')}): {self.change}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One test of a unit test file, as a file of its own; the rules that it names, and those that it needs."""

    name: str
    text: str
    named: frozenset[str]
    needs: frozenset[str]
    cost: float
    """Roughly, how long it takes: how often how many rules are evaluated."""


def mutants(rule: Rule) -> Iterator[Mutant]:
    """Every way in which the rule is altered."""
    for change, expr in expressions(rule.expr):
        if not any(name in rule.name and re.search(pattern, change) for name, pattern in EQUIVALENT):
            yield Mutant(rule=replace(rule, expr=expr), change=change)
    if rule.hold:
        for hold in spans(rule.hold, step=60_000):
            yield Mutant(rule=replace(rule, hold=hold), change=f"for: {rule.hold} -> {hold}")
    if rule.alert:
        other = "warning" if rule.labels["severity"] == "critical" else "critical"
        yield Mutant(rule=replace(rule, labels={**rule.labels, "severity": other}), change=f"severity: {other}")


def expressions(expr: str) -> Iterator[tuple[str, str]]:
    """The expression's mutants that are PromQL and not the same, each with what was changed."""
    pieces = tokens(expr)
    seen = {canonical(expr)}
    for change, altered in alterations(pieces):
        text = "".join(piece.text for piece in altered)
        if (form := canonical(text)) not in seen:
            seen.add(form)
            yield change, text


def canonical(expr: str) -> str:
    """One spelling for each expression; empty for what is no PromQL."""
    try:
        return str(promql_parser.parse(expr))
    except ValueError:
        return ""


def alterations(pieces: Sequence[Token]) -> Iterator[tuple[str, list[Token]]]:
    """Each piece altered in turn; some results are no PromQL."""
    for at, piece in enumerate(pieces):
        for text in replacements(pieces, at):
            yield f"{at}: {near(pieces, at)} -> {text or 'nothing'}", substituted(pieces, at, at + 1, text)
        if piece.kind is Kind.NAME and (end := listed(pieces, at)):
            yield f"{at}: {near(pieces, at)} -> dropped", substituted(pieces, at, end, "")


def replacements(pieces: Sequence[Token], at: int) -> Iterator[str]:
    """What the piece is replaced by."""
    piece = pieces[at]
    if piece.kind is Kind.DURATION:
        yield from spans(piece.text)
    elif piece.kind is Kind.NUMBER:
        yield from numbers(piece.text)
    elif piece.kind is Kind.OPERATOR:
        yield from (MATCHES[piece.text],) if in_braces(pieces, at) else COMPARISONS.get(piece.text, ())
    elif piece.kind is Kind.NAME and piece.text in SETS:
        yield SETS[piece.text]
    elif piece.kind is Kind.STRING and in_braces(pieces, at):
        yield from alternatives(piece.text)


def spans(text: str, step: int = 0) -> Iterator[str]:
    """The duration with a step less and more, or else half and twice as long."""
    whole = milliseconds(text)
    less, more = (whole - step, whole + step) if step else (whole // 2, whole * 2)
    yield from (f"{less}ms", f"{more}ms")


def numbers(text: str) -> Iterator[str]:
    """The threshold a little lower and a little higher."""
    value = float(text)
    step = 1.0 if value.is_integer() and value < SMALL else value / 10
    yield from (f"{value - step:g}", f"{value + step:g}")


def alternatives(text: str) -> Iterator[str]:
    """A matched value without each of its alternatives in turn."""
    values = text.strip('"').split("|")
    for value in values if len(values) > 1 else ():
        yield '"' + "|".join(other for other in values if other != value) + '"'


def in_braces(pieces: Sequence[Token], at: int) -> bool:
    """Whether the piece stands in a selector's braces."""
    before = [piece.text for piece in pieces[:at] if piece.text in {"{", "}"}]
    return bool(before) and before[-1] == "{"


def listed(pieces: Sequence[Token], at: int) -> int:
    """Where the label, or the matcher, that begins here ends with its comma; 0 if here begins none."""
    if in_braces(pieces, at):
        return at + 3 + (pieces[at + 3].text == ",")
    opening = max((i for i in range(at) if pieces[i].text in {"(", ")"}), default=0)
    keyword = next((piece.text for piece in reversed(pieces[:opening]) if piece.kind is not Kind.SPACE), "")
    return at + 1 + (pieces[at + 1].text == ",") if keyword in {"without", "by", "on", "ignoring"} else 0


def substituted(pieces: Sequence[Token], begin: int, end: int, text: str) -> list[Token]:
    """The pieces with those from `begin` up to `end` replaced by one."""
    return [*pieces[:begin], Token(pieces[begin].kind, text), *pieces[end:]]


def near(pieces: Sequence[Token], at: int) -> str:
    """The piece and what stands before it."""
    return "".join(piece.text for piece in pieces[max(0, at - 6) : at + 1]).replace("\n", " ").strip()


def units() -> tuple[Unit, ...]:
    """All unit tests, one by one."""
    return tuple(unit for path in sorted(TESTS.glob("*.test.yml")) for unit in _units(path, rules()))


def _units(path: Path, known: tuple[Rule, ...]) -> Iterator[Unit]:
    loaded = yaml.safe_load(path.read_text())
    for test in loaded["tests"]:
        text = yaml.safe_dump({**loaded, "rule_files": [RULES_FILE], "tests": [test]}, width=10000)
        named = frozenset(rule.name for rule in known if rule.name in text)
        needs = frozenset().union(*(needed_by(name, known) for name in named))
        asked = [*test.get("alert_rule_test", ()), *test.get("promql_expr_test", ())]
        until = max(milliseconds(question["eval_time"]) for question in asked)
        cost = until / milliseconds(loaded["evaluation_interval"]) * len(needs)
        yield Unit(name=f"{path.name}: {test['name']}", text=text, named=named, needs=needs, cost=cost)


def survivors(promtool: Path, wanted: Iterable[Mutant]) -> Iterator[tuple[Mutant, bool]]:
    """Each mutant, and whether all unit tests pass in spite of it."""
    known, tests = rules(), units()
    with ThreadPoolExecutor(WORKERS) as pool:
        yield from pool.map(lambda mutant: (mutant, survives(promtool, mutant, tests, known)), wanted)


def survives(promtool: Path, mutant: Mutant, tests: Iterable[Unit], known: tuple[Rule, ...]) -> bool:
    """Whether no unit test objects; those that name the rule are asked first."""
    name = mutant.rule.name
    asked = sorted((unit for unit in tests if name in unit.needs), key=lambda unit: (name not in unit.named, unit.cost))
    altered = tuple(mutant.rule if rule.index == mutant.rule.index else rule for rule in known)
    return not any(objects(promtool, unit, altered) for unit in asked)


def objects(promtool: Path, unit: Unit, known: tuple[Rule, ...]) -> bool:
    """Whether the unit test fails with these rules; it gets those that it needs."""
    with TemporaryDirectory() as directory:
        (Path(directory) / RULES_FILE).write_text(written(rule for rule in known if rule.name in unit.needs))
        test = Path(directory) / "unit.test.yml"
        test.write_text(unit.text)
        return run(promtool, "test", "rules", test).returncode != 0


def written(altered: Iterable[Rule]) -> str:
    """A rules file."""
    return yaml.safe_dump({"groups": [{"name": "altered", "rules": [as_yaml(rule) for rule in altered]}]}, width=10000)


def as_yaml(rule: Rule) -> dict[str, object]:
    """The rule as YAML has it."""
    if not rule.alert:
        return {"record": rule.name, "expr": rule.expr}
    hold = {"for": rule.hold} if rule.hold else {}
    return {
        "alert": rule.name,
        "expr": rule.expr,
        **hold,
        "labels": dict(rule.labels),
        "annotations": dict(rule.annotations),
    }


def main() -> None:
    """Prints the survivors and the score; arguments are names of rules to look at alone."""
    promtool = generations()[0].promtool
    assert promtool is not None
    wanted = [mutant for rule in rules() if rule.name in sys.argv[1:] or not sys.argv[1:] for mutant in mutants(rule)]
    alive = 0
    for mutant, survived in survivors(promtool, wanted):
        alive += survived
        if survived:
            print(f"survived: {mutant}", flush=True)
    print(f"{len(wanted) - alive} of {len(wanted)} mutants caught")


if __name__ == "__main__":
    main()
