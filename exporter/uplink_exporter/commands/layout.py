"""How an answer is laid out on a terminal."""

from __future__ import annotations

import textwrap

WIDTH = 100


def plain(text: str) -> str:
    """The text with nothing in it that a terminal would obey: whoever names a device chooses its characters."""
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text)


def paragraph(text: str, first: str, further: str) -> str:
    """The text in lines of at most WIDTH, each with its indent."""
    return textwrap.fill(text, WIDTH, initial_indent=first, subsequent_indent=further, break_on_hyphens=False)
