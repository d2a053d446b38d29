"""Which units a directory of systemd's or OpenRC's knows, among those that are wanted."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import translate
from functools import lru_cache
from pathlib import Path

from uplink_exporter.facts import Reason, SourceError
from uplink_exporter.files import read

LINK = "invocation:"
"""Before the name of a unit that runs, in `/run/systemd/units`: a link to its invocation id (systemd's core/unit.c)."""

SUFFIX = ".service"
"""What the names of systemd's units have and those of OpenRC's services have not."""

PATTERN = re.compile(r"[*?\[]")
"""What makes a name a pattern."""


def listed(directory: Path) -> list[str] | None:
    """The names in a directory, None if it is not there. Raises SourceError."""
    try:
        return [path.name for path in directory.iterdir()]
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError as error:
        remedy = "it is readable for all on the node: mount it readable for all as well"
        raise SourceError(Reason.PERMISSION, f"{directory}: permission denied; {remedy}") from error
    except OSError as error:
        raise SourceError(Reason.IO, f"{directory}: {error.strerror}") from error


def wanted(names: Iterable[str], patterns: Iterable[str], most: int) -> list[str]:
    """The names that a pattern wants, each once, at most so many."""
    return sorted(set(filter(_any_of(tuple(patterns)).match, names)))[:most]


@lru_cache(maxsize=8)  # there are a hundred units, and each is held to every pattern at each look
def _any_of(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(map(translate, patterns)) or "(?!)")


def start_count(directory: Path, unit: str) -> int | None:
    """How often a service was started anew; None if nobody counts."""
    try:
        text = read(directory / unit.removesuffix(SUFFIX) / "start_count", 32)
    except OSError:
        return None
    return int(text) if re.fullmatch(rb"[0-9]{1,10}\s*", text) else None
