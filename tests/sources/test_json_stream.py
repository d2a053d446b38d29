"""JSON that arrives in pieces reads as json.loads would read it whole, and garbage of any kind has one reason."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uplink_exporter.facts import Reason, SourceError
from uplink_exporter.sources.kubernetes.json_stream import LONGEST_OBJECT, MOST_VALUES, lines, loads, members

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
OBJECT = st.dictionaries(st.sampled_from(["kind", "items", "metadata", "näme"]), JSON, min_size=1)


async def pieces(data: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


async def read(data: bytes, size: int = 7) -> list[tuple[str, object]]:
    return [member async for member in members(pieces(data, size), "items")]


async def outcome(data: bytes, size: int) -> object:
    try:
        return [type(key) for key, _ in await read(data, size)]
    except SourceError as error:
        return error.reason


def expected(value: dict[str, object]) -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    for key, member in value.items():
        if key == "items" and isinstance(member, list):
            found += [(key, item) for item in member]
        else:
            found.append((key, member))
    return found


@given(value=OBJECT, size=st.integers(1, 40), ascii_only=st.booleans(), indent=st.sampled_from([None, 2]))
async def test_reads_what_json_loads_reads(
    value: dict[str, object], size: int, ascii_only: bool, indent: int | None
) -> None:
    data = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode() + b"\n"
    assert await read(data, size) == expected(value)


@given(value=OBJECT, size=st.integers(1, 40), cut=st.integers(0, 200))
async def test_what_is_cut_short_is_told_so(value: dict[str, object], size: int, cut: int) -> None:
    data = json.dumps(value).encode()
    with pytest.raises(SourceError) as raised:
        await read(data[: min(cut, len(data) - 1)], size)
    assert raised.value.reason is Reason.PARSE


@given(data=st.binary(max_size=200) | st.text(alphabet='{}[]",:0 items\\').map(str.encode), size=st.integers(1, 40))
async def test_garbage_has_members_or_one_reason(data: bytes, size: int) -> None:
    found = await outcome(data, size)
    assert found is Reason.PARSE or (isinstance(found, list) and set(found) <= {str})


@given(data=st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
def test_one_object_or_one_reason(data: bytes) -> None:
    def by(load: Callable[[bytes], object]) -> object:
        try:
            return repr(load(data))
        except SourceError as error:
            return error.reason
        except ValueError:
            return Reason.PARSE

    assert by(loads) == by(json.loads)


@pytest.mark.parametrize(
    "data",
    [b"[" * 100_000, b'"' + b"x" * LONGEST_OBJECT + b'"', b"[" + b"0," * (MOST_VALUES + 1) + b"0]", b"9" * 5000],
    ids=["too deep", "too long", "too many values", "too great a number"],
)
def test_one_object_is_bounded(data: bytes) -> None:
    with pytest.raises(SourceError):
        loads(data)


@given(rows=st.lists(st.binary(min_size=1, max_size=20).filter(lambda row: b"\n" not in row)), size=st.integers(1, 9))
async def test_lines(rows: list[bytes], size: int) -> None:
    data = b"".join(row + b"\n" for row in rows)
    assert [line async for line in lines(pieces(data, size))] == [row for row in rows if row.strip()]


async def test_a_line_that_does_not_end() -> None:
    with pytest.raises(SourceError) as raised:
        [line async for line in lines(pieces(b"a\nb", 2))]
    assert raised.value.reason is Reason.CLOSED
    with pytest.raises(SourceError) as raised:
        [line async for line in lines(pieces(b"x" * (LONGEST_OBJECT + 1), 65536))]
    assert raised.value.reason is Reason.PARSE
