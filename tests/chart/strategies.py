"""Any values that values.schema.json admits, for property tests."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from tests.chart.helm import CHART

Schema = dict[str, Any]

SCHEMA: Schema = json.loads((CHART / "values.schema.json").read_text())
FORMATS = {"ipv4": st.ip_addresses(v=4).map(str), "ipv6": st.ip_addresses(v=6).map(str)}
MOST = 3
# What YAML can carry: a file with other characters in it is refused before the chart sees it.
TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc", "Cn", "Co")), max_size=20)


def admitted(schema: Schema) -> st.SearchStrategy[Any]:
    """Whatever a schema admits; of what it leaves open, its examples."""
    if "$ref" in schema:
        return admitted(SCHEMA["definitions"][schema["$ref"].rpartition("/")[2]])
    if "examples" in schema:
        return st.sampled_from(schema["examples"])
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "anyOf" in schema:
        return st.one_of(*map(admitted, schema["anyOf"]))
    found = TYPES[schema["type"]](schema)
    return found.filter(lambda value: not matches(value, schema["not"])) if "not" in schema else found


def matches(value: object, excluded: Schema) -> bool:
    """Whether a value is one of those that `not` excludes."""
    return value in excluded.get("enum", ()) or bool(re.search(excluded.get("pattern", "(?!)"), str(value)))


def _object(schema: Schema) -> st.SearchStrategy[Any]:
    if "properties" in schema:
        named = {name: admitted(value) for name, value in schema["properties"].items()}
        required = {name: named.pop(name) for name in schema.get("required", ())}
        drawn = st.fixed_dictionaries(required, optional=named)
        return drawn.filter(lambda value: len(value) <= schema.get("maxProperties", len(value)))
    names = admitted({"type": "string", **schema.get("propertyNames", {})})
    return st.dictionaries(names, admitted(schema["additionalProperties"]), max_size=MOST)


def _array(schema: Schema) -> st.SearchStrategy[Any]:
    items, least = admitted(schema["items"]), schema.get("minItems", 0)
    return st.lists(items, min_size=least, max_size=MOST, unique=schema.get("uniqueItems", False))


def _string(schema: Schema) -> st.SearchStrategy[Any]:
    if "format" in schema:
        return FORMATS[schema["format"]]
    if "pattern" in schema:
        # Go's $ is the very end, Python's may stand before a newline.
        pattern = re.sub(r"\$$", r"\\Z", schema["pattern"])
        drawn = st.from_regex(pattern, fullmatch=True, alphabet=st.characters(max_codepoint=126, min_codepoint=32))
        return drawn.filter(lambda text: schema.get("minLength", 0) <= len(text) <= schema.get("maxLength", 1000))
    return TEXT


def _number(schema: Schema) -> st.SearchStrategy[Any]:
    return st.integers(schema.get("minimum", 0), schema.get("maximum", 2**31 - 1))


TYPES: dict[str, Callable[[Schema], st.SearchStrategy[Any]]] = {
    "object": _object,
    "array": _array,
    "string": _string,
    "integer": _number,
    "boolean": lambda _: st.booleans(),
}
