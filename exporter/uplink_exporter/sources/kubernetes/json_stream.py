"""JSON from outside, taken in as it arrives: whatever is sent, no more than one bounded object of it lies in memory."""

from __future__ import annotations

import codecs
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field

from uplink_exporter.facts import Reason, SourceError

# Together they keep one object within 16 MiB of memory: four bytes for each character, hundreds for each of the
# smallest values. etcd takes no request above 1.5 MiB (--max-request-bytes); what a node runs is a hundredth of that.
LONGEST_OBJECT = 1536 * 1024
MOST_VALUES = 50_000

_DECODER = json.JSONDecoder()
_SPACE = frozenset(" \t\r\n")
_AFTER_VALUE = _SPACE | frozenset(",:]}")


def loads(text: bytes) -> object:
    """One object. Whatever is wrong with it has one reason."""
    _check(text, sum(map(text.count, (b",", b"[", b"{"))))
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SourceError(Reason.PARSE, f"not JSON: {error}") from error
    return value


def _check(text: bytes | str, values: int) -> None:
    if len(text) > LONGEST_OBJECT or values > MOST_VALUES:
        raise SourceError(Reason.PARSE, f"an object of more than {LONGEST_OBJECT} bytes or {MOST_VALUES} values")


async def lines(chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """The lines of a stream that are not blank."""
    rest = b""
    async for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            if line.strip():
                yield line
        _check(rest, 0)
    if rest.strip():
        raise SourceError(Reason.CLOSED, "the stream ended in the middle of a line")


async def members(chunks: AsyncIterator[bytes], streamed: str) -> AsyncGenerator[tuple[str, object], None]:
    """The members of one JSON object; of the array `streamed`, each element by itself."""
    reader = Reader(chunks)
    mark = "," if await reader.symbol() == "{" else ""
    while mark == ",":
        key = await reader.value()
        if not isinstance(key, str) or await reader.symbol() != ":":
            break
        if key == streamed and await reader.peek() == "[":
            async with aclosing(_elements(reader)) as elements:
                async for element in elements:
                    yield key, element
        else:
            yield key, await reader.value()
        mark = await reader.symbol()
    if mark != "}":
        raise SourceError(Reason.PARSE, "not a JSON object")
    # To the end, so that the connection can serve again.
    async for _ in chunks:
        pass


async def _elements(reader: Reader) -> AsyncGenerator[object, None]:
    mark = await reader.symbol()
    if await reader.peek() == "]":
        mark = await reader.symbol()
    while mark in "[,":
        yield await reader.value()
        mark = await reader.symbol()
    if mark != "]":
        raise SourceError(Reason.PARSE, "not a JSON array")


@dataclass(slots=True)
class Reader:
    """JSON text as it arrives, taken off value by value."""

    chunks: AsyncIterator[bytes]
    text: str = ""
    at: int = 0
    decoder: codecs.IncrementalDecoder = field(default_factory=codecs.getincrementaldecoder("utf-8"))

    async def value(self) -> object:
        """The next value, whole."""
        await self.peek()
        while True:
            value: object = None
            try:
                value, end = _DECODER.raw_decode(self.text, self.at)
            except RecursionError as error:
                raise SourceError(Reason.PARSE, "JSON nested too deep") from error
            except ValueError:  # not JSON, or not all of it yet
                end = len(self.text)
            # Of a number this could be but the beginning: `-0` of `-0.5`, where the last piece ends after the point.
            if self.text[end : end + 1] in _AFTER_VALUE:
                self.at = end
                return value
            await self._read_on()

    async def symbol(self) -> str:
        """The next character that is not white space."""
        symbol = await self.peek()
        self.at += 1
        return symbol

    async def peek(self) -> str:
        """The same, left where it is."""
        while True:
            while self.at < len(self.text):
                if self.text[self.at] not in _SPACE:
                    return self.text[self.at]
                self.at += 1
            await self._read_on()

    async def _read_on(self) -> None:
        """Read as much again as is held, or more, so that a long value is not tried over and over."""
        self.text, self.at = self.text[self.at :], 0
        held = len(self.text)
        while len(self.text) <= 2 * held:
            chunk = await anext(self.chunks, b"")
            if not chunk:
                break
            try:
                self.text += self.decoder.decode(chunk)
            except ValueError as error:
                raise SourceError(Reason.PARSE, f"not UTF-8: {error}") from error
            _check(self.text, sum(map(self.text.count, ",[{")))
        if len(self.text) == held:
            raise SourceError(Reason.PARSE, "not JSON, or cut short")
