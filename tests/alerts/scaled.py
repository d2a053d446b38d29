"""The shipped rules and Alertmanager's example with every duration made shorter, for tests against the clock.

What comes out differs from what went in by durations alone, and that is checked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TypeAlias

import yaml

from tests.alerts.rules import Kind, Token, milliseconds, tokens

Tree: TypeAlias = "Mapping[str, Tree] | list[Tree] | str | int | float | bool | None"

ROUTE_DURATIONS = frozenset({"group_wait", "group_interval", "repeat_interval"})
RULE_DURATIONS = frozenset({"for", "keep_firing_for", "interval"})
COMPARISONS = frozenset({">", ">=", "<", "<="})
_IN_QUERY = re.compile(r"(?<=\[)" + Kind.DURATION.value + r"(?=[\]:])")


def scaled_rules(text: str, factor: float) -> Tree:
    """A rules file with its durations multiplied: of alerts, ranges, offsets, and thresholds in seconds."""
    return _checked(yaml.safe_load(text), lambda key, value: _rule_value(key, value, factor))


def scaled_alertmanager(text: str, factor: float, wait: float | None = None) -> Tree:
    """Alertmanager's configuration with the durations of its routes multiplied: `group_wait` by `wait` if given."""
    factors = dict.fromkeys(ROUTE_DURATIONS, factor) | {"group_wait": wait or factor}
    return _checked(yaml.safe_load(text), lambda key, value: _times(value, factors[key]) if key in factors else value)


def scaled_query(text: str, factor: float) -> str:
    """A query with its durations multiplied, as those of a rule."""
    return _rule_value("expr", text, factor)


def shape(tree: Tree) -> Tree:
    """The tree with every duration made equal: what must stay as it is."""
    neutral = _mapped(tree, lambda key, value: "*" if key in ROUTE_DURATIONS | RULE_DURATIONS else value)
    return _mapped(neutral, lambda key, value: _rule_value(key, value, None))


def _checked(tree: Tree, scale: Callable[[str, str], str]) -> Tree:
    scaled = _mapped(tree, scale)
    if shape(scaled) != shape(tree):
        raise AssertionError("more than durations would differ")
    return scaled


def _mapped(tree: Tree, change: Callable[[str, str], str], key: str = "") -> Tree:
    if isinstance(tree, Mapping):
        return {name: _mapped(value, change, name) for name, value in tree.items()}
    if isinstance(tree, list):
        return [_mapped(value, change, key) for value in tree]
    return change(key, tree) if isinstance(tree, str) else tree


def _rule_value(key: str, value: str, factor: float | None) -> str:
    if key in RULE_DURATIONS:
        return _times(value, factor)
    if key == "expr":
        pieces = tokens(value)
        return "".join(_piece(pieces, at, factor) for at in range(len(pieces)))
    return _IN_QUERY.sub(lambda match: _times(match[0], factor), value)


def _piece(pieces: tuple[Token, ...], at: int, factor: float | None) -> str:
    piece = pieces[at]
    if piece.kind is Kind.DURATION:
        return _times(piece.text, factor)
    if piece.kind is Kind.NUMBER and _counts_seconds(pieces, at):
        return "*" if factor is None else f"{float(piece.text) * factor:g}"
    return piece.text


def _counts_seconds(pieces: tuple[Token, ...], at: int) -> bool:
    """Whether the number is compared with a metric in seconds; a rate of seconds is none."""
    before = [piece for piece in pieces[:at] if piece.kind is not Kind.SPACE]
    if not before or before[-1].text not in COMPARISONS:
        return False
    metric = max((i for i, piece in enumerate(before) if piece.kind is Kind.NAME and "uplink" in piece.text), default=0)
    return "_seconds" in before[metric].text and before[metric - 2].text != "rate"


def _times(duration: str, factor: float | None) -> str:
    return "*" if factor is None else f"{max(1, round(milliseconds(duration) * factor))}ms"
