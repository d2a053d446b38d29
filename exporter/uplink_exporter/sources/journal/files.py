"""Which files the journal of this node has, and how to open one."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from uplink_exporter.facts import Reason, SourceError
from uplink_exporter.files import opened
from uplink_exporter.sources.journal.file import ForeignError, JournalFile, NotYetError
from uplink_exporter.sources.journal.pages import pages

MOST_FILES = 256
"""The last written first; journald itself keeps a hundred (SystemMaxFiles=)."""

# `<root>/<machine-id>/system.journal`, `system@<sequence>-<number>-<time>.journal`, and with a tilde what journald
# found damaged when it began. Those of users, and of other machines (`remote/`), are none of ours.
_MACHINE = re.compile(r"[0-9a-f]{32}")
_NAME = re.compile(r"system(@[0-9a-f-]{1,100})?\.journal~?")


class Found(NamedTuple):
    """A file, and what changes when it is written."""

    path: str
    inode: int
    size: int
    written: int


def find_files(roots: Iterable[Path], denied: list[str]) -> list[Found]:
    """The journal's files, the one that was written last first; what may not be read is noted in `denied`."""
    found = [file for root in roots for machine in _directories(root, denied) for file in _files(machine, denied)]
    found.sort(key=lambda file: file.written, reverse=True)
    return found[:MOST_FILES]


def _directories(root: Path, denied: list[str]) -> list[str]:
    return [entry.path for entry in _listed(str(root), denied) if _MACHINE.fullmatch(entry.name)]


def _files(machine: str, denied: list[str]) -> Iterator[Found]:
    for entry in _listed(machine, denied):
        if _NAME.fullmatch(entry.name):
            try:
                status = entry.stat()
            except OSError:  # vacuumed meanwhile
                continue
            if stat.S_ISREG(status.st_mode):
                yield Found(entry.path, status.st_ino, status.st_size, status.st_mtime_ns)


def _listed(directory: str, denied: list[str]) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(directory) as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except PermissionError:
        denied.append(directory)
        return []
    except OSError as error:
        raise SourceError(Reason.IO, f"{directory}: {error.strerror}") from error


@dataclass(slots=True)
class Opener:
    """Opens files for the length of one look. `known` is where values are kept, by the id of a file, over all looks."""

    stack: ExitStack
    known: dict[bytes, dict[bytes, int]]
    denied: list[str]
    opened: dict[str, JournalFile | None] = field(default_factory=dict)

    def __call__(self, path: str) -> JournalFile | None:
        """The file; None if it is gone or may not be read. Raises NotYetError, SourceError."""
        if path not in self.opened:
            self.opened[path] = self._open(path)
        return self.opened[path]

    def _open(self, path: str) -> JournalFile | None:
        try:
            descriptor = self.stack.enter_context(opened(path))
        except FileNotFoundError:
            return None
        except PermissionError:
            self.denied.append(path)
            return None
        except OSError as error:
            raise SourceError(Reason.IO, f"{path}: {error.strerror}") from error
        try:
            return JournalFile.opened(pages(descriptor), lambda name: self.known.setdefault(name, {}))
        except ForeignError as error:
            raise SourceError(Reason.PARSE, f"{path}: {error}") from error
        except NotYetError:
            if path.endswith("~"):  # journald gave it up as well
                return None
            raise
