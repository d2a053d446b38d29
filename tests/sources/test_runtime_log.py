"""The envelopes of container runtimes, whole, cut, and made of rubbish."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uplink_exporter.sources.pod_logs.runtime_log import (
    LONGEST_TEXT,
    parse_cri_line,
    parse_docker_line,
    parse_log,
    parse_time,
)


@pytest.mark.parametrize(
    ("text", "unix"),
    [
        ("2021-08-27T09:48:41.911302123Z", 1630057721.911302),
        ("2021-08-27T09:48:41.9Z", 1630057721.9),
        ("2021-08-27T09:48:41Z", 1630057721.0),
        ("2021-08-27T17:48:41.911302123+08:00", 1630057721.911302),
        ("2021-08-27T06:18:41.911302123-03:30", 1630057721.911302),
        ("1970-01-01T00:00:00Z", 0.0),
        ("2021-08-27T09:48:41", None),
        ("2021-13-27T09:48:41Z", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_times(text: str, unix: float | None) -> None:
    assert parse_time(text) == unix


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"2021-08-27T09:48:41Z stderr F said", ("stderr", "said", False)),
        (b"2021-08-27T09:48:41Z stdout P half", ("stdout", "half", True)),
        (b"2021-08-27T09:48:41Z stdout F:later said", ("stdout", "said", False)),
        (b"2021-08-27T09:48:41Z stdout F ", ("stdout", "", False)),
        (b"2021-08-27T09:48:41Z stdout F", ("stdout", "", False)),
        (b"2021-08-27T09:48:41Z stdout F   deep", ("stdout", "  deep", False)),
        (b"2021-08-27T09:48:41Z stdout F \xff\x00", ("stdout", "\ufffd\x00", False)),
        (b"2021-08-27T09:48:41Z stdin F said", None),
        (b"2021-08-27T09:48:41Z stdout X said", None),
        (b"27.8. stdout F said", None),
        (b"", None),
        (b"\x00" * 99, None),
    ],
)
def test_lines_of_the_container_runtime_interface(line: bytes, expected: tuple[str, str, bool] | None) -> None:
    parsed = parse_cri_line(line)

    assert (None if parsed is None else (parsed.stream, parsed.text, parsed.partial)) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b'{"log":"said\\n","stream":"stderr","time":"2021-08-27T09:48:41Z"}', ("stderr", "said", False)),
        (b'{"log":"said\\r\\n","stream":"stderr","time":"2021-08-27T09:48:41Z"}', ("stderr", "said", False)),
        (b'{"log":"half","stream":"stdout","time":"2021-08-27T09:48:41Z"}', ("stdout", "half", True)),
        (b'{"log":"said\\n","stream":"stdout","time":"?","attrs":{"tag":"x"}}', ("stdout", "said", False)),
        (b'{"log":"said\\n","stream":"stdout"}', None),
        (b'{"log":["said"],"stream":"stdout","time":"2021-08-27T09:48:41Z"}', None),
        (b'{"log":"cut', None),
        (b"{}", None),
        (b"[]", None),
        (b'{"a":' * 100_000, None),
        (b'{"log":' + b"9" * 5000 + b"}", None),
        (b"{\xff\xfe", None),
    ],
)
def test_lines_of_docker(line: bytes, expected: tuple[str, str, bool] | None) -> None:
    parsed = parse_docker_line(line)

    assert (None if parsed is None else (parsed.stream, parsed.text, parsed.partial)) == expected


def test_partial_lines_are_joined_for_each_stream_and_the_format_is_told_line_by_line() -> None:
    data = (
        b"2021-08-27T09:48:41.1Z stderr P Failed to find any \n"
        b"2021-08-27T09:48:41.2Z stdout F timed out\n"
        b"2021-08-27T09:48:41.3Z stderr P valid interface \n"
        b"no envelope\n"
        b"2021-08-27T09:48:41.4Z stderr F to use\n"
        b'{"log":"of docker\\n","stream":"stdout","time":"2021-08-27T09:48:41.5Z"}\n'
        b"2021-08-27T09:48:41.6Z stderr P and never done\n"
    )

    lines = parse_log(data)

    assert [line.text for line in lines] == ["timed out", "Failed to find any valid interface to use", "of docker"]
    assert lines[1].at == parse_time("2021-08-27T09:48:41.4Z")


def test_a_line_without_an_end_is_cut() -> None:
    part = b"2021-08-27T09:48:41.1Z stderr P " + b"x" * 10_000 + b"\n"

    (line,) = parse_log(part * 100 + b"2021-08-27T09:48:41.1Z stderr F end")

    assert line.text == "x" * LONGEST_TEXT


TEXTS = st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), max_size=100)


@given(st.lists(TEXTS))
def test_either_envelope_gives_back_what_was_logged(texts: list[str]) -> None:
    time = "2021-08-27T09:48:41.911302123Z"
    cri = "".join(f"{time} stderr F {text}\n" for text in texts)
    docker = "".join(json.dumps({"log": text + "\n", "stream": "stderr", "time": time}) + "\n" for text in texts)

    assert [line.text for line in parse_log(cri.encode())] == texts
    assert [line.text for line in parse_log(docker.encode())] == [text.rstrip("\r") for text in texts]


PIECES = st.sampled_from(
    [b"\n", b"{", b'"log":', b"2021-08-27T09:48:41Z ", b"stderr ", b"P ", b"F ", b'"}', b"\xed\xa0\x80"]
)


@given(st.lists(st.one_of(PIECES, st.binary(max_size=20))).map(b"".join))
def test_rubbish_is_left_out(data: bytes) -> None:
    for line in parse_log(data):
        assert len(line.text) <= LONGEST_TEXT
