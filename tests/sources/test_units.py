"""Units by their manager's run-time directory: links as systemd replaces them, counts as OpenRC writes them."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

import pytest

from uplink_exporter.facts import Reason, SourceError
from uplink_exporter.flannel.observed import Cause
from uplink_exporter.flannel.units import UNITS, FlannelUnits, UnitSeen, UnitState
from uplink_exporter.sources import journal, units
from uplink_exporter.sources.journal.openrc import read_service
from uplink_exporter.sources.unit_names import wanted

FATAL = 'time="2026-11-27T08:00:00Z" level=fatal msg="Error: no default routes found in \\"/proc/net/route\\""\n'


class Systemd:
    """Makes and removes links as systemd does (unit_export_invocation_id in its core/unit.c)."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def starts(self, unit: str) -> None:
        temporary = self.directory / f".#invocation:{unit}{secrets.token_hex(8)}"
        temporary.symlink_to(secrets.token_hex(16))
        temporary.rename(self.directory / f"invocation:{unit}")

    def ends(self, unit: str) -> None:
        (self.directory / f"invocation:{unit}").unlink()


async def until(facts: AsyncGenerator[FlannelUnits, None], *wanted: UnitSeen) -> None:
    async with asyncio.timeout(10):
        async for fact in facts:
            if fact.units == wanted:
                return


async def test_every_start_counts_however_short_the_run(tmp_path: Path) -> None:
    systemd = Systemd(tmp_path)
    systemd.starts("k3s.service")
    systemd.starts("cron.service")
    async with aclosing(units.watch([tmp_path, tmp_path / "none"], UNITS, "b")) as facts:
        await until(facts, UnitSeen(unit="k3s.service", running=True))
        for _ in range(20):
            systemd.ends("k3s.service")
            systemd.starts("k3s.service")
        await until(facts, UnitSeen(unit="k3s.service", running=True, restarts=20))
        systemd.ends("k3s.service")
        await until(facts, UnitSeen(unit="k3s.service", running=False, restarts=20))


async def test_the_first_start_is_no_restart(tmp_path: Path) -> None:
    systemd = Systemd(tmp_path)
    async with aclosing(units.watch([tmp_path], UNITS, "b")) as facts:
        assert (await anext(facts)).units == ()
        systemd.starts("k3s-edge.service")
        await until(facts, UnitSeen(unit="k3s-edge.service", running=True))


async def test_openrc_counts_by_itself(tmp_path: Path) -> None:
    service = tmp_path / "k3s"
    service.mkdir()
    (service / "start_count").write_text("7\n")
    (tmp_path / "sshd").mkdir()
    async with aclosing(units.watch([tmp_path], UNITS, "b")) as facts:
        await until(facts, UnitSeen(unit="k3s.service", running=True, restarts=7))
        (service / "start_count").write_text("8\n")
        await until(facts, UnitSeen(unit="k3s.service", running=True, restarts=8))


async def test_without_any_directory_nothing_was_looked_at(tmp_path: Path) -> None:
    async with aclosing(units.watch([tmp_path / "none"], UNITS, "b")) as facts:
        assert not (await anext(facts)).listed


@pytest.mark.parametrize("text", ["", "-1", "many", "9" * 11])
def test_a_count_that_is_none_is_no_service(tmp_path: Path, text: str) -> None:
    options, log = tmp_path / "options", tmp_path / "k3s.log"
    (options / "k3s").mkdir(parents=True)
    (options / "k3s/start_count").write_text(text)
    log.write_text(FATAL)
    assert read_service(log, [options], UNITS, "b") is None


def test_the_last_words_of_a_service_of_openrc(tmp_path: Path) -> None:
    options, log = tmp_path / "options", tmp_path / "k3s.log"
    (options / "k3s").mkdir(parents=True)
    (options / "k3s/start_count").write_text("7")
    log.write_text(FATAL)
    told = read_service(log, [options], UNITS, "b")
    assert told is not None
    assert (told.state, told.restarts) == (UnitState.RESTARTING, 7)
    assert [(words.attempt, words.cause) for words in told.last_words] == [(7, Cause.NO_DEFAULT_ROUTE)]
    log.write_text(FATAL + 'time="2026-11-27T08:00:06Z" level=info msg="Starting k3s v1.36.4+k3s1 (0f4b1a3c)"\n')
    told = read_service(log, [options], UNITS, "b")
    assert told is not None
    assert (told.state, told.ended, told.learned.version) == (UnitState.RUNNING, None, "v1.36.4+k3s1")
    assert [words.attempt for words in told.last_words] == [6]


def test_a_log_of_another_service_or_none_at_all_tells_nothing(tmp_path: Path) -> None:
    (tmp_path / "cron.log").write_text(FATAL)
    (tmp_path / "options/cron").mkdir(parents=True)
    (tmp_path / "options/cron/start_count").write_text("7")
    assert read_service(tmp_path / "cron.log", [tmp_path / "options"], UNITS, "b") is None
    assert read_service(tmp_path / "k3s.log", [tmp_path / "options"], UNITS, "b") is None


async def test_a_directory_that_is_none_is_said_to_be_broken(tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    async with aclosing(units.watch([loop], UNITS, "b")) as facts:
        with pytest.raises(SourceError) as told:
            await anext(facts)
    assert told.value.reason is Reason.IO


async def test_a_respawn_by_openrc_hints_at_what_the_log_has_of_it(tmp_path: Path) -> None:
    service, log = tmp_path / "options/k3s", tmp_path / "k3s.log"
    service.mkdir(parents=True)
    (service / "start_count").write_text("1\n")
    log.write_text(FATAL)
    given = ([log], [service.parent], UNITS, "5a3e1f0c9b8d4e7fa6b5c4d3e2f10987", set[str]())
    async with asyncio.timeout(10), aclosing(journal.watch(*given)) as facts:
        assert [unit.restarts for unit in (await anext(facts)).units] == [1]
        for count in (2, 3):  # the first look may be followed by another
            (service / "start_count").write_text(f"{count}\n")
            assert [unit.restarts for unit in (await anext(facts)).units] == [count]


def test_without_a_pattern_no_unit_is_wanted() -> None:
    assert wanted(["k3s.service"], [], 8) == []
