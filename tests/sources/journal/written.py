"""Journal files that systemd's own code writes, and what its journalctl reads in them."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from uplink_exporter.sources.journal.file import JournalFile
from uplink_exporter.sources.journal.pages import pages

REMOTE = Path("/lib/systemd/systemd-journal-remote")
BOOT, EARLIER = "5a3e1f0c9b8d4e7fa6b5c4d3e2f10987", "11112222333344445555666677778888"
UNIX = 1_700_000_000_000_000


@dataclass(frozen=True, slots=True)
class Format:
    """How journald writes: systemd 252 can be told to write as older ones did."""

    keyed: bool = True
    compact: bool = True

    @property
    def environment(self) -> dict[str, str]:
        return {
            "SYSTEMD_JOURNAL_KEYED_HASH": str(int(self.keyed)),
            "SYSTEMD_JOURNAL_COMPACT": str(int(self.compact)),
        }


FORMATS = [Format(keyed, compact) for keyed in (False, True) for compact in (False, True)]


def entry(at: int, boot: str = BOOT, **fields: str) -> dict[str, str]:
    """An entry that was made `at` microseconds after its boot."""
    return {
        "__REALTIME_TIMESTAMP": str(UNIX + at),
        "__MONOTONIC_TIMESTAMP": str(at),
        "_BOOT_ID": boot,
        **fields,
    }


def write(path: Path, entries: Iterable[Mapping[str, str]], form: Format = Format()) -> Path:
    """Append entries to a journal file, which is made if it is not there."""
    text = "".join("".join(f"{name}={value}\n" for name, value in fields.items()) + "\n" for fields in entries)
    subprocess.run(
        [REMOTE, f"--output={path}", "--compress=yes", "-"],
        input=text.encode(),
        env={**os.environ, **form.environment},
        check=True,
        capture_output=True,
    )
    return path


Shown = dict[str, str | list[int]]
"""An entry in JSON, in which a value that is no text is a list of its bytes."""


def shown(value: str | list[int]) -> bytes:
    return value.encode() if isinstance(value, str) else bytes(value)


def journalctl(path: Path, *matches: str) -> list[Shown] | None:
    """The entries that match as journalctl has them; None if it cannot read the file."""
    done = subprocess.run(
        ["journalctl", f"--file={path}", "--output=json", "--all", "--quiet", *matches],
        capture_output=True,
        check=False,
    )
    if done.returncode or done.stderr:
        return None
    return [json.loads(line) for line in done.stdout.splitlines()]


@contextmanager
def opened(path: Path) -> Iterator[JournalFile]:
    """The file by our reader."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        yield JournalFile.opened(pages(descriptor), lambda _: {})
    finally:
        os.close(descriptor)
