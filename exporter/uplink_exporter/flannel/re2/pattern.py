"""Patterns as functions from positions to positions, with a bound on their work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce

LONGEST_PATTERN = 256
DEEPEST_NESTING = 32
HIGHEST_COST = 5_000
# What is matched: interface names (IFNAMSIZ) and addresses (INET6_ADDRSTRLEN).
LONGEST_TEXT = 46
# regexp/syntax, repeatIsValid: a counted repetition, and the product of those nested in it.
MOST_COPIES = 1000

Positions = frozenset[int]
Advance = Callable[[str, Positions], Positions]
Accepts = Callable[[str], bool]


class MalformedError(ValueError):
    """Go refuses the pattern, in these words."""

    def __init__(self, complaint: str, excerpt: str) -> None:
        super().__init__(f"error parsing regexp: {complaint}: `{excerpt}`")


class TooCostlyError(ValueError):
    """Go may accept the pattern; here it is not tried."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A compiled pattern. `cost` bounds the steps over a text of LONGEST_TEXT, `copies` is for MOST_COPIES."""

    advance: Advance
    cost: int = 1
    copies: int = 1

    def search(self, text: str) -> bool:
        """Whether the text holds a match anywhere."""
        return bool(self.advance(text, frozenset(range(len(text) + 1))))


def one_char(accepts: Accepts) -> Pattern:
    """One character that is accepted."""

    def advance(text: str, starts: Positions) -> Positions:
        return frozenset(at + 1 for at in starts if at < len(text) and accepts(text[at]))

    return Pattern(advance)


def place(holds: Callable[[str, int], bool]) -> Pattern:
    """A place between characters."""
    return Pattern(lambda text, starts: frozenset(at for at in starts if holds(text, at)))


def sequence(parts: list[Pattern]) -> Pattern:
    """One part after the other."""
    if len(parts) == 1:
        return parts[0]

    def advance(text: str, starts: Positions) -> Positions:
        return reduce(lambda positions, part: part.advance(text, positions), parts, starts)

    return Pattern(advance, 1 + sum(part.cost for part in parts), max((part.copies for part in parts), default=1))


def either(parts: list[Pattern]) -> Pattern:
    """Any of the parts."""
    if len(parts) == 1:
        return parts[0]

    def advance(text: str, starts: Positions) -> Positions:
        return frozenset().union(*(part.advance(text, starts) for part in parts))

    return Pattern(advance, 1 + sum(part.cost for part in parts), max(part.copies for part in parts))


def times(part: Pattern, least: int, most: int | None) -> Pattern:
    """A part from `least` to `most` times; None is without end."""

    def exactly(text: str, starts: Positions) -> Positions:
        # Positions only stay or move on, so this settles within the length of the text whatever the count.
        for _ in range(least):
            ends = part.advance(text, starts)
            if ends == starts:
                break
            starts = ends
        return starts

    def advance(text: str, starts: Positions) -> Positions:
        reached = fresh = exactly(text, starts)
        for _ in range(len(text) + 1 if most is None else most - least):
            fresh = part.advance(text, fresh) - reached
            if not fresh:
                break
            reached |= fresh
        return reached

    rounds = min(least, LONGEST_TEXT) + min(LONGEST_TEXT if most is None else most - least, LONGEST_TEXT)
    copies = least if most is None else most
    return Pattern(advance, 1 + rounds * part.cost, part.copies * max(copies, 1) if most != 0 else 1)
