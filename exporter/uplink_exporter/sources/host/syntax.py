"""The files of the network managers, as far as they tell whose device it is. Pure, and total: any text is read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Stanza:
    """An `iface` of interfaces(5)."""

    device: str
    method: str
    line: int
    options: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A line of an INI file; `section` is the last header before it."""

    section: str
    key: str
    value: str
    line: int


# What else begins a stanza, and so ends an `iface` (interfaces(5)).
_STANZAS = frozenset(
    {"auto", "no-auto-down", "no-scripts", "source", "source-directory", "template", "mapping", "rename"}
)


def parse_interfaces(text: str) -> tuple[Stanza, ...]:
    """The interfaces that an interfaces(5) file sets up, apart from the loopback."""
    found: list[Stanza] = []
    inside = False
    for number, words in _interfaces_lines(text):
        if words[0] == "iface" and len(words) > 1:
            found.append(Stanza(device=words[1], method=words[3] if len(words) > 3 else "", line=number))
            inside = True
        elif words[0] in _STANZAS or words[0].startswith("allow-"):
            inside = False
        elif inside:
            found[-1].options[words[0].replace("_", "-")] = words[1:]
    return tuple(stanza for stanza in found if stanza.device != "lo")


def parse_sources(text: str) -> Iterator[tuple[str, bool]]:
    """What an interfaces(5) file includes: a path, and whether it is a directory's."""
    for _, words in _interfaces_lines(text):
        if words[0] in ("source", "source-directory"):
            yield from ((path, words[0] == "source-directory") for path in words[1:])


def _interfaces_lines(text: str) -> Iterator[tuple[int, list[str]]]:
    """The words of each line that holds any, a continued line with the number of its first."""
    kept: list[str] = []
    first = 0
    for number, line in enumerate(text.split("\n"), 1):
        first = first if kept else number
        if not kept and line.lstrip().startswith("#"):
            continue
        kept += line.removesuffix("\\").split()
        if line.endswith("\\"):
            continue
        if kept:
            yield first, kept
        kept = []
    if kept:
        yield first, kept


def parse_ini(text: str) -> Iterator[Setting]:
    """The settings of a systemd.network(5) or NetworkManager.conf(5) file."""
    section = ""
    for number, line in enumerate(text.split("\n"), 1):
        line = line.strip()
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
        elif "=" in line and line[0] not in "#;":
            key, _, value = line.partition("=")
            yield Setting(section=section, key=key.strip(), value=value.strip(), line=number)


def parse_network(text: str) -> Iterator[tuple[str, int]]:
    """The device names that a systemd.network(5) file is for, each with its line."""
    for setting in parse_ini(text):
        if (setting.section, setting.key) == ("Match", "Name"):
            yield from ((name, setting.line) for name in setting.value.split() if not name.startswith("!"))


def parse_unmanaged(text: str) -> Iterator[str]:
    """The device names that NetworkManager.conf(5) keeps NetworkManager from."""
    devices: dict[str, list[str]] = {}
    for setting in parse_ini(text):
        if setting.key.removesuffix("+") == "unmanaged-devices":
            yield from _device_names(setting.value)
        elif setting.section.startswith("device") and setting.key == "match-device":
            devices[setting.section] = list(_device_names(setting.value))
        elif setting.section.startswith("device") and setting.key == "managed" and setting.value.lower() in _NO:
            yield from devices.get(setting.section, ())


_NO = frozenset({"0", "false", "no", "off"})
_YES = frozenset({"1", "true", "yes", "on"})


def _device_names(value: str) -> Iterator[str]:
    specs = re.split(r"[;,]", value)
    if any(spec.strip().startswith("except:") for spec in specs):
        return  # by kind or driver, most often: nobody can tell from the name
    for spec in specs:
        key, colon, name = spec.strip().partition(":")
        if key == "*" or (key == "interface-name" and colon):
            yield name.removeprefix("=") or "*"


def parse_takes_interfaces(text: str) -> bool:
    """Whether NetworkManager has what interfaces(5) sets up, too."""
    settings = [s for s in parse_ini(text) if (s.section, s.key) == ("ifupdown", "managed")]
    return bool(settings) and settings[-1].value.lower() in _YES


def parse_denied(text: str) -> Iterator[str]:
    """The device names that dhcpcd.conf(5) keeps dhcpcd from."""
    for line in text.split("\n"):
        words = line.split()
        if words and words[0] == "denyinterfaces":
            yield from words[1:]


# Whatever ends in a colon at the start of a line. Which of them are devices, only their place would tell.
_YAML_KEY = re.compile(r"""\s+["']?([^\s"'#:]+)["']?:""")


def parse_netplan(text: str) -> Iterator[tuple[str, int]]:
    """The names that a netplan file sets anything for, devices among them, each with its line."""
    for number, line in enumerate(text.split("\n"), 1):
        if key := _YAML_KEY.match(line):
            yield key[1], number


def parse_os_id(text: str) -> str:
    """Which system os-release(5) says that it is."""
    ids = (line.partition("=")[2].strip("\"' ") for line in text.split("\n") if line.startswith("ID="))
    return next(ids, "")
