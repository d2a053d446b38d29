"""The completions are those of the flags as they are, and bash completes by them."""

from __future__ import annotations

import subprocess

import pytest

from tests.repo.completions import DIRECTORY, completions


def test_they_are_current() -> None:
    for path, text in completions():
        assert path.read_text() == text, "run `make docs`"


# What bash does at a tab: it calls the function with the word to complete and the one before it.
COMPLETE = """
source "$0"
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
registered=$(complete -p uplink-exporter)
[[ $registered =~ -F\\ ([a-z_]+) ]]
"${BASH_REMATCH[1]}" uplink-exporter "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        (("doc",), {"doctor"}),
        (("doctor", "--outp"), {"--output"}),
        (("doctor", "--output", ""), {"text", "json"}),
        (("--source.kubernetes", "o"), {"on", "off"}),
        (("doctor", "--output", "="), {"text", "json"}),
        (("doctor", "--output", "=", "j"), {"json"}),
        (("--uplink.device", "=", "wlan0", "doc"), {"doctor"}),
    ],
)
def test_bash_completes(words: tuple[str, ...], completed: set[str]) -> None:
    command = ("bash", "-c", COMPLETE, str(DIRECTORY / "uplink-exporter.bash"), "uplink-exporter", *words)
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == completed, done.stderr
