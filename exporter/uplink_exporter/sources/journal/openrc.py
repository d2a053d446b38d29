"""The log file of a service that OpenRC's supervise-daemon keeps: lines without a boot, a run or a time of their own.

k3s' installer has it written to `/var/log/k3s.log`, which is rotated by copying and truncating.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from uplink_exporter.facts import Reason, SourceError
from uplink_exporter.files import opened
from uplink_exporter.flannel.observed import LastWords
from uplink_exporter.flannel.unit_words import last_words_of_unit, learning, waits_for
from uplink_exporter.flannel.units import Learned, UnitLog, UnitState, home_of
from uplink_exporter.sources.unit_names import SUFFIX, start_count, wanted

TAIL = 64 * 1024


def read_service(log: Path, directories: Sequence[Path], patterns: Sequence[str], boot: str) -> UnitLog | None:
    """The service that writes this file, None if there is no such service or file. Raises SourceError."""
    unit = log.name.removesuffix(".log") + SUFFIX
    if log.suffix != ".log" or not wanted([unit], patterns, 1):
        return None
    counts = [(path / unit.removesuffix(SUFFIX), start_count(path, unit)) for path in directories]
    started = next(((path, count) for path, count in counts if count is not None), None)
    tail = _tail(log) if started else None
    if started is None or tail is None:
        return None
    lines, written = tail
    return _log(unit, lines, started[1] or 0, boot, written if written > _written(started[0] / "start_count") else None)


def _written(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # it was stopped meanwhile
        return 0.0


def _log(unit: str, lines: list[str], count: int, boot: str, written: float | None) -> UnitLog:
    """`written` is when the newest run wrote last, None if it has not yet."""
    newest = [] if written is None else lines
    words = last_words_of_unit(home_of(unit), reversed(newest[-1:]))
    ended = words is not None
    before = last_words_of_unit(home_of(unit), reversed(lines))
    learned = Learned()
    for line in newest:
        learned = learning(learned, home_of(unit), line)
    waits = None if learned.started else waits_for(reversed(newest[-64:]))

    def said(attempt: int, at: float | None) -> LastWords | None:
        told = words or before
        if told is None or attempt < 0:
            return None
        return LastWords(uid=boot, container=unit, attempt=attempt, cause=told.cause, line=told.line, at=at)

    last = said(count, written) if ended else said(count - 1, None)
    return UnitLog(
        unit=unit,
        state=UnitState.RESTARTING if ended else UnitState.RUNNING,
        restarts=count,
        last_words=(last,) if last else (),
        ended=last if ended else None,
        started=learned.started or None,
        waits=said(count, written) if waits and not ended else None,
        learned=learned,
    )


def _tail(log: Path) -> tuple[list[str], float] | None:
    try:
        with opened(log) as descriptor:
            status = os.fstat(descriptor)
            data = os.pread(descriptor, TAIL, max(0, status.st_size - TAIL))
    except FileNotFoundError:
        return None
    except PermissionError as error:
        raise SourceError(Reason.PERMISSION, f"{log}: permission denied; make it readable: chmod o+r {log}") from error
    except OSError as error:
        raise SourceError(Reason.IO, f"{log}: {error.strerror}") from error
    return data[: data.rfind(b"\n") + 1].decode(errors="replace").splitlines(), status.st_mtime
