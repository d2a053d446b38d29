"""What flannel's last words mean. This file knows text alone: no files, no envelopes of a container runtime, no clock.

flanneld logs through klog and exits at its first fatal error (flannel main.go), so the line that it always exits
after is its last word. Messages are matched whatever their case, since v0.28.0 lower-cased them (flannel 44e09cf2),
and never by `file.go:line`, which moves from version to version.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from uplink_exporter.flannel.observed import Cause

LONGEST_LINE = 512
LONGEST_FLAGS_LINE = 4096
_LONGEST_SEARCHED = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """Why an attempt ended, and the message that says so: one printable line of bounded length."""

    cause: Cause
    line: str


def _pattern(*alternatives: str) -> re.Pattern[str]:
    return re.compile("|".join(alternatives), re.IGNORECASE)


# The first rule that matches decides. Words that quote another error (masquerading, etcd, the API) come before
# the words that they may quote.
RULES: tuple[tuple[Cause, re.Pattern[str]], ...] = (
    (Cause.CLEAN, _pattern(r"sent cancel signal\.\.\.", r"^exiting( cleanly)?\.\.\.$")),
    (Cause.PANIC, _pattern(r"^panic: ", r"^fatal error: ", r"sigsegv", r"^goroutine \d+ \[")),
    (Cause.BR_NETFILTER, _pattern(r"failed to check br_netfilter")),
    (Cause.NFTABLES, _pattern(r"no nftables support", r"nftables: couldn't")),
    (
        Cause.IPTABLES,
        _pattern(
            r"failed to setup masq rules",
            r"failed to (setup|bootstrap) ip6?tables",
            r"failed to ensure ip6?tables rules",
        ),
    ),
    (
        Cause.ETCD,
        _pattern(
            r"couldn't fetch network config",
            r"out of subnets",
            r"max retries reached trying to acquire a subnet",
            r"lease has been revoked",
            r"error renewing lease",
        ),
    ),
    # From v0.15.0 flannel asks the API server before it looks for its interface. Without a default route the kernel
    # refuses the service's address before kube-proxy's DNAT sees it (kubernetes#123120).
    (
        Cause.NO_DEFAULT_ROUTE6,
        _pattern(
            r"unable to find default v6 route",
            r"dial tcp \[.*\]:\d+: connect: network is unreachable",
            r"couldn't lookup route to [0-9a-f]*:[0-9a-f:.]*: network is unreachable",
        ),
    ),
    (
        Cause.NO_DEFAULT_ROUTE,
        _pattern(
            r"unable to find default route",
            r"dial tcp .*: connect: network is unreachable",
            r"couldn't lookup route to [0-9.]+: network is unreachable",
        ),
    ),
    (
        Cause.RBAC,
        _pattern(
            r"error retrieving pod spec for.*(forbidden|does not allow access|unauthorized)",
            r"cannot list resource \\?\"nodes",
        ),
    ),
    (
        Cause.API_UNREACHABLE,
        _pattern(
            r"error retrieving pod spec for.*(connection refused|i/o timeout|no route to host|deadline exceeded)",
            r"error retrieving pod spec for.*(connection reset|tls handshake timeout|no such host|: eof$)",
            r"error waiting for nodecontroller to sync state",
            r"failed to list \*v1\.node",
            r"timeout contacting kube-api",
            r"failed to acquire lease: .*/api/v1/nodes/.*dial tcp",
        ),
    ),
    (Cause.DEFAULT_ROUTE_NO_OIF, _pattern(r"found default (v6 )?route but could not determine interface")),
    (Cause.DEFAULT_IFACE_MISMATCH, _pattern(r"must be the same with v4")),
    (Cause.IFACE_NO_ADDRESS, _pattern(r"failed to find ipv[46] address for interface")),
    (Cause.IFACE_MISSING, _pattern(r"no such network interface")),
    (Cause.IFACE_IP_MISSING, _pattern(r"no interface with given ip(v6)? found")),
    (Cause.ROUTE_DUMP_RACE, _pattern(r"results may be incomplete or inconsistent", r"interrupted system call")),
    (Cause.KERNEL_TOO_OLD, _pattern(r"protocol not available")),
    (
        Cause.PODCIDR,
        _pattern(
            r"pod cidr not assigned",
            r"doesn't contain.*podcidr of the",
            r"pod cidrs should be ipv4/ipv6 only or dualstack",
            r"missing ipv[46] address on n\.spec\.podcidrs",
            r"is enabled but the lease has no ipv[46]",
        ),
    ),
    (
        Cause.VXLAN,
        _pattern(
            r"error registering network: operation not (supported|permitted)",
            r"failed to create vxlan",
            r"mac address wanted: ",
            r"can't locate created vxlan device",
            r"is not vxlan",
            r"failed to ensure (v6 )?address of interface",
            r"failed to set (v6 )?interface \S+ to up state",
        ),
    ),
    (Cause.MTU, _pattern(r"is too small for ipip mode", r"failed to determine mtu for")),
    (Cause.HOSTGW_NAT, _pattern(r"your publicip differs from interface ip")),
    (
        Cause.CONFIG,
        _pattern(
            r"env variables pod_name and pod_namespace must be set",
            r"failed to read net conf:",
            r"error parsing subnet config:",
            r"unknown backend type",
            r"error decoding \S+ backend config",
            r"invalid public ip(v6)? address:",
            r"none (defined stack|matched ip stack)",
            r"could not compile the ip address regex",
            r"regex error matching pattern",
            r"couldn't lookup route to <nil>",
            r"invalid subnet-lease-renew-margin option",
            r"flag provided but not defined",
            r"invalid (boolean )?value .* for (flag )?-",
        ),
    ),
    (
        Cause.IFACE_NO_MATCH,
        _pattern(
            r"could not match pattern",
            r"failed to get ifcanreach based interface",
            r"failed to find interface to use that matches",
        ),
    ),
)

# The process always ends after one of these, so they tell of its end even while nothing else does.
_EXITS = _pattern(
    r"failed to find any valid interface to use:",
    r"failed to find interface to use that matches",
    r"failed to create (subnet|network)manager:",
    r"error (fetching backend|registering network):",
    r"failed to check br_netfilter:",
    r"failed to setup masq rules,",
    r"no nftables support:",
    r"nftables: couldn't initialise table",
    r"none (defined stack|matched ip stack)",
    r"lease has been revoked",
    r"invalid subnet-lease-renew-margin option",
    r"flag provided but not defined",
    r"^panic: ",
    r"^fatal error: ",
)
_STOPPED = _pattern(r"sent cancel signal\.\.\.")
# What follows an exit or a stop, and speaks for itself only where what it follows is out of sight.
_TRACES = _pattern(r"^exiting( cleanly)?\.\.\.$", r"^goroutine \d+ \[", r"^\[signal sigsegv")
# A running flanneld logs these errors and goes on: the last thing heard of it, not what it died of.
_GOES_ON = _pattern(r"failed to (list|watch) \*v1\.node", r"error renewing lease", r"continuing anyway")
_AFTERMATH = _pattern(
    r"context canceled",
    r"stopping shutdownhandler",
    r"waiting for all goroutines to exit",
    r"stopped monitoring lease",
    r"channel closed",
)

_BEGINS = _pattern(r"cli flags config: ", r"determining ip address of default interface", r"searching for interface")
_STARTED = _pattern(r"using interface with name \S+ and (v6 )?address ", r"defaulting external (v6 )?address to ")

# Words that name no cause of their own, and the lines before them that do: the keys that flannel tried one after
# the other (logged as information), and what its watch of the nodes met while it waited ten minutes for them.
_EXPLAINED_BY: tuple[tuple[re.Pattern[str], re.Pattern[str]], ...] = (
    (_pattern(r"failed to find interface to use that matches"), _pattern(r"could not find valid interface matching")),
    (_pattern(r"error waiting for nodecontroller to sync state"), _pattern(r"failed to list \*v1\.node")),
)

_KLOG = re.compile(r"([IWEF])\d{4} \d\d:\d\d:\d\d\.\d+ +\d+ \S+:\d+\] ?(.*)", re.DOTALL)
_ETCD_PASSWORD = re.compile(r"etcdPassword:.*?(?= (?:help|version):|\}|$)")


def printable(text: str, longest: int = LONGEST_LINE) -> str:
    """The text as one printable line of at most `longest` characters."""
    return "".join(char if char.isprintable() else " " for char in text[:longest]).strip()


def cause_of(message: str) -> Cause:
    """What a message blames, by the first rule that matches it."""
    return next((cause for cause, pattern in RULES if pattern.search(message)), Cause.UNKNOWN)


def last_words(lines: Sequence[str], *, ended: bool) -> Words | None:
    """The last words of an attempt, from the tail of its log.

    `ended` tells that the process is known to be gone; else only words that it always exits after are its last, and
    None means that it may be running.
    """
    split = [_split(line) for line in lines]
    index = _last_of(split, _is_exit)
    if index is None:
        index = _last_of(split, _is_trace)
    if index is not None:
        return _words(split, index)
    return _words_of_the_silent(split) if ended else None


def started(lines: Sequence[str]) -> bool | None:
    """Whether the newest process of a log found the interface that it uses; None if the lines do not tell."""
    for line in reversed(lines):
        if _STARTED.search(line[:_LONGEST_SEARCHED]):
            return True
        if _BEGINS.search(line[:_LONGEST_SEARCHED]):
            return False
    return None


def flags_line(lines: Sequence[str]) -> str:
    """The newest `CLI flags config: {...}` message without its password, empty if there is none (before v0.15.0)."""
    messages = (_split(line)[1] for line in reversed(lines) if "CLI flags config: {" in line)
    return printable(_ETCD_PASSWORD.sub("etcdPassword:", next(messages, "")), LONGEST_FLAGS_LINE)


def _split(line: str) -> tuple[str, str]:
    """Severity and message of a klog line; a line without klog's header has no severity."""
    match = _KLOG.match(line[:_LONGEST_SEARCHED])
    return (match[1], match[2]) if match else ("", line[:_LONGEST_SEARCHED])


def _is_exit(severity: str, message: str) -> bool:
    if severity in {"I", "W"}:
        return _STOPPED.search(message) is not None
    # klog exits after a line of severity F. Errors about a cancelled context follow a stop that was asked for.
    exits = severity == "F" or _EXITS.search(message) is not None
    return exits and "context canceled" not in message


def _is_trace(severity: str, message: str) -> bool:
    return _TRACES.search(message) is not None


def _last_of(split: Sequence[tuple[str, str]], accepts: Callable[[str, str], bool]) -> int | None:
    # A kubelet before v1.21 could begin again at 0 and append to an old log (kubernetes#99748): another process
    # began there, and what was said before is not its word.
    for index in range(len(split) - 1, -1, -1):
        severity, message = split[index]
        if accepts(severity, message):
            return index
        if _BEGINS.search(message):
            return None
    return None


def _words(split: Sequence[tuple[str, str]], index: int) -> Words:
    message = split[index][1]
    for vague, telling in _EXPLAINED_BY:
        if vague.search(message):
            message = _explanation(split[:index], telling) or message
    return Words(cause=cause_of(message), line=printable(message))


def _explanation(before: Sequence[tuple[str, str]], telling: re.Pattern[str]) -> str:
    messages = (message for _, message in reversed(before) if telling.search(message))
    return next((message for message in messages if cause_of(message) is not Cause.UNKNOWN), "")


def _words_of_the_silent(split: Sequence[tuple[str, str]]) -> Words:
    """The words of a process that is gone and never said so: its last line, blamed only if it is a fatal error."""
    for severity, message in reversed(split):
        if _AFTERMATH.search(message) or not message.strip():
            continue
        if severity in {"I", "W"} or _GOES_ON.search(message):
            return Words(cause=Cause.UNKNOWN, line=printable(message))
        if severity or cause_of(message) is not Cause.UNKNOWN:
            return Words(cause=cause_of(message), line=printable(message))
    return Words(cause=Cause.UNKNOWN, line=printable(split[-1][1]) if split else "")
