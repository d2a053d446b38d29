"""What is left of a pattern, and how its escapes and bracketed classes are read off it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from uplink_exporter.flannel.re2.characters import CLASSES, CONTROLS, HEX, OCTAL, in_ranges, none_of
from uplink_exporter.flannel.re2.pattern import Accepts, MalformedError, TooCostlyError


@dataclass(slots=True)
class Cursor:
    """The rest of a pattern that is being read."""

    rest: str

    def take(self, count: int) -> str:
        """Read so many characters."""
        taken, self.rest = self.rest[:count], self.rest[count:]
        return taken

    def named_escape(self, *, fold: bool) -> Accepts | None:
        """Read `\\d` and its kin, if that is what comes."""
        char = self.rest[1:2]
        if char in ("p", "P"):
            raise TooCostlyError("a pattern with a class of Unicode's")
        if not char or char not in "dDsSwW":
            return None
        self.take(2)
        return self._group(char.lower(), fold=fold, negated=char.isupper())

    def _group(self, name: str, *, fold: bool, negated: bool) -> Accepts:
        accepts = in_ranges(CLASSES[name], fold)
        return none_of(accepts) if negated else accepts

    def escaped(self) -> str:
        """Read an escape that stands for one character."""
        start = self.rest
        self.take(1)
        if not self.rest:
            raise MalformedError("trailing backslash at end of expression", "")
        char = self.take(1)
        if char in CONTROLS:
            return CONTROLS[char]
        if char == "x" and (found := self._hexadecimal()) is not None:
            return found
        if char == "0" or (char in OCTAL and self.rest[:1] in OCTAL and self.rest):
            digits = char + "".join(_leading(self.rest[:2], OCTAL))
            self.take(len(digits) - 1)
            return chr(int(digits, 8))
        if char.isascii() and not char.isalnum():
            return char
        raise MalformedError("invalid escape sequence", start[: len(start) - len(self.rest)])

    def _hexadecimal(self) -> str | None:
        """Read what follows `\\x`; None if it is no number, with as much read as Go quotes in its complaint."""
        if not self.rest:
            return None
        if self.rest[0] != "{":
            digits = self.take(2)
            return chr(int(digits, 16)) if len(digits) == 2 and set(digits) <= HEX else None
        self.take(1)
        value, digits = 0, ""
        while self.rest:
            char = self.take(1)
            if char == "}":
                return chr(value) if digits else None
            if char not in HEX or (value := value * 16 + int(char, 16)) > 0x10FFFF:
                return None
            digits += char
        return None

    def bracket(self, *, fold: bool) -> Accepts:
        """Read a class in brackets."""
        whole = self.rest
        self.take(1)
        negated = self.rest.startswith("^")
        self.take(negated)
        members: list[Accepts] = []
        while not (members and self.rest.startswith("]")):
            members.append(self._member(whole, fold=fold))
        self.take(1)
        return lambda char: any(accepts(char) for accepts in members) != negated

    def _member(self, whole: str, *, fold: bool) -> Accepts:
        if self.rest.startswith("[:") and ":]" in self.rest[2:]:
            return self._posix(fold=fold)
        if self.rest.startswith("\\") and (named := self.named_escape(fold=fold)) is not None:
            return named
        start = self.rest
        low = high = self._class_char(whole)
        if self.rest.startswith("-") and self.rest[1:2] not in ("", "]"):
            self.take(1)
            high = self._class_char(whole)
            if high < low:
                raise MalformedError("invalid character class range", start[: len(start) - len(self.rest)])
        return in_ranges(low + high, fold)

    def _class_char(self, whole: str) -> str:
        if not self.rest:
            raise MalformedError("missing closing ]", whole)
        return self.escaped() if self.rest[0] == "\\" else self.take(1)

    def _posix(self, *, fold: bool) -> Accepts:
        inside, _, _ = self.rest[2:].partition(":]")
        taken = self.take(len(inside) + 4)
        name = inside.removeprefix("^")
        if name not in CLASSES or len(name) == 1:
            raise MalformedError("invalid character class range", taken)
        return self._group(name, fold=fold, negated=inside != name)


def _leading(text: str, chars: frozenset[str]) -> Iterator[str]:
    for char in text:
        if char not in chars:
            return
        yield char
