"""What is made of a journal that systemd's own code wrote: restarts, runs, words, and what a start says."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import aclosing
from pathlib import Path

import pytest

from tests.sources.journal.written import BOOT, EARLIER, entry, write
from uplink_exporter.facts import Reason, SourceError
from uplink_exporter.flannel.observed import Cause
from uplink_exporter.flannel.units import UNITS, UnitLog, UnitState
from uplink_exporter.sources.journal import watch
from uplink_exporter.sources.journal.boot import Boot
from uplink_exporter.sources.journal.look import Journal
from uplink_exporter.sources.journal.runs import MOST_RESTARTS, SECOND, Restarts, Said

UNIT = "k3s.service"
FATAL = 'time="2026-11-27T08:00:00Z" level=fatal msg="Error: no default routes found in \\"/proc/net/route\\""'
STARTED = 'time="2026-11-27T08:00:00Z" level=info msg="Running flannel backend."'
PERIOD = 6 * SECOND


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    machine = tmp_path / ("a" * 32)
    machine.mkdir()
    return machine


def by_systemd(at: int, said: Said, run: int, boot: str = BOOT, **fields: str) -> dict[str, str]:
    told = {"MESSAGE": f"{UNIT}: {said.name}", "INVOCATION_ID": f"{run:032x}", "UNIT": UNIT, "_PID": "1", **fields}
    return entry(at, boot, MESSAGE_ID=said.value, **told)


def says(at: int, text: str, boot: str = BOOT) -> dict[str, str]:
    return entry(at, boot, MESSAGE=text, _SYSTEMD_UNIT=UNIT)


def crash(run: int, boot: str = BOOT, counter: int | None = None) -> list[dict[str, str]]:
    """A run that dies of a missing route, and the restart that follows it."""
    at = SECOND + run * PERIOD
    return [
        by_systemd(at, Said.STARTING, run, boot),
        says(at + 1000, FATAL, boot),
        by_systemd(at + 2000, Said.EXITED, run, boot),
        by_systemd(at + 3000, Said.FAILED, run, boot),
        by_systemd(at + 5 * SECOND, Said.RESTART, run, boot, N_RESTARTS=str(counter or run + 1)),
    ]


def journal() -> Journal:
    return Journal(name=BOOT, boot=Boot(bytes.fromhex(BOOT)))


def log(journal: Journal, directory: Path, uptime: float = 1e6) -> UnitLog:
    (found,) = journal.look([directory.parent], [UNIT, "k3s-agent.service"], uptime).fact.units
    return found


def flat(crashes: Iterable[list[dict[str, str]]]) -> list[dict[str, str]]:
    return [entry for crash in crashes for entry in crash]


def test_restarts_of_this_boot_count_and_those_of_the_last_one_do_not(directory: Path) -> None:
    write(directory / "system.journal", flat(crash(run, EARLIER) for run in range(4)))
    write(directory / "system.journal", flat(crash(run) for run in range(3)))
    told = log(journal(), directory)
    assert (told.restarts, told.state) == (3, UnitState.STOPPED)
    assert [(words.attempt, words.cause) for words in told.last_words] == [
        (number, Cause.NO_DEFAULT_ROUTE) for number in range(3)
    ]


def test_what_comes_later_is_added_wherever_it_is(directory: Path) -> None:
    reader, first = journal(), flat(crash(run) for run in range(3))
    write(directory / "system.journal", first)
    assert log(reader, directory).restarts == 3
    (directory / "system.journal").rename(directory / "system@0-1-2.journal")
    write(directory / "system.journal", crash(3))
    assert log(reader, directory).restarts == 4
    # The journal is flushed to the disk: everything is there again, in another file.
    write(directory / "system@0-9-9.journal", [*first, *crash(3), *crash(4)])
    assert log(reader, directory).restarts == 5
    for path in directory.iterdir():
        path.unlink()
    write(directory / "system.journal", crash(9, counter=10))
    assert log(reader, directory).restarts == 10, "four were in what was vacuumed, as the counter tells"
    assert not {file for file in reader.boot.read if file not in reader.seen.values()}


def test_what_others_say_of_a_unit_counts_for_nothing(directory: Path) -> None:
    forged = [fields | {"_PID": "4711"} for fields in crash(7)]
    write(directory / "system.journal", [*crash(0), *forged])
    assert log(journal(), directory).restarts == 1


def test_a_run_that_is_stopped_is_no_crash(directory: Path) -> None:
    stopped = [by_systemd(at, said, 0) for at, said in ((1, Said.STARTING), (5, Said.STOPPING), (9, Said.DEACTIVATED))]
    write(directory / "system.journal", [*stopped, says(7, 'time="x" level=fatal msg="flannel exited: <nil>"')])
    told = log(journal(), directory)
    assert (told.state, told.last_words) == (UnitState.STOPPED, ())
    assert told.ended is not None
    assert told.ended.cause is Cause.CLEAN


def test_it_is_too_early_for_words_that_may_still_come(directory: Path) -> None:
    reader = journal()
    write(directory / "system.journal", [by_systemd(SECOND, Said.STARTING, 0), by_systemd(2 * SECOND, Said.EXITED, 0)])
    assert log(reader, directory, 2.1).last_words == ()
    assert log(reader, directory, 4).last_words == ()
    write(directory / "system.journal", [says(4 * SECOND, FATAL)])
    assert [words.cause for words in log(reader, directory, 4.5).last_words] == [Cause.NO_DEFAULT_ROUTE]


def test_a_run_without_words_is_told_by_what_systemd_says_of_it(directory: Path) -> None:
    write(directory / "system.journal", [by_systemd(SECOND, Said.STARTING, 0), by_systemd(2 * SECOND, Said.FAILED, 0)])
    (words,) = log(journal(), directory, 60).last_words
    assert (words.cause, words.line) == (Cause.UNKNOWN, f"{UNIT}: FAILED")


def test_a_start_is_followed_until_it_is_through(directory: Path) -> None:
    reader = journal()
    write(directory / "system.journal", [by_systemd(SECOND, Said.STARTING, 0), says(2 * SECOND, "hm")])
    assert (log(reader, directory).state, log(reader, directory).started) == (UnitState.RUNNING, False)
    write(
        directory / "system.journal",
        [says(3 * SECOND, STARTED), *(says(4 * SECOND + n, "on and on") for n in range(99))],
    )
    assert log(reader, directory).started


def test_a_look_at_nothing_new_opens_nothing(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = journal()
    write(directory / "system.journal", [*crash(0), *crash(1)])
    told = log(reader, directory)
    monkeypatch.setattr("os.open", lambda *_: pytest.fail("opened"))
    assert log(reader, directory) == told


def test_restarts_that_are_too_many_to_be_kept_are_still_counted() -> None:
    restarts = Restarts()
    for number in range(1, 2 * MOST_RESTARTS + 100):
        restarts.add(number * SECOND, number)
    assert restarts.count == 2 * MOST_RESTARTS + 99
    assert len(restarts.times) < 2 * MOST_RESTARTS
    restarts.add(5 * SECOND, 5)
    assert restarts.count == 2 * MOST_RESTARTS + 99, "it was counted already"
    assert restarts.before(2 * MOST_RESTARTS * SECOND) == 2 * MOST_RESTARTS - 1


async def test_it_is_watched(directory: Path, tmp_path: Path) -> None:
    """From the file to the fact, and on at the next start."""
    links = tmp_path / "units"
    links.mkdir()
    write(directory / "system.journal", crash(0))
    async with asyncio.timeout(20), aclosing(watch([tmp_path], [links], UNITS, BOOT, set())) as facts:
        assert [unit.restarts for unit in (await anext(facts)).units] == [1]
        write(directory / "system.journal", crash(1))
        (links / f"invocation:{UNIT}").symlink_to("0")
        async for fact in facts:
            if [unit.restarts for unit in fact.units] == [2]:
                break


async def test_a_journal_that_makes_no_sense_is_said_to_be_damaged(directory: Path, tmp_path: Path) -> None:
    (directory / "system.journal").write_bytes(b"LPKSHHRH" + bytes(4096))
    async with asyncio.timeout(20), aclosing(watch([tmp_path], [tmp_path / "none"], UNITS, BOOT, set())) as facts:
        with pytest.raises(SourceError) as told:
            await anext(facts)
    assert told.value.reason is Reason.PARSE
