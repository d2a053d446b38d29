"""Frozen dataclasses to what JSON can hold, and back, by their types. What comes back may be anybody's."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import StrEnum
from functools import lru_cache
from math import isfinite
from types import MappingProxyType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")

MOST_ITEMS = 65_536
MOST_CHARACTERS = 16_384
LARGEST = 2**63 - 1
_HALF_A_PAIR = re.compile("[\ud800-\udfff]")  # JSON can hold what no page can


def encode(value: object) -> object:
    """A value as JSON has it. A mapping is a list of pairs, since its keys need not be strings."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: encode(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return [[encode(key), encode(item)] for key, item in value.items()]
    if isinstance(value, tuple | frozenset):
        return [encode(item) for item in value]
    return str(value) if isinstance(value, StrEnum) else value


def decode(kind: type[T], value: object) -> T:
    """The value of that type. Raises ValueError if it is none; a field that is missing has its default."""
    decoded: T = _decode(kind, value)
    return decoded


def _decode(kind: Any, value: object) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return None if value is None else _decode(arguments[0], value)
    if origin is tuple and arguments[-1] is not Ellipsis:
        items = _items(value)
        return tuple(_decode(part, item) for part, item in zip(arguments, items, strict=True))
    if origin in (tuple, frozenset):
        return origin(_decode(arguments[0], item) for item in _items(value))
    if origin is not None:
        pairs = (_items(pair) for pair in _items(value))
        return MappingProxyType({_decode(arguments[0], key): _decode(arguments[1], item) for key, item in pairs})
    if is_dataclass(kind):
        return _dataclass(kind, value)
    return _scalar(kind, value)


def _scalar(kind: Any, value: object) -> Any:
    wanted = str if issubclass(kind, StrEnum) else kind
    # JSON has one kind of numbers, and Python takes True for one.
    fits = type(value) is wanted or (wanted is float and type(value) is int)
    if not fits or not _bounded(value):
        raise ValueError(f"{_shown(value)} is no {kind.__name__}")
    return kind(value)


def _bounded(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= MOST_CHARACTERS and not _HALF_A_PAIR.search(value)
    return isfinite(value) if isinstance(value, float) else abs(value) <= LARGEST


def _shown(value: object) -> str:
    # What is long or deeply nested is not for a log.
    return repr(value[:50]) if isinstance(value, str) else f"a {type(value).__name__}"


def _dataclass(kind: Any, value: object) -> Any:
    if not isinstance(value, dict):
        raise ValueError(f"{_shown(value)} is no {kind.__name__}")
    hints, known = _hints(kind)
    missing = [name for name, field in known.items() if name not in value and _needed(field)]
    if missing:
        raise ValueError(f"a {kind.__name__} without {', '.join(missing)}")
    return kind(**{name: _decode(hints[name], value[name]) for name in known if name in value})


def _needed(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


@lru_cache(maxsize=32)
def _hints(kind: Any) -> tuple[dict[str, Any], dict[str, Field[Any]]]:
    return get_type_hints(kind), {field.name: field for field in fields(kind)}


def _items(value: object) -> Iterable[Any]:
    if not isinstance(value, list) or len(value) > MOST_ITEMS:
        raise ValueError(f"{_shown(value)} is no list of at most {MOST_ITEMS} items")
    return value
