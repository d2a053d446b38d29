"""Flannel's options, as far as its choice of an interface needs them, from wherever they can be learned.

A flag on the command line wins over FLANNELD_<FLAG> in the environment, of which an empty value counts for nothing
(coreos/pkg flagutil). From v0.15.0 the first line of flannel's log tells both, merged. Whether it does IPv4, IPv6 or
both is not a flag: that stands in its net-conf.json.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

Version = tuple[int, int, int]

NEWEST: Version = (0, 28, 9)
"""The newest version whose code and behaviour this package knows."""
LONGEST_VALUE = 256
MOST_VALUES = 32
LONGEST_NET_CONF = 65536

_NO_ENVIRONMENT: Mapping[str, str] = MappingProxyType({})


class Stack(StrEnum):
    """The address families that flannel is to serve (net-conf.json: EnableIPv4, EnableIPv6)."""

    IPV4 = "ipv4"
    IPV6 = "ipv6"
    DUAL = "dual"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What flannel's choice of an interface depends on, besides the kernel."""

    version: Version = NEWEST
    stack: Stack = Stack.IPV4
    ifaces: tuple[str, ...] = ()
    """In order. An empty one asks for the interface of the default route, as flannel takes it."""
    regexes: tuple[str, ...] = ()
    can_reach: str = ""
    public_ip: str = ""
    public_ipv6: str = ""


class OptionsError(ValueError):
    """The options cannot be told from what is there."""


def parse_options(
    args: Sequence[str],
    env: Mapping[str, str] = _NO_ENVIRONMENT,
    *,
    version: Version = NEWEST,
    stack: Stack = Stack.IPV4,
) -> Options:
    """The options of a flanneld with this command line, program included or not. Raises OptionsError."""
    given = list(_given(args))
    given += _from_environment(env, {name for name, _ in given}, version)
    _check(given)

    def every(name: str) -> tuple[str, ...]:
        return tuple(value for key, value in given if key == name)

    def last(name: str) -> str:
        return next(reversed(every(name)), "")

    return Options(
        version=version,
        stack=stack,
        ifaces=every("iface"),
        regexes=every("iface-regex"),
        can_reach=last("iface-can-reach"),
        public_ip=last("public-ip"),
        public_ipv6=last("public-ipv6"),
    )


def unknown_flag(options: Options) -> str:
    """A flag that is given but that this version does not have, at which it would exit; empty if there is none."""
    given = {"iface-can-reach": options.can_reach, "public-ipv6": options.public_ipv6}
    return next((name for name, value in given.items() if value and options.version < _SINCE[name]), "")


# The flags that are read, and the version that brought them.
_SINCE: dict[str, Version] = {
    "iface": (0, 1, 0),
    "iface-regex": (0, 8, 0),
    "iface-can-reach": (0, 18, 0),
    "public-ip": (0, 1, 0),
    "public-ipv6": (0, 15, 0),
}
# Go's flag package takes the next argument as the value of every flag but these.
_BOOLEANS = frozenset(
    {
        "auto-detect-ipv4",
        "auto-detect-ipv6",
        "help",
        "ip-blackhole-route",
        "ip-masq",
        "ip-masq-fully-random-disable",
        "iptables-forward-rules",
        "kube-subnet-mgr",
        "set-node-network-unavailable",
        "version",
    }
)


def _given(args: Sequence[str]) -> Iterator[tuple[str, str]]:
    rest = iter(args)
    if args and not args[0].startswith("-"):
        program = next(rest).rpartition("/")[2]
        if program != "flanneld":
            raise OptionsError(f"flannel's container starts {program[:LONGEST_VALUE]!r}, not flanneld")
    for arg in rest:
        if not arg.startswith("-") or arg in ("-", "--"):
            return  # Go reads no flags after the first argument that is none
        name, equals, value = arg.removeprefix("-").removeprefix("-").partition("=")
        if not equals and name not in _BOOLEANS:
            value = next(rest, "")
        if name in _SINCE:
            yield name, value


def _from_environment(env: Mapping[str, str], given: set[str], version: Version) -> Iterator[tuple[str, str]]:
    for name, since in _SINCE.items():
        value = env.get("FLANNELD_" + name.upper().replace("-", "_"), "")
        if value and name not in given and version >= since:
            yield name, value


def _check(given: Sequence[tuple[str, str]]) -> None:
    if len(given) > MOST_VALUES:
        raise OptionsError(f"{len(given)} flags about interfaces; at most {MOST_VALUES} are read")
    long = next((name for name, value in given if len(value) > LONGEST_VALUE), None)
    if long is not None:
        raise OptionsError(f"--{long} is longer than {LONGEST_VALUE} characters")
    unresolved = next((name for name, value in given if any(match[1] for match in _REFERENCE.finditer(value))), None)
    if unresolved is not None:
        raise OptionsError(f"--{unresolved} refers to the environment of flannel's container")


_REFERENCE = re.compile(r"\$(?:\$|\(([-._A-Za-z0-9]+)\))")


def expand_args(args: Sequence[str], env: Mapping[str, str]) -> tuple[str, ...]:
    """A container's arguments as the kubelet passes them: `$(NAME)` replaced, `$$` a dollar, the unknown left alone."""

    def replaced(match: re.Match[str]) -> str:
        return env.get(match[1], match[0]) if match[1] else "$"

    return tuple(_REFERENCE.sub(replaced, arg) for arg in args)


def split_args(text: str) -> tuple[str, ...]:
    """The arguments of a command line written as one string. Raises OptionsError for a quote without its end.

    Quotes work as in a shell; a backslash stands for itself, because it belongs to a regular expression.
    """
    lexer = shlex.shlex(text, posix=True, punctuation_chars=False)
    lexer.whitespace_split, lexer.escape, lexer.commenters = True, "", ""
    try:
        return tuple(lexer)
    except ValueError as error:
        raise OptionsError(f"{error} in flannel's arguments") from error


def logged_args(line: str) -> tuple[str, ...] | None:
    """The flags in force by flannel's `CLI flags config: {...}` line, as arguments; None if it does not tell.

    Go prints a list as `[a b]`: an empty name in it is lost, and one that holds a blank becomes two.
    """
    _, found, config = line.partition("CLI flags config: {")
    ifaces = _between(config, " iface:[", "] ifaceRegex:[")
    regexes = _between(config, "] ifaceRegex:[", "] ipMasq:")
    public_ip = _between(config, " publicIP:", " publicIPv6:")
    public_ipv6 = _between(config, " publicIPv6:", " subnetLeaseRenewMargin:")
    if not found or ifaces is None or regexes is None or public_ip is None or public_ipv6 is None:
        return None
    given = [("iface", value) for value in ifaces.split()]
    given += [("iface-regex", value) for value in regexes.split()]
    given += [("iface-can-reach", _between(config, " ifaceCanReach:", " subnetFile:") or "")]
    given += [("public-ip", public_ip), ("public-ipv6", public_ipv6)]
    return tuple(f"--{name}={value}" for name, value in given if value)


def _between(text: str, before: str, after: str) -> str | None:
    _, started, rest = text.partition(before)
    inside, ended, _ = rest.partition(after)
    return inside if started and ended else None


def parse_stack(net_conf: str) -> Stack | None:
    """The stack that flannel's net-conf.json asks for; None if flannel could not read it either."""
    try:
        config = json.loads(net_conf[: LONGEST_NET_CONF + 1])
    except (ValueError, RecursionError):
        return None
    if not isinstance(config, dict) or len(net_conf) > LONGEST_NET_CONF:
        return None
    # encoding/json: names in any case, the last one counts, null changes nothing.
    wanted = {"enableipv4": True, "enableipv6": False}
    for name, value in config.items():
        if name.lower() in wanted and value is not None:
            if not isinstance(value, bool):
                return None
            wanted[name.lower()] = value
    return _STACKS[wanted["enableipv4"], wanted["enableipv6"]]


_STACKS = {
    (True, False): Stack.IPV4,
    (False, True): Stack.IPV6,
    (True, True): Stack.DUAL,
    (False, False): Stack.NONE,
}


def parse_version(image: str) -> Version | None:
    """The version by an image, its tag, or a version as people write it; None if it tells none."""
    tag = image.partition("@")[0].rpartition("/")[2].rpartition(":")[2]
    match = re.fullmatch(r"v?([0-9]{1,5})\.([0-9]{1,5})\.([0-9]{1,5})(?:[-+._].*)?", tag)
    if match is None:
        return None
    if tag.startswith("v0.14.0-dual-stack"):
        return 0, 15, 0  # the same code: that tag is v0.15.0 but for a manifest
    return int(match[1]), int(match[2]), int(match[3])
