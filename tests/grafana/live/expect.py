"""What a panel is to show, where it is not known to the last digit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.grafana.live.look import Seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Nothing:
    """That an empty panel is right, and why."""

    because: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class That:
    """Equal to all that it holds for."""

    words: str
    holds: Callable[[Any], bool]

    def __eq__(self, other: object) -> bool:
        return self.holds(other)

    def __hash__(self) -> int:
        return hash(self.words)

    def __repr__(self) -> str:
        return self.words


def between(low: float, high: float) -> That:
    """A number from `low` to `high`."""
    return That(words=f"{low}..{high}", holds=lambda number: isinstance(number, float) and low <= number <= high)


def one_of(*choices: str) -> That:
    """One of these words."""
    return That(words=" or ".join(choices), holds=lambda word: word in choices)


def perhaps(shown: Mapping[str, object]) -> That:
    """This, or nothing yet."""
    return That(words=f"nothing or {shown}", holds=lambda seen: not seen or bool(seen == shown))


def rows(*wanted: Mapping[str, object]) -> That:
    """A table of these rows in this order, as far as their cells are given."""

    def holds(seen: Any) -> bool:
        pairs = zip(wanted, seen, strict=False)
        return len(wanted) == len(seen) and all(
            row.get(name) == cell for want, row in pairs for name, cell in want.items()
        )

    return That(words=repr(wanted), holds=holds)


def each(column: str, *cells: str) -> That:
    """A table that has these cells in a column, and perhaps others."""
    return That(words=f"{column}: {cells}", holds=lambda seen: {row[column] for row in seen} >= set(cells))


def climbing(number: str, column: str, *cells: str) -> That:
    """A table of just these cells in a column, in the order of the numbers in another."""

    def holds(seen: Any) -> bool:
        numbers = [row[number] for row in seen]
        return sorted(numbers) == numbers and sorted(row[column] for row in seen) == sorted(cells)

    return That(words=f"{column}: {cells} by {number}", holds=holds)


Expected = Mapping[str, Any] | list[Mapping[str, Any]] | That | Nothing


def differences(expected: Mapping[str, Expected], seen: Mapping[str, Seen]) -> Iterable[str]:
    """What is seen of each panel, where that is not what is expected; a panel of which nothing is expected differs."""
    for where in sorted(expected.keys() | seen.keys()):
        if where not in expected or where not in seen:
            yield f"{where}: {'no such panel' if where in expected else 'nothing is expected of it'}"
        elif not right(expected[where], seen[where]):
            yield f"{where}: {seen[where]}, not {expected[where]}"


def right(expected: Expected, seen: Seen) -> bool:
    """Whether it is what is expected."""
    return not seen if isinstance(expected, Nothing) else bool(expected == seen)
