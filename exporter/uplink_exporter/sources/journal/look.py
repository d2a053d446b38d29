"""One look at the journal after another: what is new, and what it makes of each unit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain, islice, takewhile
from pathlib import Path

from uplink_exporter.flannel.causes import Words, printable
from uplink_exporter.flannel.observed import Cause, LastWords
from uplink_exporter.flannel.unit_words import MOST_LINES, last_words_of_unit, learning, waits_for
from uplink_exporter.flannel.units import FlannelJournal, Learned, UnitLog, UnitState, home_of
from uplink_exporter.sources.journal.boot import Boot
from uplink_exporter.sources.journal.file import JournalFile
from uplink_exporter.sources.journal.files import Found, Opener, find_files
from uplink_exporter.sources.journal.runs import SECOND, Run, UnitInBoot

SETTLING = 0.5
"""Seconds for what a process said last to arrive: systemd and the process tell journald by different ways."""

LATE = 3.0

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
    wanted: bool = True
    """Whether there is a unit of which the journal may tell."""


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
    quiet: tuple[tuple[tuple[Found, ...], tuple[str, ...]], Look] | None = None
    """What was looked at last and what it told, if nothing but a write to a file can change that."""
    learned: dict[str, tuple[int, Learned]] = field(default_factory=dict)
    """Of each run, how many lines were searched and what they told."""

    def look(self, roots: Iterable[Path], names: Sequence[str], uptime: float) -> Look:
        """Look at what is new. Raises NotYetError, SourceError."""
        denied: list[str] = []
        found = find_files(roots, denied)
        if self.quiet is not None and (tuple(found), tuple(names)) == self.quiet[0]:
            return self.quiet[1]
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
        look = Look(fact=fact, denied=denied[0] if denied else "", settled=all(settled for _, settled in logs))
        # Of a unit that is about to be started again, time alone makes one that is not.
        restarting = any(log.state is UnitState.RESTARTING for log in fact.units)
        self.quiet = ((tuple(found), tuple(names)), look) if look.settled and not restarting and not denied else None
        return look

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
        crashed = [run for run in runs if run.ended is not None and not run.stopped][-MOST_TOLD:]
        told = {run.invocation: self._last_words(name, unit.attempt(run), run, files, uptime) for run in crashed}
        words = (words for words in takewhile(bool, told.values()) if words is not None)
        log = UnitLog(
            unit=name,
            state=_state(runs, uptime),
            restarts=unit.restarts.count,
            times=tuple(at / SECOND for at in unit.restarts.times[-MOST_TIMES:]),
            last_words=tuple(words),
        )
        if runs and runs[-1].ended is None:
            log = self._running(log, runs[-1], files)
        elif runs and runs[-1].stopped:
            clean = Words(cause=Cause.CLEAN, line=runs[-1].result)
            log = replace(log, ended=self._said(name, unit.restarts.count, clean, runs[-1].ended_at))
        elif runs:
            log = replace(log, ended=told[runs[-1].invocation])
        return log, all(told.values())

    def _said(self, unit: str, attempt: int, words: Words, at: float | None = None) -> LastWords:
        return LastWords(
            uid=self.name, container=unit, attempt=attempt, cause=words.cause, line=printable(words.line), at=at
        )

    def _last_words(self, unit: str, attempt: int, run: Run, files: Files, uptime: float) -> LastWords | None:
        """None if it is too early: what a process said last may not have arrived, as journald may be late."""
        words, since = self.words.get(run.invocation), uptime - (run.ended or 0) / SECOND
        if words is None and since > SETTLING:
            lines = self.boot.newest_lines(files(), unit, run)
            words = last_words_of_unit(home_of(unit), (line.text for line in islice(lines, MOST_LINES)))
            if words is None and since > LATE:
                words = Words(cause=Cause.UNKNOWN, line=run.result)
            if words is not None:
                self.words[run.invocation] = words
        return None if words is None else self._said(unit, attempt, words, run.ended_at)

    def _running(self, log: UnitLog, run: Run, files: Files) -> UnitLog:
        """What a run says of its start, and if it has not got through it, what it waits for."""
        searched, learned = self.learned.get(run.invocation, (0, Learned()))
        if not learned.started and run.began is not None:
            lines = chain.from_iterable(self.boot.lines_since(file, log.unit, run) for file in files())
            for line in islice(lines, max(0, MOST_OF_A_START - searched)):
                searched, learned = searched + 1, learning(learned, home_of(log.unit), line)
            self.learned[run.invocation] = searched, learned
        log = replace(log, learned=learned, since=None if run.began is None else run.began / SECOND)
        if learned.started:
            return replace(log, started=True)
        newest = islice(self.boot.newest_lines(files(), log.unit, run), MOST_WAITING)
        waits = waits_for(line.text for line in newest)
        told = None if waits is None else self._said(log.unit, log.restarts, waits)
        whole = run.began is not None and searched < MOST_OF_A_START
        return replace(log, started=False if whole else None, waits=told)

    def _forget(self) -> None:
        """Forget the files that are gone, and the runs of which nothing is told any more."""
        files = frozenset(self.seen.values())
        runs = {run.invocation for unit in self.boot.units.values() for run in unit.runs()}
        self.words = {run: words for run, words in self.words.items() if run in runs}
        self.learned = {run: learned for run, learned in self.learned.items() if run in runs}
        self.known = {file: known for file, known in self.known.items() if file in files}
        self.boot.forget(files, runs)


Files = Callable[[], list[JournalFile]]
"""The files of this boot, opened when they are asked for."""


def _state(runs: Sequence[Run], uptime: float) -> UnitState:
    if not runs or runs[-1].ended is None:
        return UnitState.RUNNING if runs else UnitState.RESTARTING
    lately = uptime - runs[-1].ended / SECOND < RESTARTING
    return UnitState.RESTARTING if lately and not runs[-1].stopped else UnitState.STOPPED
