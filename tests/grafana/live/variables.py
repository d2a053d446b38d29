"""Variables in a query, filled in as Grafana does for a Prometheus data source."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Value = str | Sequence[str]
"""One value, or those of a variable that can have several; the latter are always patterns."""

# $name, ${name}, ${name:format} and [[name]] (grafana packages/grafana-data/src/utils/variables.ts).
_VARIABLE = re.compile(r"\$(\w+)|\$\{(\w+)(?::(\w+))?\}|\[\[(\w+)\]\]")
_SPECIAL = re.compile(r"[$^*{}\[\]'+?.()|]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """What goes into a query as it is: the value that stands for all, a duration."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """The time that is shown, in Unix seconds, and how often targets are scraped by what the panel says."""

    start: float
    end: float
    scrape: int = 60

    @property
    def step(self) -> int:
        """Seconds between two points: never less than a scrape, never more than 1,000 points."""
        return max(self.scrape, round((self.end - self.start) / 1000))

    @property
    def variables(self) -> Mapping[str, Raw]:
        """What Grafana knows by itself."""
        seconds = round(self.end - self.start)
        rate = max(self.step + self.scrape, 4 * self.scrape)
        known = {
            "__interval": f"{self.step}s",
            "__interval_ms": f"{self.step * 1000}",
            "__rate_interval": f"{rate}s",
            "__range": f"{seconds}s",
            "__range_s": f"{seconds}",
            "__range_ms": f"{seconds * 1000}",
            "__from": f"{self.start * 1000:.0f}",
            "__to": f"{self.end * 1000:.0f}",
        }
        return {name: Raw(text=text) for name, text in known.items()}


def filled(text: str, values: Mapping[str, Value | Raw]) -> str:
    """The text without variables; $1 is none, but a group of label_replace(). Raises KeyError for an unknown one."""

    def fill(match: re.Match[str]) -> str:
        name, form = match[1] or match[2] or match[4], match[3]
        if name.isdecimal():
            return match[0]
        value = values[name]
        if isinstance(value, Raw) or form == "raw":
            return value.text if isinstance(value, Raw) else joined(value, ",")
        return _formatted(value, form)

    return _VARIABLE.sub(fill, text)


def joined(value: Value, by: str) -> str:
    """One value or several."""
    return value if isinstance(value, str) else by.join(value)


def _formatted(value: Value, form: str | None) -> str:
    if form is None:
        return _in_string(value) if isinstance(value, str) else _pattern([_in_pattern(each) for each in value])
    if form == "regex":
        return _pattern([re.escape(each) for each in ([value] if isinstance(value, str) else value)])
    raise ValueError(f"no such format here: {form}")


def _pattern(choices: Sequence[str]) -> str:
    return choices[0] if len(choices) == 1 else f"({'|'.join(choices)})"


# Both as grafana packages/grafana-prometheus/src/escaping.ts: a value in a string, and a pattern in one.
def _in_string(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')


def _in_pattern(value: str) -> str:
    return _SPECIAL.sub(lambda match: f"\\\\{match[0]}", value.replace("\\", "\\\\\\\\"))
