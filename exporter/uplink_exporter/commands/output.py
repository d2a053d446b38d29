"""Standard output, which may be a closed pipe or a full disk."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

NOT_WRITTEN = 2


def written(answer: str, code: int) -> int:
    """Write an answer; the exit code. Who reads no further than the first line gets no traceback for it."""
    if sys.stdout is None:  # it was closed before we began
        return _unwritten("standard output is closed", code)
    try:
        sys.stdout.write(answer)
        sys.stdout.flush()
    except BrokenPipeError:
        _drop_stdout()
    except OSError as error:
        _drop_stdout()
        return _unwritten(str(error.strerror), code)
    return code


def _unwritten(why: str, code: int) -> int:
    print(f"uplink-exporter: the answer cannot be written: {why}", file=sys.stderr)
    return code or NOT_WRITTEN


def takes_colour(environment: Mapping[str, str]) -> bool:
    """Whether a person sees standard output on a terminal, and did not ask for no colour (no-color.org)."""
    plain = environment.get("NO_COLOR") or environment.get("TERM", "dumb") == "dumb"
    return not plain and sys.stdout is not None and sys.stdout.isatty()


def _drop_stdout() -> None:
    # The interpreter flushes once more as it ends.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
