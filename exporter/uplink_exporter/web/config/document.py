"""YAML with line numbers: a value knows where it stands, so that an error can say so."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

import yaml

# YAML 1.1 as the toolkit's library reads it, which takes `y` and `n` as well.
_TRUE = frozenset({"y", "yes", "true", "on"})
_FALSE = frozenset({"n", "no", "false", "off"})
_NULL = "tag:yaml.org,2002:null"
_SHOWN = 60


class ConfigError(Exception):
    """What is wrong with the web config: names line, key and remedy."""


@dataclass(frozen=True, slots=True)
class Value:
    """One value of the file."""

    path: str
    node: yaml.Node

    @property
    def where(self) -> str:
        """Line and key, for what is said of it."""
        return f"line {self.node.start_mark.line + 1}: {self.path or 'the file'}"

    def error(self, what: str) -> ConfigError:
        """An error about this value."""
        return ConfigError(f"{self.where}: {what}")

    def entries(self) -> dict[str, Value]:
        """The entries of a mapping; those without a value are as good as absent. Raises ConfigError."""
        if not isinstance(self.node, yaml.MappingNode):
            raise self.error("must be a mapping, such as `key: value`")
        found: dict[str, Value] = {}
        for key, node in self.node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else "?"
            named = _named(name)
            value = Value(f"{self.path}.{named}" if self.path else named, node)
            if not isinstance(key, yaml.ScalarNode):
                raise Value(value.path, key).error("a key must be a word")
            _whole(name, Value(value.path, key))
            if name in found:
                raise Value(value.path, key).error("is given twice; leave one of the two")
            found[name] = value
        return {name: value for name, value in found.items() if value.node.tag != _NULL}

    def section(self, keys: Iterable[str]) -> dict[str, Value]:
        """The entries of a mapping that may have only these keys. Raises ConfigError."""
        known, found = list(keys), self.entries()
        for name, value in found.items():
            if name not in known:
                near = get_close_matches(name, known, 1)
                hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
                raise value.error(f"there is no such key; {hint}")
        return found

    def text(self) -> str:
        """A string, which a number is as well. Raises ConfigError."""
        if not isinstance(self.node, yaml.ScalarNode):
            raise self.error("must be one value, not a list or a mapping")
        return _whole(str(self.node.value), self)

    def texts(self) -> tuple[Value, ...]:
        """The items of a list. Raises ConfigError."""
        if not isinstance(self.node, yaml.SequenceNode):
            raise self.error("must be a list, such as `[a, b]`")
        return tuple(Value(self.path, node) for node in self.node.value)

    def flag(self) -> bool:
        """True or false. Raises ConfigError."""
        text = self.text().lower()
        plain = isinstance(self.node, yaml.ScalarNode) and self.node.style is None
        if not plain or text not in _TRUE | _FALSE:
            raise self.error(f"{shown(self.text())} is neither true nor false")
        return text in _TRUE


def _whole(text: str, value: Value) -> str:
    if any("\ud800" <= char <= "\udfff" for char in text):
        raise value.error("has half of a character in it (U+D800 to U+DFFF)")
    return text


def shown(text: str) -> str:
    """A value of the file, short enough for a line."""
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")


def _named(key: str) -> str:
    return key if key.isprintable() and len(key) <= _SHOWN else shown(key)


def document(data: bytes) -> Value | None:
    """The one document in these bytes, None if it is empty. Raises ConfigError."""
    try:
        node = _composed(yaml.SafeLoader(data.decode()))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"line {line}: is not UTF-8") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"line {line}: is not YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"line 1: is not YAML: {str(error).splitlines()[0]}") from error
    except RecursionError as error:
        raise ConfigError("line 1: is nested too deeply to be a web config") from error
    return None if node is None or node.tag == _NULL else Value("", node)


def _composed(loader: yaml.SafeLoader) -> yaml.Node | None:
    try:
        return loader.get_single_node()
    except (ValueError, OverflowError) as error:
        # It takes any digits of a version or of an escape such as \U0001F600 to int() and chr().
        raise ConfigError(f"line {loader.line + 1}: is not YAML: a number in it is too large") from error
