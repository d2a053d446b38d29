"""The codec: what was remembered comes back as it was, and what anybody wrote as its types say or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from math import isfinite
from types import MappingProxyType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import strategies
from tests.builders import WLAN0
from uplink_exporter.facts import Family, Link, RouteHistory
from uplink_exporter.flannel.ledger import Ledger
from uplink_exporter.flannel.observed import Cause
from uplink_exporter.flannel.tally import Tally
from uplink_exporter.history.chronicle import Boot, Kind, Transition
from uplink_exporter.history.codec import LARGEST, MOST_CHARACTERS, MOST_ITEMS, decode, encode
from uplink_exporter.history.memory import Memory, Setup
from uplink_exporter.history.milestones import Milestones

Json = Any

texts = st.text(max_size=9)
numbers = st.floats(allow_nan=False, allow_infinity=False)
counts = st.integers(-1, LARGEST)


def mappings(keys: st.SearchStrategy[Any], values: st.SearchStrategy[Any]) -> st.SearchStrategy[Mapping[Any, Any]]:
    return st.dictionaries(keys, values, max_size=2).map(MappingProxyType)


def tuples(values: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(values, max_size=2).map(tuple)


keys = st.tuples(texts, texts)
histories = st.builds(
    RouteHistory,
    usable=st.booleans(),
    seen=st.booleans(),
    watched_since=numbers,
    known_until=st.none() | numbers,
    changed=st.none() | numbers,
    losses=counts,
    absent_before=numbers,
    absent_since=st.none() | numbers,
    first_usable=st.none() | numbers,
)
ledgers = st.builds(
    Ledger,
    restarts=counts,
    tallies=mappings(keys, st.builds(Tally, before=counts, count=counts, heard=counts)),
    listed=mappings(texts, st.frozensets(keys, max_size=2)),
    steps=tuples(st.tuples(numbers, counts)),
    crashes=mappings(st.sampled_from(Cause), counts),
    looked=mappings(texts, numbers),
    last_crash=st.none() | numbers,
    last_words=st.none() | strategies.last_words,
)
memories = st.builds(
    Memory,
    boot=texts,
    known_until=numbers,
    uplinks=mappings(st.sampled_from(Family), tuples(texts)),
    setup=st.builds(
        Setup,
        flags_line=texts,
        args=st.none() | tuples(texts),
        env=mappings(texts, texts),
        version=texts,
        stack=texts,
        endpoints=tuples(texts),
    ),
    routes=mappings(st.sampled_from(Family), histories),
    links=strategies.links(),
    ledger=ledgers,
    milestones=st.builds(
        Milestones,
        watched_since=st.none() | numbers,
        looked=st.frozensets(texts, max_size=2),
        resumed=st.booleans(),
        links=mappings(texts, numbers),
        addresses=mappings(texts, numbers),
        default_route=st.none() | numbers,
        flannel=st.none() | numbers,
    ),
)
transitions = st.builds(
    Transition,
    boot=texts,
    uptime=numbers,
    wall=numbers,
    kind=st.sampled_from(Kind),
    subject=texts,
    was=texts,
    now=texts,
    text=texts,
)
scalars: st.SearchStrategy[Json] = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), texts, st.sampled_from([10**400, -(2**63), "ipv4", "up"])
)
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=8
)


def through_json(value: object) -> Json:
    return json.loads(json.dumps(encode(value)))


@given(memories)
def test_a_memory_comes_back_as_it_was(memory: Memory) -> None:
    assert decode(Memory, through_json(memory)) == memory


@given(transitions)
def test_a_transition_comes_back_as_it_was(transition: Transition) -> None:
    assert decode(Transition, through_json(transition)) == transition


@given(st.sampled_from([Memory, Transition, Boot, Ledger, Link]), anything)
def test_anything_at_all_is_refused_or_of_the_type(kind: type, value: Json) -> None:
    comes_back_whole_or_not_at_all(kind, value)


@given(memories, anything, st.data())
def test_a_memory_that_was_tampered_with_is_refused_or_of_the_type(
    memory: Memory, value: Json, data: st.DataObject
) -> None:
    comes_back_whole_or_not_at_all(Memory, with_one_part_replaced(through_json(memory), value, data.draw))


def comes_back_whole_or_not_at_all(kind: type, value: Json) -> None:
    try:
        decoded: object = decode(kind, value)
    except ValueError:
        return
    assert conforms(kind, decoded)


def with_one_part_replaced(value: Json, part: Json, draw: Callable[[st.SearchStrategy[Any]], Any]) -> Json:
    places = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    if not places or draw(st.integers(0, 5)) == 0:
        return part
    place = draw(st.sampled_from(places))
    value[place] = with_one_part_replaced(value[place], part, draw)
    return value


def conforms(kind: Any, value: Any) -> bool:
    """Whether the value is of that type, to its last leaf."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return any(value is None if option is type(None) else conforms(option, value) for option in arguments)
    if origin is tuple and arguments[-1] is not Ellipsis:
        return type(value) is tuple and all(map(conforms, arguments, value)) and len(value) == len(arguments)
    if origin in (tuple, frozenset):
        return type(value) is origin and all(conforms(arguments[0], item) for item in value)
    if origin is not None:
        return type(value) is MappingProxyType and all(
            conforms(arguments[0], key) and conforms(arguments[1], item) for key, item in value.items()
        )
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        return type(value) is kind and all(conforms(hints[f.name], getattr(value, f.name)) for f in fields(kind))
    if kind is float:
        return type(value) is float and isfinite(value)
    return type(value) is kind


def nested(depth: int) -> Json:
    value: Json = []
    for _ in range(depth):
        value = [value]
    return value


TRANSITION = {"boot": "b", "uptime": 1, "wall": 2.5, "kind": "verdict", "subject": "", "was": "", "now": "", "text": ""}


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        pytest.param(Transition, TRANSITION | {"uptime": True}, id="a truth value for a number"),
        pytest.param(Transition, TRANSITION | {"uptime": float("nan")}, id="no number"),
        pytest.param(Transition, TRANSITION | {"uptime": 10**400}, id="a number that no float can hold"),
        pytest.param(Transition, TRANSITION | {"kind": "later"}, id="a kind that only a later version knows"),
        pytest.param(Transition, TRANSITION | {"kind": nested(900)}, id="a tower in place of a kind"),
        pytest.param(Transition, TRANSITION | {"text": "x" * (MOST_CHARACTERS + 1)}, id="a text without end"),
        pytest.param(Transition, {"boot": "b"}, id="most of it missing"),
        pytest.param(Transition, [], id="a list in place of an object"),
        pytest.param(Tally, {"count": LARGEST + 1}, id="a count that no kernel has"),
        pytest.param(Tally, {"count": True}, id="a truth value for a count"),
        pytest.param(Tally, {"count": 1.0}, id="half a restart could be next"),
        pytest.param(Setup, {"endpoints": "https://"}, id="a text in place of a list"),
        pytest.param(Setup, {"endpoints": ["x"] * (MOST_ITEMS + 1)}, id="a list without end"),
        pytest.param(Setup, {"env": [["A"]]}, id="a key without a value"),
        pytest.param(Ledger, {"steps": [[1.0, 2, 3]]}, id="three of two"),
        pytest.param(Memory, nested(900), id="a tower"),
    ],
)
def test_what_is_none_is_refused(kind: type, value: Json) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode(kind, value)


def test_what_an_earlier_version_did_not_write_has_its_default_and_what_a_later_one_adds_is_left_out() -> None:
    written = {"boot": "b", "known_until": 3, "later": {"kind": "of thing"}}
    assert decode(Memory, written) == Memory(boot="b", known_until=3.0)


def test_a_whole_number_of_seconds_is_a_float() -> None:
    assert isinstance(decode(Transition, TRANSITION).uptime, float)


def test_a_link_is_told_by_name() -> None:
    assert encode(WLAN0) == {
        "index": 3,
        "name": "wlan0",
        "carrier_ups": 0,
        "raw": False,
        "rfkill": "none",
        "supplicant": False,
        "operstate": "up",
        "admin_up": True,
        "carrier": True,
        "carrier_changes": 2,
        "kind": "",
        "loopback": False,
        "mtu": 1500,
        "wireless": True,
        "driver": "brcmfmac",
        "master": 0,
        "lower": 0,
        "altnames": [],
    }
