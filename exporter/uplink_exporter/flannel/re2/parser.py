"""Go's syntax of regular expressions (regexp/syntax), as far as it is bounded."""

from __future__ import annotations

from dataclasses import dataclass, field

from uplink_exporter.flannel.re2.characters import (
    ASSERTIONS,
    at_end,
    at_line_end,
    at_line_start,
    at_start,
    in_ranges,
    is_word,
)
from uplink_exporter.flannel.re2.cursor import Cursor
from uplink_exporter.flannel.re2.pattern import (
    DEEPEST_NESTING,
    MOST_COPIES,
    MalformedError,
    Pattern,
    TooCostlyError,
    either,
    one_char,
    place,
    sequence,
    times,
)


@dataclass(slots=True)
class _Group:
    flags: frozenset[str]
    """As they were before it, for the time after it."""
    choices: list[Pattern] = field(default_factory=list)
    parts: list[Pattern] = field(default_factory=list)

    def close(self) -> Pattern:
        return either([*self.choices, sequence(self.parts)])


@dataclass(slots=True)
class Parser:
    """Reads a pattern part by part; the outermost group holds what was read."""

    whole: str
    input: Cursor
    flags: frozenset[str] = frozenset()
    groups: list[_Group] = field(default_factory=lambda: [_Group(frozenset())])
    repeated: str = ""
    """What followed the last part, where a repetition came just before."""

    def step(self) -> None:
        """Read the next part."""
        repeated, self.repeated = self.repeated, ""
        match self.input.rest[0]:
            case "(":
                self._opening()
            case ")":
                self._closing()
            case "|":
                group = self.groups[-1]
                group.choices.append(sequence(group.parts))
                group.parts = []
                self.input.take(1)
            case "*" | "+" | "?" | "{":
                self._repetition(repeated)
            case "[":
                self._push(one_char(self.input.bracket(fold="i" in self.flags)))
            case "\\":
                self._escape()
            case char:
                self.input.take(1)
                self._push(self._plain(char))

    def _push(self, part: Pattern) -> None:
        self.groups[-1].parts.append(part)

    def _plain(self, char: str) -> Pattern:
        match char:
            case "^":
                return place(at_line_start if "m" in self.flags else at_start)
            case "$":
                return place(at_line_end if "m" in self.flags else at_end)
            case ".":
                return one_char(lambda char: True) if "s" in self.flags else one_char(lambda char: char != "\n")
            case _:
                return self._literal(char)

    def _literal(self, char: str) -> Pattern:
        return one_char(in_ranges(char * 2, "i" in self.flags))

    def _opening(self) -> None:
        if not self.input.rest.startswith("(?"):
            self.input.take(1)
            self._open(self.flags)
            return
        named = 3 if self.input.rest[2:3] == "<" else 4 if self.input.rest[2:4] == "P<" else 0
        if named and len(self.input.rest) > named:
            self._name(named)
            self._open(self.flags)
            return
        flags, opens = self._switches()
        if opens:
            self._open(self.flags)
        self.flags = flags

    def _open(self, flags: frozenset[str]) -> None:
        if len(self.groups) > DEEPEST_NESTING:
            raise TooCostlyError(f"a pattern nested deeper than {DEEPEST_NESTING}")
        self.groups.append(_Group(flags))

    def _name(self, prefix: int) -> None:
        name, closed, _ = self.input.rest[prefix:].partition(">")
        if not closed:
            raise MalformedError("invalid named capture", self.input.rest)
        capture = self.input.take(prefix + len(name) + 1)
        if not name or not all(is_word(char) for char in name):
            raise MalformedError("invalid named capture", capture)

    def _switches(self) -> tuple[frozenset[str], bool]:
        """Read `(?flags)` or `(?flags:`: the flags from there on, and whether a group opens."""
        start, on, flags, seen = self.input.rest, True, set(self.flags), False
        self.input.take(2)
        while self.input.rest:
            char = self.input.take(1)
            if char in "imsU":
                (flags.add if on else flags.discard)(char)
                seen = True
            elif char == "-" and on:
                on, seen = False, False
            elif char in ":)" and (on or seen):
                return frozenset(flags), char == ":"
            else:
                break
        raise MalformedError("invalid or unsupported Perl syntax", start[: len(start) - len(self.input.rest)])

    def _closing(self) -> None:
        if len(self.groups) == 1:
            raise MalformedError("unexpected )", self.whole)
        group = self.groups.pop()
        self.input.take(1)
        self.flags = group.flags
        self._push(group.close())

    def _repetition(self, repeated: str) -> None:
        before = self.input.rest
        counts = self._counts()
        if counts is None:
            self._push(self._literal(self.input.take(1)))
            return
        least, most = counts
        operator = before[: len(before) - len(self.input.rest)]
        if least > MOST_COPIES or (most is not None and not least <= most <= MOST_COPIES):
            raise MalformedError("invalid repeat count", operator)
        if self.input.rest.startswith("?"):
            operator += self.input.take(1)
        if repeated:
            # Perl's a** is an error, and its a++ means something that Go does not have.
            raise MalformedError("invalid nested repetition operator", repeated[: len(repeated) - len(self.input.rest)])
        parts = self.groups[-1].parts
        if not parts:
            raise MalformedError("missing argument to repetition operator", operator)
        parts[-1] = times(parts[-1], least, most)
        counted = before[0] == "{" and (least >= 2 or (most or 0) >= 2)
        if counted and parts[-1].copies > MOST_COPIES:
            raise MalformedError("invalid repeat count", operator)
        self.repeated = before

    def _counts(self) -> tuple[int, int | None] | None:
        """Read an operator of repetition; None if a brace is a plain character after all."""
        if self.input.rest[0] != "{":
            return {"*": (0, None), "+": (1, None), "?": (0, 1)}[self.input.take(1)]
        inside, closed, after = self.input.rest[1:].partition("}")
        low, comma, high = inside.partition(",")
        if not closed or not _is_count(low) or (high and not _is_count(high)):
            return None
        self.input.rest = after
        # As many digits as the longest pattern has are no number to compute with.
        least = int(low[:9])
        return least, least if not comma else int(high[:9]) if high else None

    def _escape(self) -> None:
        kind = self.input.rest[1:2]
        if kind in ASSERTIONS:
            self.input.take(2)
            self._push(place(ASSERTIONS[kind]))
        elif kind == "Q":
            quoted, _, self.input.rest = self.input.rest[2:].partition("\\E")
            self.groups[-1].parts.extend(self._literal(char) for char in quoted)
        else:
            accepts = self.input.named_escape(fold="i" in self.flags)
            self._push(one_char(accepts) if accepts else self._literal(self.input.escaped()))


def _is_count(digits: str) -> bool:
    return digits.isascii() and digits.isdigit() and (digits == "0" or digits[0] != "0")
