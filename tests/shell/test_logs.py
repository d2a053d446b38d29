"""Log lines: one line each, that reads back, whatever is in it."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uplink_exporter import logs
from uplink_exporter.settings import LogFormat, LogLevel


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """Logging is the process's: what a test sets up is taken away again."""
    root = logging.getLogger()
    before = root.level, list(root.handlers)
    yield
    root.setLevel(before[0])
    root.handlers[:] = before[1]


def test_a_line_of_logfmt(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up(LogLevel.INFO, LogFormat.LOGFMT)
    logging.getLogger("x").warning("source failed", extra={"source": "load", "error": "no such file", "retry": "0.1s"})
    line = capsys.readouterr().err
    assert re.fullmatch(
        r"ts=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00 level=warn "
        r'msg="source failed" source=load error="no such file" retry=0\.1s\n',
        line,
    )


def test_a_line_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up(LogLevel.INFO, LogFormat.JSON)
    logging.getLogger("x").info("verdict changed", extra={"verdict": "healthy"})
    fields = json.loads(capsys.readouterr().err)
    assert {**fields, "ts": ""} == {"ts": "", "level": "info", "msg": "verdict changed", "verdict": "healthy"}


@pytest.mark.parametrize("form", LogFormat)
def test_a_traceback_is_a_field_of_the_one_line(form: LogFormat, capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up(LogLevel.INFO, form)
    try:
        raise ValueError("a\nb")
    except ValueError:
        logging.getLogger("x").exception("source is broken")
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert "ValueError: a" in line


@pytest.mark.parametrize(
    ("level", "told"),
    [
        (LogLevel.DEBUG, ["debug", "info", "warn", "error"]),
        (LogLevel.INFO, ["info", "warn", "error"]),
        (LogLevel.WARN, ["warn", "error"]),
        (LogLevel.ERROR, ["error"]),
    ],
)
def test_from_a_level_on(level: LogLevel, told: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up(level, LogFormat.LOGFMT)
    for number in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR):
        logging.getLogger("x").log(number, "said")
    assert re.findall(r"level=(\w+)", capsys.readouterr().err) == told


@given(st.text())
def test_any_value_is_one_word_that_a_terminal_prints_and_json_reads_back(value: str) -> None:
    key, _, word = logs.logfmt({"key": value}).partition("=")
    assert key == "key"
    assert word.isprintable()
    assert (json.loads(word) if word.startswith('"') else word) == value
