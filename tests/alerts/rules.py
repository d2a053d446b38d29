"""The shipped rules as data, and PromQL as tokens: what the tests of the rules look at and alter."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import yaml

ALERTS = Path(__file__).parents[2] / "alerts"
RULES = ALERTS / "uplink.rules.yml"
TESTS = Path(__file__).parent
UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A recording or an alerting rule, and where it stands in its group."""

    index: int
    name: str
    alert: bool
    expr: str
    hold: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]

    @property
    def text(self) -> str:
        """All that may name other rules."""
        return "\n".join((self.expr, *self.annotations.values()))


class Kind(Enum):
    """The kinds of PromQL's tokens, each with its pattern, tried in this order."""

    SPACE = r"\s+"
    STRING = r'"(?:[^"\\]|\\.)*"'
    DURATION = r"(?:\d+(?:ms|[smhdwy]))+"
    NUMBER = r"\d+(?:\.\d+)?"
    NAME = r"[A-Za-z_][A-Za-z0-9_]*(?::[A-Za-z0-9_]+)*"
    OPERATOR = r"==|!=|>=|<=|=~|!~|[-+*/%^<>=@]"
    PUNCTUATION = r"[(){},:\[\]]"


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of PromQL; all of them together are the expression."""

    kind: Kind
    text: str


_TOKEN = re.compile("|".join(f"(?P<{kind.name}>{kind.value})" for kind in Kind))


def tokens(expr: str) -> tuple[Token, ...]:
    """The expression in pieces. Raises ValueError for what is no PromQL."""
    found = tuple(Token(Kind[match.lastgroup or ""], match[0]) for match in _TOKEN.finditer(expr))
    if "".join(token.text for token in found) != expr:
        raise ValueError(f"not PromQL: {expr}")
    return found


def milliseconds(text: str) -> int:
    """How long a duration is."""
    return sum(int(count) * UNITS[unit] for count, unit in re.findall(r"(\d+)(ms|[smhdw])", text))


def document() -> dict[str, list[dict[str, object]]]:
    """The rules file as YAML has it."""
    loaded: dict[str, list[dict[str, object]]] = yaml.safe_load(RULES.read_text())
    return loaded


def rules() -> tuple[Rule, ...]:
    """The rules, in the order in which they are evaluated."""
    return tuple(_rules(document()))


def _rules(loaded: dict[str, list[dict[str, object]]]) -> Iterator[Rule]:
    (group,) = loaded["groups"]
    written = group["rules"]
    assert isinstance(written, list)
    for index, rule in enumerate(written):
        yield Rule(
            index=index,
            name=str(rule.get("alert") or rule["record"]),
            alert="alert" in rule,
            expr=rule["expr"],
            hold=rule.get("for", ""),
            labels=rule.get("labels", {}),
            annotations=rule.get("annotations", {}),
        )


def needed_by(name: str, known: tuple[Rule, ...]) -> frozenset[str]:
    """The rule and all whose results it reads, in its expression or its annotations."""
    found = {name}
    while True:
        texts = "\n".join(rule.text for rule in known if rule.name in found)
        more = {rule.name for rule in known if re.search(rf"(?<![\w:]){re.escape(rule.name)}(?![\w:])", texts)}
        if more <= found:
            return frozenset(found)
        found |= more
