"""Writes the parts of the documents that are made from the code. `make docs` runs it."""

from __future__ import annotations

import re
from pathlib import Path

from tests.managers.setups import SETUPS, Setup
from tests.web.rows import ROWS
from uplink_exporter.settings import FLAGS, Flag

README = Path(__file__).parents[2] / "README.md"
MANAGERS = README.with_name("docs") / "network-managers.md"
WEB_CONFIG = README.with_name("docs") / "web-config.md"
BEGIN, END = "<!-- flags: made by `make docs` -->\n", "<!-- end of flags -->"


def with_flags(readme: str) -> str:
    """The README with its table of flags made anew."""
    head, _, rest = readme.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}{flags_table()}{END}{tail}"


def flags_table() -> str:
    """The flags as a Markdown table."""
    rows = "".join(f"| {cells} |\n" for cells in map(_row, FLAGS))
    return f"| flag | default | |\n|---|---|---|\n{rows}"


KEYS_BEGIN, KEYS_END = "<!-- keys: made by `make docs` -->\n", "<!-- end of keys -->"


def with_keys(document: str) -> str:
    """The page about the web config with its table of keys made anew."""
    head, _, rest = document.partition(KEYS_BEGIN)
    _, _, tail = rest.partition(KEYS_END)
    rows = "".join(f"| {row.key} | {row.kind} | {row.what} |\n" for row in ROWS)
    return f"{head}{KEYS_BEGIN}| key | | |\n|---|---|---|\n{rows}{KEYS_END}{tail}"


SETUPS_BEGIN, SETUPS_END = "<!-- set-ups: made by `make docs` -->\n", "<!-- end of set-ups -->"


def with_setups(document: str) -> str:
    """The page about network managers with its table of machines made anew."""
    head, _, rest = document.partition(SETUPS_BEGIN)
    _, _, tail = rest.partition(SETUPS_END)
    rows = "".join(
        f"| {_bold(setup)} | {_codes(setup.breaks) or 'never set up'} | {_codes(setup.commands)} |\n"
        for setup in SETUPS
    )
    return f"{head}{SETUPS_BEGIN}| machine | broken by | `doctor` says |\n|---|---|---|\n{rows}{SETUPS_END}{tail}"


def _bold(setup: Setup) -> str:
    return f"**{setup.name}**" if setup.telling else setup.name


def _codes(commands: tuple[str, ...]) -> str:
    return "<br>".join(f"`{command}`" for command in commands)


def _row(flag: Flag) -> str:
    default = ", ".join(f"`{value}`" for value in flag.default if value) or "none"
    text = f"{flag.help}{'; repeatable' * flag.repeatable}"
    return " | ".join(re.sub(r"\|", r"\\|", cell) for cell in (f"`--{flag.name}`", default, text))


if __name__ == "__main__":
    README.write_text(with_flags(README.read_text()))
    WEB_CONFIG.write_text(with_keys(WEB_CONFIG.read_text()))
    MANAGERS.write_text(with_setups(MANAGERS.read_text()))
