"""Flannel's own question: which interface would flanneld take if it started now, or with which words would it die?

The rules are those of main.go, pkg/ipmatch/match.go and pkg/ip/iface.go (before v0.17.0 all in main.go), from v0.8.0
on, and where versions differ this room says since when. They know neither operstate nor carrier nor metric: the first
default route of the main table in the kernel's order decides, and whatever it names is taken.
What flannel asks before it comes to this (the API server, br_netfilter) is not judged here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from uplink_exporter.facts import Network
from uplink_exporter.flannel.choice.addresses import settled
from uplink_exporter.flannel.choice.answer import Blocked, Choice, Method, Reach, Refusal
from uplink_exporter.flannel.choice.by_name import by_iface, by_public_ip
from uplink_exporter.flannel.choice.by_pattern import by_reach, by_regex
from uplink_exporter.flannel.choice.search import DeadEndError, Found
from uplink_exporter.flannel.options import Options, Stack, unknown_flag

__all__ = ["Blocked", "Choice", "Method", "Reach", "Refusal", "would_start"]


def would_start(network: Network, options: Options, reach: Reach = lambda address: None) -> Choice | Refusal:
    """What a flanneld with these options would do if it started now. Total."""
    unknown = unknown_flag(options)
    if unknown:
        return _refused_at_once(f"flag provided but not defined: -{unknown}")
    if options.version < (0, 15, 0):
        options = replace(options, stack=Stack.IPV4)  # what net-conf.json says of families is not read
    if options.stack is Stack.NONE:
        return _refused_at_once("none defined stack")
    if options.ifaces or options.regexes or options.can_reach:
        return _first_found(network, options, reach)
    try:
        return settled(network, options, by_public_ip(network, options))
    except DeadEndError as end:
        return _refusal(end, f"Failed to find any valid interface to use: {end}")


def _refused_at_once(words: str) -> Refusal:
    return Refusal(reason=Blocked.CONFIG, inner=words, error=words)


def _first_found(network: Network, options: Options, reach: Reach) -> Choice | Refusal:
    """Where flannel is told where to look it tries one after the other, and logs each failure as information."""
    tries: list[tuple[str, Callable[[], Found]]] = [
        *((name, partial(by_iface, network, options, name, Method.IFACE)) for name in options.ifaces),
        *((regex, partial(by_regex, network, options, regex)) for regex in options.regexes),
    ]
    if options.can_reach:
        tries.append((f"ifaceCanReach: {options.can_reach}", partial(by_reach, network, options, reach)))
    failed: list[tuple[str, DeadEndError]] = []
    for key, find in tries:
        try:
            return settled(network, options, find())
        except DeadEndError as end:
            failed.append((key, end))
            if end.final:
                break
    error = "Failed to find interface to use that matches the interfaces and/or regexes provided"
    told = (f"Could not find valid interface matching {key}: {end}" for key, end in failed if not end.final)
    return _refusal(failed[-1][1], error, tuple(told))


def _refusal(end: DeadEndError, error: str, lookback: tuple[str, ...] = ()) -> Refusal:
    return Refusal(reason=end.reason, inner=str(end), error=str(end) if end.final else error, lookback=lookback)
