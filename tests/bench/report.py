"""What is printed: tables of figures, and goals that are reached or not."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """A figure and what it may be at most, in the same unit."""

    text: str
    value: float
    limit: float
    unit: str = ""

    @property
    def reached(self) -> bool:
        """Whether it is."""
        return self.value <= self.limit

    def __str__(self) -> str:
        ratio = f", {self.value / self.limit:.2f} of what is allowed" if self.limit else ""
        return (
            f"{'reached    ' if self.reached else 'NOT reached'}  {self.text}: "
            f"{self.value:.3g}{self.unit} of {self.limit:.3g}{self.unit}{ratio}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What one part of the bench found."""

    title: str
    head: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    goals: Sequence[Goal] = ()

    def __str__(self) -> str:
        return "\n".join((self.title, *table(self.head, self.rows), ""))


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterable[str]:
    """The lines of a table: the first column to the left, figures to the right."""
    lines = [head, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        first, *rest = (cell.rjust(width) for cell, width in zip(line, widths, strict=True))
        yield "  ".join((line[0].ljust(len(first)), *rest))


def percentile(values: Iterable[float], share: float) -> float:
    """The value that this share of them does not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def ms(seconds: float) -> str:
    """Seconds in milliseconds, to three figures."""
    value = seconds * 1000
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:,.0f}"
