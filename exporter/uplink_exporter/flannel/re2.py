"""Go's regular expressions, as far as a yes or no needs them: does the text hold a match?

Python's `re` reads another syntax, refuses with other words, and backtracks: a pattern that a pod's log claims to
be flannel's could hold the event loop for hours. Here a part of a pattern takes the set of positions at which a
match may start to the set at which it may end, so that the work is bounded before anything is matched.
Syntax and words are those of Go's regexp/syntax; greed and captures decide nothing and are read over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
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


def compile_pattern(pattern: str) -> Pattern:
    """The pattern, compiled. Raises MalformedError where Go would, TooCostlyError where the work has no good bound."""
    if len(pattern) > LONGEST_PATTERN:
        raise TooCostlyError(f"a pattern of {len(pattern)} characters; at most {LONGEST_PATTERN} are tried")
    parser = _Parser(pattern, pattern)
    while parser.rest:
        parser.step()
    if len(parser.groups) > 1:
        raise MalformedError("missing closing )", pattern)
    compiled = parser.groups[0].close()
    if compiled.cost > HIGHEST_COST:
        raise TooCostlyError(f"a pattern of {compiled.cost} steps; at most {HIGHEST_COST} are tried")
    return compiled


def _one(accepts: Accepts) -> Pattern:
    def advance(text: str, starts: Positions) -> Positions:
        return frozenset(at + 1 for at in starts if at < len(text) and accepts(text[at]))

    return Pattern(advance)


def _where(holds: Callable[[str, int], bool]) -> Pattern:
    return Pattern(lambda text, starts: frozenset(at for at in starts if holds(text, at)))


def _sequence(parts: list[Pattern]) -> Pattern:
    if len(parts) == 1:
        return parts[0]

    def advance(text: str, starts: Positions) -> Positions:
        return reduce(lambda positions, part: part.advance(text, positions), parts, starts)

    return Pattern(advance, 1 + sum(part.cost for part in parts), max((part.copies for part in parts), default=1))


def _either(parts: list[Pattern]) -> Pattern:
    if len(parts) == 1:
        return parts[0]

    def advance(text: str, starts: Positions) -> Positions:
        return frozenset().union(*(part.advance(text, starts) for part in parts))

    return Pattern(advance, 1 + sum(part.cost for part in parts), max(part.copies for part in parts))


def _times(part: Pattern, least: int, most: int | None) -> Pattern:
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


_WORD = "09AZ__az"
# Ranges as pairs of ends; Perl's and POSIX's names for them (regexp/syntax, perl_groups.go).
_GROUPS = {
    "d": "09",
    "s": "\t\n\f\r  ",
    "w": _WORD,
    "alnum": "09AZaz",
    "alpha": "AZaz",
    "ascii": "\0\x7f",
    "blank": "\t\t  ",
    "cntrl": "\0\x1f\x7f\x7f",
    "digit": "09",
    "graph": "!~",
    "lower": "az",
    "print": " ~",
    "punct": "!/:@[`{~",
    "space": "\t\r  ",
    "upper": "AZ",
    "word": _WORD,
    "xdigit": "09AFaf",
}
_CONTROLS = {"a": "\a", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_HEX = frozenset("0123456789abcdefABCDEF")
_OCTAL = frozenset("01234567")


def _in_ranges(ranges: str, fold: bool = False) -> Accepts:
    pairs = tuple(zip(ranges[::2], ranges[1::2], strict=True))

    def accepts(char: str) -> bool:
        forms = {char, char.lower(), char.upper()} if fold else {char}
        return any(low <= form <= high for form in forms for low, high in pairs)

    return accepts


def _not(accepts: Accepts) -> Accepts:
    return lambda char: not accepts(char)


_is_word = _in_ranges(_WORD)


def _at_word_boundary(text: str, at: int) -> bool:
    before = at > 0 and _is_word(text[at - 1])
    after = at < len(text) and _is_word(text[at])
    return before != after


def _at_start(text: str, at: int) -> bool:
    return at == 0


def _at_end(text: str, at: int) -> bool:
    return at == len(text)


def _at_line_start(text: str, at: int) -> bool:
    return at == 0 or text[at - 1] == "\n"


def _at_line_end(text: str, at: int) -> bool:
    return at == len(text) or text[at] == "\n"


@dataclass(slots=True)
class _Group:
    flags: frozenset[str]
    """As they were before it, for the time after it."""
    choices: list[Pattern] = field(default_factory=list)
    parts: list[Pattern] = field(default_factory=list)

    def close(self) -> Pattern:
        return _either([*self.choices, _sequence(self.parts)])


@dataclass(slots=True)
class _Parser:
    whole: str
    rest: str
    flags: frozenset[str] = frozenset()
    groups: list[_Group] = field(default_factory=lambda: [_Group(frozenset())])
    repeated: str = ""
    """What followed the last part, where a repetition came just before."""

    def step(self) -> None:
        repeated, self.repeated = self.repeated, ""
        match self.rest[0]:
            case "(":
                self.opening()
            case ")":
                self.closing()
            case "|":
                group = self.groups[-1]
                group.choices.append(_sequence(group.parts))
                group.parts = []
                self.take(1)
            case "*" | "+" | "?" | "{":
                self.repetition(repeated)
            case "[":
                self.push(_one(self.bracket()))
            case "\\":
                self.escape()
            case char:
                self.take(1)
                self.push(self.plain(char))

    def take(self, count: int) -> str:
        taken, self.rest = self.rest[:count], self.rest[count:]
        return taken

    def push(self, part: Pattern) -> None:
        self.groups[-1].parts.append(part)

    def plain(self, char: str) -> Pattern:
        match char:
            case "^":
                return _where(_at_line_start if "m" in self.flags else _at_start)
            case "$":
                return _where(_at_line_end if "m" in self.flags else _at_end)
            case ".":
                return _one(lambda char: True) if "s" in self.flags else _one(lambda char: char != "\n")
            case _:
                return self.literal(char)

    def literal(self, char: str) -> Pattern:
        return _one(_in_ranges(char * 2, "i" in self.flags))

    def opening(self) -> None:
        if not self.rest.startswith("(?"):
            self.take(1)
            self.open(self.flags)
            return
        named = 3 if self.rest[2:3] == "<" else 4 if self.rest[2:4] == "P<" else 0
        if named and len(self.rest) > named:
            self.name(named)
            self.open(self.flags)
            return
        flags, opens = self.switches()
        if opens:
            self.open(self.flags)
        self.flags = flags

    def open(self, flags: frozenset[str]) -> None:
        if len(self.groups) > DEEPEST_NESTING:
            raise TooCostlyError(f"a pattern nested deeper than {DEEPEST_NESTING}")
        self.groups.append(_Group(flags))

    def name(self, prefix: int) -> None:
        name, closed, _ = self.rest[prefix:].partition(">")
        if not closed:
            raise MalformedError("invalid named capture", self.rest)
        capture = self.take(prefix + len(name) + 1)
        if not name or not all(_is_word(char) for char in name):
            raise MalformedError("invalid named capture", capture)

    def switches(self) -> tuple[frozenset[str], bool]:
        """Read `(?flags)` or `(?flags:`: the flags from there on, and whether a group opens."""
        start, on, flags, seen = self.rest, True, set(self.flags), False
        self.take(2)
        while self.rest:
            char = self.take(1)
            if char in "imsU":
                (flags.add if on else flags.discard)(char)
                seen = True
            elif char == "-" and on:
                on, seen = False, False
            elif char in ":)" and (on or seen):
                return frozenset(flags), char == ":"
            else:
                break
        raise MalformedError("invalid or unsupported Perl syntax", start[: len(start) - len(self.rest)])

    def closing(self) -> None:
        if len(self.groups) == 1:
            raise MalformedError("unexpected )", self.whole)
        group = self.groups.pop()
        self.take(1)
        self.flags = group.flags
        self.push(group.close())

    def repetition(self, repeated: str) -> None:
        before = self.rest
        counts = self.counts()
        if counts is None:
            self.push(self.literal(self.take(1)))
            return
        least, most = counts
        operator = before[: len(before) - len(self.rest)]
        if least > MOST_COPIES or (most is not None and not least <= most <= MOST_COPIES):
            raise MalformedError("invalid repeat count", operator)
        if self.rest.startswith("?"):
            operator += self.take(1)
        if repeated:
            # Perl's a** is an error, and its a++ means something that Go does not have.
            raise MalformedError("invalid nested repetition operator", repeated[: len(repeated) - len(self.rest)])
        parts = self.groups[-1].parts
        if not parts:
            raise MalformedError("missing argument to repetition operator", operator)
        parts[-1] = _times(parts[-1], least, most)
        counted = before[0] == "{" and (least >= 2 or (most or 0) >= 2)
        if counted and parts[-1].copies > MOST_COPIES:
            raise MalformedError("invalid repeat count", operator)
        self.repeated = before

    def counts(self) -> tuple[int, int | None] | None:
        """Read an operator of repetition; None if a brace is a plain character after all."""
        if self.rest[0] != "{":
            return {"*": (0, None), "+": (1, None), "?": (0, 1)}[self.take(1)]
        inside, closed, after = self.rest[1:].partition("}")
        low, comma, high = inside.partition(",")
        if not closed or not _is_count(low) or (high and not _is_count(high)):
            return None
        self.rest = after
        # As many digits as the longest pattern has are no number to compute with.
        least = int(low[:9])
        return least, least if not comma else int(high[:9]) if high else None

    def escape(self) -> None:
        kind = self.rest[1:2]
        if kind in _ASSERTIONS:
            self.take(2)
            self.push(_where(_ASSERTIONS[kind]))
        elif kind == "Q":
            quoted, _, self.rest = self.rest[2:].partition("\\E")
            self.groups[-1].parts.extend(self.literal(char) for char in quoted)
        else:
            accepts = self.named_escape()
            self.push(_one(accepts) if accepts else self.literal(self.escaped()))

    def named_escape(self) -> Accepts | None:
        """Read `\\d` and its kin, if that is what comes."""
        char = self.rest[1:2]
        if char in ("p", "P"):
            raise TooCostlyError("a pattern with a class of Unicode's")
        if not char or char not in "dDsSwW":
            return None
        self.take(2)
        return self.group(char.lower(), negated=char.isupper())

    def group(self, name: str, negated: bool) -> Accepts:
        accepts = _in_ranges(_GROUPS[name], "i" in self.flags)
        return _not(accepts) if negated else accepts

    def escaped(self) -> str:
        start = self.rest
        self.take(1)
        if not self.rest:
            raise MalformedError("trailing backslash at end of expression", "")
        char = self.take(1)
        if char in _CONTROLS:
            return _CONTROLS[char]
        if char == "x" and (found := self.hexadecimal()) is not None:
            return found
        if char == "0" or (char in _OCTAL and self.rest[:1] in _OCTAL and self.rest):
            digits = char + "".join(_leading(self.rest[:2], _OCTAL))
            self.take(len(digits) - 1)
            return chr(int(digits, 8))
        if char.isascii() and not char.isalnum():
            return char
        raise MalformedError("invalid escape sequence", start[: len(start) - len(self.rest)])

    def hexadecimal(self) -> str | None:
        """Read what follows `\\x`; None if it is no number, with as much read as Go quotes in its complaint."""
        if not self.rest:
            return None
        if self.rest[0] != "{":
            digits = self.take(2)
            return chr(int(digits, 16)) if len(digits) == 2 and set(digits) <= _HEX else None
        self.take(1)
        value, digits = 0, ""
        while self.rest:
            char = self.take(1)
            if char == "}":
                return chr(value) if digits else None
            if char not in _HEX or (value := value * 16 + int(char, 16)) > 0x10FFFF:
                return None
            digits += char
        return None

    def bracket(self) -> Accepts:
        whole = self.rest
        self.take(1)
        negated = self.rest.startswith("^")
        self.take(negated)
        members: list[Accepts] = []
        while not (members and self.rest.startswith("]")):
            members.append(self.member(whole))
        self.take(1)
        return lambda char: any(accepts(char) for accepts in members) != negated

    def member(self, whole: str) -> Accepts:
        if self.rest.startswith("[:") and ":]" in self.rest[2:]:
            return self.posix()
        if self.rest.startswith("\\") and (named := self.named_escape()) is not None:
            return named
        start = self.rest
        low = high = self.class_char(whole)
        if self.rest.startswith("-") and self.rest[1:2] not in ("", "]"):
            self.take(1)
            high = self.class_char(whole)
            if high < low:
                raise MalformedError("invalid character class range", start[: len(start) - len(self.rest)])
        return _in_ranges(low + high, "i" in self.flags)

    def class_char(self, whole: str) -> str:
        if not self.rest:
            raise MalformedError("missing closing ]", whole)
        return self.escaped() if self.rest[0] == "\\" else self.take(1)

    def posix(self) -> Accepts:
        inside, _, _ = self.rest[2:].partition(":]")
        taken = self.take(len(inside) + 4)
        name = inside.removeprefix("^")
        if name not in _GROUPS or len(name) == 1:
            raise MalformedError("invalid character class range", taken)
        return self.group(name, negated=inside != name)


_ASSERTIONS: dict[str, Callable[[str, int], bool]] = {
    "A": _at_start,
    "z": _at_end,
    "b": _at_word_boundary,
    "B": lambda text, at: not _at_word_boundary(text, at),
}


def _is_count(digits: str) -> bool:
    return digits.isascii() and digits.isdigit() and (digits == "0" or digits[0] != "0")


def _leading(text: str, chars: frozenset[str]) -> Iterator[str]:
    for char in text:
        if char not in chars:
            return
        yield char
