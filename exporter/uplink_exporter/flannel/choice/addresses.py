"""Which addresses of the link that was found flannel takes."""

from __future__ import annotations

from dataclasses import replace
from functools import cmp_to_key

from uplink_exporter.facts import Address, Family, Link, Network
from uplink_exporter.flannel.choice.answer import Blocked, Choice
from uplink_exporter.flannel.choice.search import DeadEndError, Found, families
from uplink_exporter.flannel.goip import IpAddress, is_global_unicast, parse_ip
from uplink_exporter.flannel.options import Options, Stack


def settled(network: Network, options: Options, found: Found) -> Choice:
    """The choice that a search ends in, or its last dead end."""
    found = _addressed(network, options, found)
    if found.link.mtu == 0:
        raise DeadEndError(Blocked.MTU, f"failed to determine MTU for {found.address or '<nil>'} interface")
    if options.public_ip and parse_ip(options.public_ip) is None:
        raise DeadEndError(Blocked.CONFIG, f"invalid public IP address: {options.public_ip}")
    if options.public_ipv6 and parse_ip(options.public_ipv6) is None:
        raise DeadEndError(Blocked.CONFIG, f"invalid public IPv6 address: {options.public_ipv6}")
    return Choice(device=found.link.name, address=found.address, address6=found.address6, method=found.method)


def _addressed(network: Network, options: Options, found: Found) -> Found:
    """What was found, with the addresses that the stack needs and the search did not fix."""
    if options.stack is Stack.DUAL and options.version < (0, 27, 4) and (found.address or found.address6):
        return found  # the other family stayed without (flannel a0a7d683)
    wanted = families(options.stack)
    if Family.IPV4 in wanted and not found.address:
        found = replace(found, address=_first_usable(network, options, found.link, Family.IPV4, "IPv4"))
    if Family.IPV6 in wanted and not found.address6:
        found = replace(found, address6=_first_usable(network, options, found.link, Family.IPV6, "IPv6"))
    return found


def _first_usable(network: Network, options: Options, link: Link, family: Family, name: str) -> str:
    usable = usable_addresses(network, options, link, family)
    if not usable:
        raise DeadEndError(Blocked.IFACE_NO_ADDRESS, f"failed to find {name} address for interface {link.name}")
    return str(usable[0])


def usable_addresses(network: Network, options: Options, link: Link, family: Family) -> list[IpAddress]:
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
