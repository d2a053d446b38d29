"""Writes the completions for shells from the flags, as shtab makes them. `make docs` runs it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import shtab

from uplink_exporter.settings import FLAGS, Command
from uplink_exporter.settings.help import PROGRAM, parser

DIRECTORY = Path(__file__).parents[2] / "exporter/completions"
# Each shell, and the name under which it finds the file.
FILES = {"bash": f"{PROGRAM}.bash", "zsh": f"_{PROGRAM}"}
# To bash `--flag=value` is three words, and shtab knows `--flag value` alone.
BASH = """

_uplink_exporter() {
  local words=() at=$COMP_CWORD i
  for i in "${!COMP_WORDS[@]}"; do
    if [[ "${COMP_WORDS[i]}" != "=" ]]; then
      words+=("${COMP_WORDS[i]}")
    elif (( i == COMP_CWORD )); then
      words+=("")
    elif (( i < COMP_CWORD )); then
      at=$((at - 1))
    fi
  done
  local COMP_WORDS=("${words[@]}") COMP_CWORD=$at
  _shtab_uplink_exporter
}

complete -o bashdefault -F _uplink_exporter uplink-exporter
"""


def completions() -> Iterator[tuple[Path, str]]:
    """Each file, and what has to be in it."""
    made = parser()
    flags = {flag.name: flag for flag in FLAGS}
    for action in made._actions:  # shtab goes by what argparse keeps there
        if action.dest == "command":
            action.choices, action.help = list(Command), "what to do"
        elif (flag := flags.get(action.dest)) is not None and flag.choices:
            action.choices = flag.choices
        elif flag is not None and "path" in flag.allowed.split():
            action.complete = shtab.FILE  # type: ignore[attr-defined]
    for shell, name in FILES.items():
        yield DIRECTORY / name, shtab.complete(made, shell=shell) + BASH * (shell == "bash")


if __name__ == "__main__":
    DIRECTORY.mkdir(exist_ok=True)
    for path, text in completions():
        path.write_text(text)
