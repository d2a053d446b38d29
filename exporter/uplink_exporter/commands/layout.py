"""How an answer is laid out on a terminal."""

from __future__ import annotations

import textwrap

WIDTH = 100


def plain(text: str) -> str:
    """The text with nothing in it that a terminal would obey: whoever names a device chooses its characters."""
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text)


def paragraph(text: str, first: str, further: str) -> str:
    """The text in lines of at most WIDTH, each with its indent. A path stays in one piece, to be copied."""
    lines = textwrap.TextWrapper(WIDTH, initial_indent=first, subsequent_indent=further)
    lines.break_on_hyphens = lines.break_long_words = False
    return lines.fill(text)


def coloured(text: str, code: int) -> str:
    """An answer with its first line in the colour of its exit code, its headings bold and its comments faint."""
    first, _, rest = text.partition("\n")
    return "\n".join((_sgr(_COLOURS[code], first), *map(_line, rest.split("\n"))))


# Of the terminal's own palette, by SGR numbers: green, red, yellow; all bold.
_COLOURS = {0: "1;32", 1: "1;31", 2: "1;33"}


def _line(line: str) -> str:
    if line.endswith(":") and not line.startswith(" "):
        return _sgr("1", line)
    command, mark, comment = line.partition("   # ")
    return f"{command}{_sgr('2', mark + comment)}" if mark else line


def _sgr(number: str, text: str) -> str:
    return f"\x1b[{number}m{text}\x1b[0m"
