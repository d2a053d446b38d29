"""One look at the journal after another: what is new, and what it makes of each unit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from uplink_exporter.flannel.causes import Words, printable
from uplink_exporter.flannel.observed import Cause, LastWords
from uplink_exporter.flannel.unit_words import MOST_LINES, last_words_of_unit, learning, waits_for
from uplink_exporter.flannel.units import FlannelJournal, Learned, UnitLog, UnitState, home_of
from uplink_exporter.sources.journal.boot import Boot, newest_lines
from uplink_exporter.sources.journal.file import JournalFile
from uplink_exporter.sources.journal.files import Found, Opener, find_files
from uplink_exporter.sources.journal.runs import SECOND, Run, UnitInBoot

SETTLING = 0.5
"""Seconds for what a process said last to arrive: systemd and the process tell journald by different ways."""

MOST_TOLD = 16
"""Of how many of a unit's last runs the words are told."""

MOST_OF_A_START = 2000
"""Lines of a run that are searched for what it says of its start."""

MOST_WAITING = 64
MOST_TIMES = 1024

RESTARTING = 60.0
"""Seconds after a run in which the next is expected; k3s and its kin wait for five."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one look found. `settled` is False if more of it is to come within a moment."""

    fact: FlannelJournal
    denied: str = ""
    settled: bool = True
    hinted: bool = True
    """Whether there is a directory that hints at a change."""


@dataclass(slots=True, kw_only=True)
class Journal:
    """The journal of one boot as read so far. `name` is the boot's id as the kernel writes it."""

    name: str
    boot: Boot
    names: frozenset[str] = frozenset()
    seen: dict[Found, bytes] = field(default_factory=dict)
    """The id of each file that was read, as it was then."""
    known: dict[bytes, dict[bytes, int]] = field(default_factory=dict)
    """Where values are kept, by the id of a file."""
    words: dict[str, Words] = field(default_factory=dict)
    learned: dict[str, Learned] = field(default_factory=dict)

    def look(self, roots: Iterable[Path], names: Sequence[str], uptime: float) -> Look:
        """Look at what is new. Raises NotYetError, SourceError."""
        denied: list[str] = []
        found = find_files(roots, denied)
        if not self.names.issuperset(names):  # what was said of a new one was passed over
            self.names, self.seen = self.names.union(names), {}
            self.boot.read.clear()
        with ExitStack() as stack:
            opener = Opener(stack, self.known, denied)
            self._take_in(opener, found, names)
            files = partial(self._of_this_boot, opener, found)
            logs = [self._log(name, self.boot.units[name], files, uptime) for name in names if name in self.boot.units]
        self._forget()
        fact = FlannelJournal(boot=self.name, listed=bool(found), units=tuple(log for log, _ in logs))
        return Look(fact=fact, denied=denied[0] if denied else "", settled=all(settled for _, settled in logs))

    def _take_in(self, opener: Opener, found: Sequence[Found], names: Sequence[str]) -> None:
        seen = {}
        for one in reversed(found):
            if one in self.seen:
                seen[one] = self.seen[one]
            elif file := opener(one.path):
                if self._is_of_this_boot(file):
                    self.boot.take_in(file, names)
                seen[one] = file.id
        self.seen = seen

    def _is_of_this_boot(self, file: JournalFile) -> bool:
        return file.find(f"_BOOT_ID={self.boot.id.hex()}".encode()) is not None

    def _of_this_boot(self, opener: Opener, found: Iterable[Found]) -> list[JournalFile]:
        files = (opener(one.path) for one in found)
        return [file for file in files if file is not None and self._is_of_this_boot(file)]

    def _log(self, name: str, unit: UnitInBoot, files: Files, uptime: float) -> tuple[UnitLog, bool]:
        runs = unit.runs()
        settled = not runs or _settled(runs[-1], uptime)
        crashed = [run for run in runs if run.ended is not None and not run.stopped and _settled(run, uptime)]
        words = tuple(self._last_words(name, unit.attempt(run), run, files) for run in crashed[-MOST_TOLD:])
        log = UnitLog(
            unit=name,
            state=_state(runs, uptime),
            restarts=unit.restarts.count,
            times=tuple(at / SECOND for at in unit.restarts.times[-MOST_TIMES:]),
            last_words=words,
        )
        if runs and runs[-1].ended is None:
            return self._running(log, runs[-1], files), settled
        if runs and runs[-1].stopped:
            return replace(
                log, ended=self._said(name, unit.restarts.count, Words(cause=Cause.CLEAN, line=runs[-1].result))
            ), settled
        return replace(log, ended=words[-1] if words and settled else None), settled

    def _said(self, unit: str, attempt: int, words: Words, at: float | None = None) -> LastWords:
        return LastWords(
            uid=self.name, container=unit, attempt=attempt, cause=words.cause, line=printable(words.line), at=at
        )

    def _last_words(self, unit: str, attempt: int, run: Run, files: Files) -> LastWords:
        if run.invocation not in self.words:
            lines = newest_lines(files(), run.invocation, MOST_LINES)
            words = last_words_of_unit(home_of(unit), (line.text for line in lines))
            self.words[run.invocation] = words or Words(cause=Cause.UNKNOWN, line=run.result)
        return self._said(unit, attempt, self.words[run.invocation], run.ended_at)

    def _running(self, log: UnitLog, run: Run, files: Files) -> UnitLog:
        """What a run says of its start, and if it has not got through it, what it waits for."""
        home, learned, whole = home_of(log.unit), self.learned.get(run.invocation, Learned()), True
        if not learned.started:
            for file in files():
                for line in self.boot.lines_since(file, run.invocation, MOST_OF_A_START):
                    learned = learning(learned, home, line)
                whole = whole and self.boot.read_of(file, run.invocation) < MOST_OF_A_START
            self.learned[run.invocation] = learned
        log = replace(log, learned=learned, since=None if run.began is None else run.began / SECOND)
        if learned.started:
            return replace(log, started=True)
        lines = newest_lines(files(), run.invocation, MOST_WAITING)
        waits = waits_for(line.text for line in lines)
        told = None if waits is None else self._said(log.unit, log.restarts, waits)
        return replace(log, started=False if whole and run.began is not None else None, waits=told)

    def _forget(self) -> None:
        """Forget the files that are gone, and the runs of which nothing is told any more."""
        files = frozenset(self.seen.values())
        runs = {run.invocation for unit in self.boot.units.values() for run in unit.runs()}
        self.words = {run: words for run, words in self.words.items() if run in runs}
        self.learned = {run: learned for run, learned in self.learned.items() if run in runs}
        self.known = {file: known for file, known in self.known.items() if file in files}
        for known in self.known.values():
            for value in [value for value in known if value.startswith(b"_SYSTEMD_INVOCATION_ID=")]:
                del known[value]
        self.boot.forget(files, runs)


Files = Callable[[], list[JournalFile]]
"""The files of this boot, opened when they are asked for."""


def _settled(run: Run, uptime: float) -> bool:
    return run.ended is None or uptime - run.ended / SECOND > SETTLING


def _state(runs: Sequence[Run], uptime: float) -> UnitState:
    if not runs or runs[-1].ended is None:
        return UnitState.RUNNING if runs else UnitState.RESTARTING
    lately = uptime - runs[-1].ended / SECOND < RESTARTING
    return UnitState.RESTARTING if lately and not runs[-1].stopped else UnitState.STOPPED
