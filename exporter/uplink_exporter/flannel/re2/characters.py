"""Classes of characters, and the places between them that a pattern can ask for."""

from __future__ import annotations

from collections.abc import Callable

from uplink_exporter.flannel.re2.pattern import Accepts

_WORD = "09AZ__az"
# Ranges as pairs of ends; Perl's and POSIX's names for them (regexp/syntax, perl_groups.go).
CLASSES = {
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
CONTROLS = {"a": "\a", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
HEX = frozenset("0123456789abcdefABCDEF")
OCTAL = frozenset("01234567")


def in_ranges(ranges: str, fold: bool = False) -> Accepts:
    """Accepts a character within the ranges, given as pairs of ends; `fold` ignores case."""
    pairs = tuple(zip(ranges[::2], ranges[1::2], strict=True))

    def accepts(char: str) -> bool:
        forms = {char, char.lower(), char.upper()} if fold else {char}
        return any(low <= form <= high for form in forms for low, high in pairs)

    return accepts


def none_of(accepts: Accepts) -> Accepts:
    """Accepts what the other does not."""
    return lambda char: not accepts(char)


is_word = in_ranges(_WORD)


def _at_word_boundary(text: str, at: int) -> bool:
    before = at > 0 and is_word(text[at - 1])
    after = at < len(text) and is_word(text[at])
    return before != after


def at_start(text: str, at: int) -> bool:
    """Whether the text begins here."""
    return at == 0


def at_end(text: str, at: int) -> bool:
    """Whether the text ends here."""
    return at == len(text)


def at_line_start(text: str, at: int) -> bool:
    """Whether a line begins here."""
    return at == 0 or text[at - 1] == "\n"


def at_line_end(text: str, at: int) -> bool:
    """Whether a line ends here."""
    return at == len(text) or text[at] == "\n"


ASSERTIONS: dict[str, Callable[[str, int], bool]] = {
    "A": at_start,
    "z": at_end,
    "b": _at_word_boundary,
    "B": lambda text, at: not _at_word_boundary(text, at),
}
