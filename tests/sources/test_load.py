"""The load: what a kernel shows, with and without pressure stall information, and what it never shows."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fixtures import FIXTURES
from uplink_exporter.facts import Pressure, Reason, SourceError
from uplink_exporter.sources import load

NOBODY = 65534


@pytest.fixture
def procfs(tmp_path: Path) -> Path:
    """A copy of the captured /proc that a test may spoil."""
    return Path(shutil.copytree(FIXTURES / "proc", tmp_path / "proc"))


def test_a_captured_proc() -> None:
    seen = load.read(FIXTURES / "proc")
    assert (seen.load1, seen.load5, seen.load15, seen.blocked) == (0.62, 0.97, 1.35, 1)
    assert seen.cpus == os.cpu_count()
    assert [(p.resource, p.share, p.seconds) for p in seen.pressure] == [
        ("cpu", "some", 447.237758),
        ("cpu", "full", 0.0),
        ("io", "some", 29.917746),
        ("io", "full", 21.706782),
        ("memory", "some", 0.0),
        ("memory", "full", 0.0),
    ]


def test_a_kernel_without_psi_has_no_pressure_and_is_no_failure(procfs: Path) -> None:
    shutil.rmtree(procfs / "pressure")
    assert load.read(procfs).pressure == ()


def test_a_kernel_booted_with_psi_0_has_files_that_cannot_be_read(procfs: Path) -> None:
    for resource in load.RESOURCES:
        (procfs / "pressure" / resource).unlink()
        (procfs / "pressure" / resource).mkdir()
    assert load.read(procfs).pressure == ()


def test_pressure_before_linux_5_13_has_no_full_for_the_cpu(procfs: Path) -> None:
    (procfs / "pressure" / "cpu").write_text("some avg10=0.00 avg60=0.00 avg300=0.00 total=7\n")
    assert load.read(procfs).pressure[0] == Pressure(resource="cpu", share="some", seconds=7e-6)
    assert len(load.read(procfs).pressure) == 5


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("loadavg", ""),
        ("loadavg", "0.1 0.2"),
        ("loadavg", "a b c"),
        ("stat", ""),
        ("stat", "procs_blocked \n"),
        ("stat", "procs_blocked many\n"),
        ("pressure/io", "some avg10=0.00\n"),
        ("pressure/io", "some avg10=0.00 avg60=0.00 avg300=0.00 total=x\n"),
        ("pressure/io", "some total\n"),
        ("pressure/io", "\n"),
        ("pressure/io", "\x00\xff"),
    ],
)
def test_garbage_is_a_failure_to_parse(procfs: Path, file: str, text: str) -> None:
    (procfs / file).write_text(text, encoding="latin-1")
    with pytest.raises(SourceError) as raised:
        load.read(procfs)
    assert raised.value.reason is Reason.PARSE


@pytest.mark.parametrize("file", ["loadavg", "stat"])
def test_a_file_that_is_missing_is_a_failure_that_names_it(procfs: Path, file: str) -> None:
    (procfs / file).unlink()
    with pytest.raises(SourceError, match=file) as raised:
        load.read(procfs)
    assert raised.value.reason is Reason.IO


def test_a_file_that_may_not_be_read_is_a_failure_of_permission(procfs: Path) -> None:
    (procfs / "loadavg").chmod(0)
    with as_nobody(), pytest.raises(SourceError) as raised:
        load.read(procfs)
    assert raised.value.reason is Reason.PERMISSION


@contextmanager
def as_nobody() -> Iterator[None]:
    """As a user without privileges; root may read any file."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)


@given(st.text())
def test_no_text_makes_a_parser_fail_but_by_the_error_that_is_judged(text: str) -> None:
    for parse in (load.parse_loadavg, load.parse_blocked, lambda text: list(load.parse_pressure("io", text))):
        try:
            parse(text)
        except ValueError:
            continue


async def test_the_first_look_is_at_once() -> None:
    async with aclosing(load.watch(FIXTURES / "proc")) as facts:
        assert (await anext(facts)).blocked == 1
