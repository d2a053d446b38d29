"""The searches by a pattern and by the route to an address."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from dataclasses import replace

from uplink_exporter.facts import Family, Link, Network
from uplink_exporter.flannel import re2
from uplink_exporter.flannel.choice.addresses import usable_addresses
from uplink_exporter.flannel.choice.answer import Blocked, Method, Reach
from uplink_exporter.flannel.choice.by_name import by_default_route
from uplink_exporter.flannel.choice.search import DeadEndError, Found, linked, spelt
from uplink_exporter.flannel.goip import IpAddress, parse_ip
from uplink_exporter.flannel.options import Options, Stack


def by_regex(network: Network, options: Options, regex: str) -> Found:
    """By an address that matches, or else by a name."""
    if not regex:
        return by_default_route(network, options)
    pattern = _compiled(network, options, regex)
    partly = ""
    for found in _matching(network, options, pattern):
        if options.stack is not Stack.DUAL or found.address6:
            return found
        partly = found.address
    named = next((link for link in network.links if pattern.search(link.name)), None)
    if named is None:
        raise DeadEndError(Blocked.IFACE_NO_MATCH, _no_match(network, options, regex))
    # In dual stack an IPv4 address that matched without an IPv6 one is kept, be it another link's.
    return Found(named, Method.IFACE_REGEX, partly)


def _compiled(network: Network, options: Options, regex: str) -> re2.Pattern:
    try:
        return re2.compile_pattern(regex)
    except re2.TooCostlyError as error:
        raise DeadEndError(Blocked.UNDECIDED, f"not tried: {error}") from error
    except re2.MalformedError as error:
        words = f"could not compile the IP address regex '{regex}': {error}"
        if options.version < (0, 15, 0):
            words = f"regex error matching pattern {regex} to {_first_tried(network, options)}"
        raise DeadEndError(Blocked.CONFIG, words) from error


def _first_tried(network: Network, options: Options) -> str:
    addresses = (usable_addresses(network, options, link, Family.IPV4) for link in network.links)
    names = (link.name for link in network.links)
    return next((str(usable[0]) for usable in addresses if usable), next(names, ""))


def _matching(network: Network, options: Options, pattern: re2.Pattern) -> Iterator[Found]:
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


def _match(network: Network, options: Options, pattern: re2.Pattern, link: Link) -> Found | None:
    if options.stack is Stack.IPV6:
        address6 = _first_match(pattern, usable_addresses(network, options, link, Family.IPV6))
        return Found(link, Method.IFACE_REGEX, "", address6) if address6 else None
    address = _first_match(pattern, usable_addresses(network, options, link, Family.IPV4))
    if not address or options.stack is Stack.IPV4:
        return Found(link, Method.IFACE_REGEX, address) if address else None
    addresses6 = usable_addresses(network, options, link, Family.IPV6)
    return Found(link, Method.IFACE_REGEX, address, _first_match(pattern, addresses6)) if addresses6 else None


def _first_match(pattern: re2.Pattern, addresses: list[IpAddress]) -> str:
    return next((str(address) for address in addresses if pattern.search(str(address))), "")


def _no_match(network: Network, options: Options, regex: str) -> str:
    family = Family.IPV6 if options.stack is Stack.IPV6 else Family.IPV4
    listed = []
    for link in network.links:
        addresses = [str(address) for address in usable_addresses(network, options, link, family)]
        if options.version >= (0, 17, 0):
            listed.append(f"{link.name}:[{' '.join(addresses)}]")
        else:
            listed.append(f"{link.name}:{addresses[0] if addresses else '<nil>'}")
    start = spelt(f"Could not match pattern {regex} to any of the available network interfaces", options)
    return f"{start} ({', '.join(listed)})"


def by_reach(network: Network, options: Options, reach: Reach) -> Found:
    """By the kernel's route to an address; the source it gives may be another link's."""
    doing = "failed to get ifcanreach based interface"
    target = parse_ip(options.can_reach)
    if target is None:
        words = f"{doing}: couldn't lookup route to <nil>: {_ERRORS[errno.ERANGE]}"
        raise DeadEndError(Blocked.CONFIG, words)
    reached = reach(str(target))
    if reached is None:
        raise DeadEndError(Blocked.UNDECIDED, f"not tried: the route to {target} was not looked up")
    if reached.errno:
        words = _ERRORS.get(reached.errno, f"errno {reached.errno}")
        raise DeadEndError(Blocked.UNREACHABLE, f"{doing}: couldn't lookup route to {target}: {words}")
    link = linked(network.link_at(reached.index), f"{doing}: couldn't lookup interface")
    source = parse_ip(reached.preferred_source)
    return Found(link, Method.CAN_REACH, "" if source is None else str(source))


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
