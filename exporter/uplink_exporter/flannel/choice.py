"""Flannel's own question: which interface would flanneld take if it started now, or with which words would it die?

The rules are those of main.go, pkg/ipmatch/match.go and pkg/ip/iface.go (before v0.17.0 all in main.go), from v0.8.0
on, and where versions differ this file says since when. They know neither operstate nor carrier nor metric: the first
default route of the main table in the kernel's order decides, and whatever it names is taken.
What flannel asks before it comes to this (the API server, br_netfilter) is not judged here.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cmp_to_key, partial

from uplink_exporter.facts import Address, Family, Link, Network, Reached
from uplink_exporter.flannel import re2
from uplink_exporter.flannel.goip import IpAddress, is_global_unicast, parse_ip
from uplink_exporter.flannel.options import Options, Stack, unknown_flag


class Method(StrEnum):
    """By what flannel finds its interface."""

    DEFAULT_ROUTE = "default_route"
    IFACE = "iface"
    IFACE_REGEX = "iface_regex"
    CAN_REACH = "can_reach"
    PUBLIC_IP = "public_ip"


class Blocked(StrEnum):
    """Why flannel would not start; the closed set of `uplink_flannel_start_blocked`."""

    NO_DEFAULT_ROUTE = "no_default_route"
    NO_DEFAULT_ROUTE6 = "no_default_route6"
    DEFAULT_ROUTE_NO_OIF = "default_route_no_oif"
    DEFAULT_IFACE_MISMATCH = "default_iface_mismatch"
    IFACE_NO_ADDRESS = "iface_no_address"
    IFACE_MISSING = "iface_missing"
    IFACE_IP_MISSING = "iface_ip_missing"
    IFACE_NO_MATCH = "iface_no_match"
    UNREACHABLE = "unreachable"
    MTU = "mtu"
    CONFIG = "config"
    PANIC = "panic"
    UNDECIDED = "undecided"
    """It cannot be told here: a pattern too costly to try, or a route that was not looked up."""


Reach = Callable[[str], Reached | None]
"""The kernel's route lookup for an address; None if it was not made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What flannel would take. Addresses are those it logs, empty if it logs none."""

    device: str
    address: str = ""
    address6: str = ""
    method: Method


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why flannel would die."""

    reason: Blocked
    inner: str
    """The words of the search that failed, of the last one if there were several."""
    error: str
    """The line with which flannel ends."""
    lookback: tuple[str, ...] = ()
    """The lines before it, where they tell the cause and it does not."""


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
        return _settled(network, options, _by_public_ip(network, options))
    except _DeadEndError as end:
        return _refusal(end, f"Failed to find any valid interface to use: {end}")


def _refused_at_once(words: str) -> Refusal:
    return Refusal(reason=Blocked.CONFIG, inner=words, error=words)


def _first_found(network: Network, options: Options, reach: Reach) -> Choice | Refusal:
    """Where flannel is told where to look it tries one after the other, and logs each failure as information."""
    tries: list[tuple[str, Callable[[], _Found]]] = [
        *((name, partial(_by_iface, network, options, name, Method.IFACE)) for name in options.ifaces),
        *((regex, partial(_by_regex, network, options, regex)) for regex in options.regexes),
    ]
    if options.can_reach:
        tries.append((f"ifaceCanReach: {options.can_reach}", partial(_by_reach, network, options, reach)))
    failed: list[tuple[str, _DeadEndError]] = []
    for key, find in tries:
        try:
            return _settled(network, options, find())
        except _DeadEndError as end:
            failed.append((key, end))
            if end.final:
                break
    error = "Failed to find interface to use that matches the interfaces and/or regexes provided"
    told = (f"Could not find valid interface matching {key}: {end}" for key, end in failed if not end.final)
    return _refusal(failed[-1][1], error, tuple(told))


def _refusal(end: _DeadEndError, error: str, lookback: tuple[str, ...] = ()) -> Refusal:
    return Refusal(reason=end.reason, inner=str(end), error=str(end) if end.final else error, lookback=lookback)


class _DeadEndError(Exception):
    """A search that found nothing, in flannel's words. `final` means that nothing is tried after it."""

    def __init__(self, reason: Blocked, words: str) -> None:
        super().__init__(words)
        self.reason = reason
        self.final = reason in {Blocked.PANIC, Blocked.UNDECIDED}


@dataclass(frozen=True, slots=True)
class _Found:
    """The link that a search ended with, and the addresses if it fixed them."""

    link: Link
    method: Method
    address: str = ""
    address6: str = ""


def _by_public_ip(network: Network, options: Options) -> _Found:
    key = options.public_ip if options.version >= (0, 12, 0) else ""
    if not key and options.version >= (0, 19, 0):
        key = options.public_ipv6
    return _by_iface(network, options, key, Method.PUBLIC_IP)


def _by_iface(network: Network, options: Options, key: str, method: Method) -> _Found:
    """By a literal address or else an exact name, or by the default route if both are missing."""
    if not key:
        return _by_default_route(network, options)
    literal = parse_ip(key)
    if literal is None:
        return _Found(_linked(network.link(key), f"error looking up interface {key}"), method)
    if options.stack is Stack.IPV4:
        return _Found(_holder(network, options, literal, Family.IPV4, key), method, str(literal))
    if options.stack is Stack.IPV6:
        link = _holder(network, options, literal, Family.IPV6, key)
        # Before v0.25.7 the literal found the link, and the link's first address was used.
        return _Found(link, method, str(literal), str(literal) if options.version >= (0, 25, 7) else "")
    if options.version < (0, 19, 0):
        return _by_either(network, options, literal, key, method)
    return _by_both(network, options, literal, key, method)


def _by_either(network: Network, options: Options, literal: IpAddress, key: str, method: Method) -> _Found:
    # Dual stack before v0.19.0: one literal as an address of both families, which none can be.
    link = _holder(network, options, literal, Family.IPV4, key)
    _same(_holder(network, options, literal, Family.IPV6, key), link, "v6 interface", "v4 interface")
    return _Found(link, method, str(literal))


def _by_both(network: Network, options: Options, literal: IpAddress, key: str, method: Method) -> _Found:
    # Dual stack: the literal is the IPv4 address, --public-ipv6 the other; without IPv4 the latter has to do.
    literal6 = parse_ip(options.public_ipv6)
    if literal.version == 4:
        link = _holder(network, options, literal, Family.IPV4, key)
        if literal6 is None:
            return _Found(link, method, str(literal))
        link6 = _holder(network, options, literal6, Family.IPV6, options.public_ipv6)
        _same(link6, link, "v6 interface", "v4 interface")
        return _Found(link, method, str(literal), str(literal6))
    if literal6 is None:
        # match.go goes on without an interface.
        words = "panic: runtime error: invalid memory address or nil pointer dereference"
        raise _DeadEndError(Blocked.PANIC, words)
    return _Found(_holder(network, options, literal6, Family.IPV6, options.public_ipv6), method, "", str(literal6))


def _holder(network: Network, options: Options, literal: IpAddress, family: Family, key: str) -> Link:
    """The first link that has this address, whatever its scope, its flags, or the link's state."""
    having = {a.index for a in network.addresses if a.family is family and parse_ip(a.address) == literal}
    for link in network.links:
        if link.index in having:
            return link
    v6, which = ("v6 ", "IPv6") if family is Family.IPV6 else ("", "IP")
    words = _spelt(f"No interface with given {which} found", options)
    raise _DeadEndError(Blocked.IFACE_IP_MISSING, f"error looking up {v6}interface {key}: {words}")


def _same(link6: Link, link: Link, name6: str, name: str) -> None:
    if link6.name != link.name:
        words = f"{name6} {link6.name} must be the same with {name} {link.name}"
        raise _DeadEndError(Blocked.DEFAULT_IFACE_MISMATCH, words)


def _linked(link: Link | None, doing: str) -> Link:
    if link is None:
        raise _DeadEndError(Blocked.IFACE_MISSING, f"{doing}: route ip+net: no such network interface")
    return link


def _by_default_route(network: Network, options: Options) -> _Found:
    links = [_default_link(network, options, family) for family in _families(options.stack)]
    _same(links[-1], links[0], "v6 default route interface", "v4 default route interface")
    return _Found(links[0], Method.DEFAULT_ROUTE)


def _families(stack: Stack) -> tuple[Family, ...]:
    return tuple(Family) if stack is Stack.DUAL else (Family(stack),)


def _default_link(network: Network, options: Options, family: Family) -> Link:
    """The link of the family's first default route, of whatever type, metric or state, by RTA_OIF alone."""
    v6 = " v6" if family is Family.IPV6 else ""
    doing = f"failed to get default{v6} interface"
    route = next((route for route in network.routes if route.family is family and route.prefix_length == 0), None)
    if route is None:
        reason = Blocked.NO_DEFAULT_ROUTE6 if v6 else Blocked.NO_DEFAULT_ROUTE
        raise _DeadEndError(reason, f"{doing}: {_spelt(f'Unable to find default{v6} route', options)}")
    index = 0 if route.nested or not route.next_hops else route.next_hops[0].index
    if index <= 0:
        words = _spelt(f"Found default{v6} route but could not determine interface", options)
        raise _DeadEndError(Blocked.DEFAULT_ROUTE_NO_OIF, f"{doing}: {words}")
    return _linked(network.link_at(index), doing)


def _by_regex(network: Network, options: Options, regex: str) -> _Found:
    """By an address that matches, or else by a name."""
    if not regex:
        return _by_default_route(network, options)
    pattern = _compiled(network, options, regex)
    partly = ""
    for found in _matching(network, options, pattern):
        if options.stack is not Stack.DUAL or found.address6:
            return found
        partly = found.address
    named = next((link for link in network.links if pattern.search(link.name)), None)
    if named is None:
        raise _DeadEndError(Blocked.IFACE_NO_MATCH, _no_match(network, options, regex))
    # In dual stack an IPv4 address that matched without an IPv6 one is kept, be it another link's.
    return _Found(named, Method.IFACE_REGEX, partly)


def _compiled(network: Network, options: Options, regex: str) -> re2.Pattern:
    try:
        return re2.compile_pattern(regex)
    except re2.TooCostlyError as error:
        raise _DeadEndError(Blocked.UNDECIDED, f"not tried: {error}") from error
    except re2.MalformedError as error:
        words = f"could not compile the IP address regex '{regex}': {error}"
        if options.version < (0, 15, 0):
            words = f"regex error matching pattern {regex} to {_first_tried(network, options)}"
        raise _DeadEndError(Blocked.CONFIG, words) from error


def _first_tried(network: Network, options: Options) -> str:
    addresses = (_usable(network, options, link, Family.IPV4) for link in network.links)
    names = (link.name for link in network.links)
    return next((str(usable[0]) for usable in addresses if usable), next(names, ""))


def _matching(network: Network, options: Options, pattern: re2.Pattern) -> Iterator[_Found]:
    """The links with an address that matches; in dual stack also those where only the IPv4 one does."""
    found = [hit for link in network.links if (hit := _match(network, options, pattern, link)) is not None]
    if not (0, 15, 0) <= options.version < (0, 17, 0):
        yield from found
        return
    # `break` left the switch and not the loop, and &ifaceToMatch is the loop's variable: the last matching address
    # on the last link of all (flannel 790906b9).
    whole = [hit for hit in found if options.stack is not Stack.DUAL or hit.address6]
    if whole:
        yield replace(whole[-1], link=network.links[-1])


def _match(network: Network, options: Options, pattern: re2.Pattern, link: Link) -> _Found | None:
    if options.stack is Stack.IPV6:
        address6 = _first_match(pattern, _usable(network, options, link, Family.IPV6))
        return _Found(link, Method.IFACE_REGEX, "", address6) if address6 else None
    address = _first_match(pattern, _usable(network, options, link, Family.IPV4))
    if not address or options.stack is Stack.IPV4:
        return _Found(link, Method.IFACE_REGEX, address) if address else None
    addresses6 = _usable(network, options, link, Family.IPV6)
    return _Found(link, Method.IFACE_REGEX, address, _first_match(pattern, addresses6)) if addresses6 else None


def _first_match(pattern: re2.Pattern, addresses: list[IpAddress]) -> str:
    return next((str(address) for address in addresses if pattern.search(str(address))), "")


def _no_match(network: Network, options: Options, regex: str) -> str:
    family = Family.IPV6 if options.stack is Stack.IPV6 else Family.IPV4
    listed = []
    for link in network.links:
        addresses = [str(address) for address in _usable(network, options, link, family)]
        if options.version >= (0, 17, 0):
            listed.append(f"{link.name}:[{' '.join(addresses)}]")
        else:
            listed.append(f"{link.name}:{addresses[0] if addresses else '<nil>'}")
    start = _spelt(f"Could not match pattern {regex} to any of the available network interfaces", options)
    return f"{start} ({', '.join(listed)})"


def _by_reach(network: Network, options: Options, reach: Reach) -> _Found:
    """By the kernel's route to an address; the source it gives may be another link's."""
    doing = "failed to get ifcanreach based interface"
    target = parse_ip(options.can_reach)
    if target is None:
        words = f"{doing}: couldn't lookup route to <nil>: {_ERRORS[errno.ERANGE]}"
        raise _DeadEndError(Blocked.CONFIG, words)
    reached = reach(str(target))
    if reached is None:
        raise _DeadEndError(Blocked.UNDECIDED, f"not tried: the route to {target} was not looked up")
    if reached.errno:
        words = _ERRORS.get(reached.errno, f"errno {reached.errno}")
        raise _DeadEndError(Blocked.UNREACHABLE, f"{doing}: couldn't lookup route to {target}: {words}")
    link = _linked(network.link_at(reached.index), f"{doing}: couldn't lookup interface")
    source = parse_ip(reached.preferred_source)
    return _Found(link, Method.CAN_REACH, "" if source is None else str(source))


# As Go's syscall package spells them (zerrors_linux_*.go).
_ERRORS = {
    errno.EPERM: "operation not permitted",
    errno.EACCES: "permission denied",
    errno.ENODEV: "no such device",
    errno.EINVAL: "invalid argument",
    errno.ERANGE: "numerical result out of range",
    errno.ENETUNREACH: "network is unreachable",
    errno.EHOSTUNREACH: "no route to host",
}


def _settled(network: Network, options: Options, found: _Found) -> Choice:
    """The choice that a search ends in, or its last dead end."""
    found = _addressed(network, options, found)
    if found.link.mtu == 0:
        raise _DeadEndError(Blocked.MTU, f"failed to determine MTU for {found.address or '<nil>'} interface")
    if options.public_ip and parse_ip(options.public_ip) is None:
        raise _DeadEndError(Blocked.CONFIG, f"invalid public IP address: {options.public_ip}")
    if options.public_ipv6 and parse_ip(options.public_ipv6) is None:
        raise _DeadEndError(Blocked.CONFIG, f"invalid public IPv6 address: {options.public_ipv6}")
    return Choice(device=found.link.name, address=found.address, address6=found.address6, method=found.method)


def _addressed(network: Network, options: Options, found: _Found) -> _Found:
    """What was found, with the addresses that the stack needs and the search did not fix."""
    if options.stack is Stack.DUAL and options.version < (0, 27, 4) and (found.address or found.address6):
        return found  # the other family stayed without (flannel a0a7d683)
    families = _families(options.stack)
    if Family.IPV4 in families and not found.address:
        found = replace(found, address=_first_usable(network, options, found.link, Family.IPV4, "IPv4"))
    if Family.IPV6 in families and not found.address6:
        found = replace(found, address6=_first_usable(network, options, found.link, Family.IPV6, "IPv6"))
    return found


def _first_usable(network: Network, options: Options, link: Link, family: Family, name: str) -> str:
    usable = _usable(network, options, link, family)
    if not usable:
        raise _DeadEndError(Blocked.IFACE_NO_ADDRESS, f"failed to find {name} address for interface {link.name}")
    return str(usable[0])


def _usable(network: Network, options: Options, link: Link, family: Family) -> list[IpAddress]:
    """The link's addresses that flannel would use, best first. Scopes are never looked at."""
    parsed = ((a, parse_ip(a.address)) for a in network.addresses if a.index == link.index and a.family is family)
    held = [(address, ip) for address, ip in parsed if ip is not None]
    if options.version >= (0, 28, 0):
        held.sort(key=cmp_to_key(_compared))
        held = [(address, ip) for address, ip in held if not address.flags & Address.DEPRECATED]
        return [ip for _, ip in held if is_global_unicast(ip) or ip.is_link_local]
    globals_ = [ip for _, ip in held if is_global_unicast(ip)]
    locals_ = [ip for _, ip in held if ip.is_link_local]
    if options.version >= (0, 17, 0):
        return globals_ + locals_
    return globals_[:1] or locals_[-1:]


def _compared(one: tuple[Address, IpAddress], other: tuple[Address, IpAddress]) -> int:
    # compareAddrs (flannel 97b6771a). Go's sort is stable up to 12 addresses; beyond, which of equals comes first is
    # not told here. IPv4 has IFA_F_SECONDARY where IPv6 has IFA_F_TEMPORARY, and flannel does not tell them apart.
    if is_global_unicast(one[1]) and other[1].is_link_local:
        return -1
    if one[1].is_link_local and is_global_unicast(other[1]):
        return 1
    mine, theirs = (
        (not address.flags & Address.PERMANENT, bool(address.flags & Address.TEMPORARY)) for address, _ in (one, other)
    )
    return (mine > theirs) - (mine < theirs)


def _spelt(words: str, options: Options) -> str:
    """An inner message as this version spells it: v0.28.0 lower-cased them (flannel 44e09cf2)."""
    return words if options.version < (0, 28, 0) else words[0].lower() + words[1:]
