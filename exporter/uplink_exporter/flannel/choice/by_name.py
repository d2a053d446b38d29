"""The searches by default route, by name and by address."""

from __future__ import annotations

from uplink_exporter.facts import Family, Link, Network
from uplink_exporter.flannel.choice.answer import Blocked, Method
from uplink_exporter.flannel.choice.search import DeadEndError, Found, families, linked, spelt
from uplink_exporter.flannel.goip import IpAddress, parse_ip
from uplink_exporter.flannel.options import Options, Stack


def by_public_ip(network: Network, options: Options) -> Found:
    """By the address that flannel is told to be reached at, or by the default route."""
    key = options.public_ip if options.version >= (0, 12, 0) else ""
    if not key and options.version >= (0, 19, 0):
        key = options.public_ipv6
    return by_iface(network, options, key, Method.PUBLIC_IP)


def by_iface(network: Network, options: Options, key: str, method: Method) -> Found:
    """By a literal address or else an exact name, or by the default route if both are missing."""
    if not key:
        return by_default_route(network, options)
    literal = parse_ip(key)
    if literal is None:
        return Found(linked(network.link(key), f"error looking up interface {key}"), method)
    if options.stack is Stack.IPV4:
        return Found(_holder(network, options, literal, Family.IPV4, key), method, str(literal))
    if options.stack is Stack.IPV6:
        link = _holder(network, options, literal, Family.IPV6, key)
        # Before v0.25.7 the literal found the link, and the link's first address was used.
        return Found(link, method, str(literal), str(literal) if options.version >= (0, 25, 7) else "")
    if options.version < (0, 19, 0):
        return _by_either(network, options, literal, key, method)
    return _by_both(network, options, literal, key, method)


def _by_either(network: Network, options: Options, literal: IpAddress, key: str, method: Method) -> Found:
    # Dual stack before v0.19.0: one literal as an address of both families, which none can be.
    link = _holder(network, options, literal, Family.IPV4, key)
    same(_holder(network, options, literal, Family.IPV6, key), link, "v6 interface", "v4 interface")
    return Found(link, method, str(literal))


def _by_both(network: Network, options: Options, literal: IpAddress, key: str, method: Method) -> Found:
    # Dual stack: the literal is the IPv4 address, --public-ipv6 the other; without IPv4 the latter has to do.
    literal6 = parse_ip(options.public_ipv6)
    if literal.version == 4:
        link = _holder(network, options, literal, Family.IPV4, key)
        if literal6 is None:
            return Found(link, method, str(literal))
        link6 = _holder(network, options, literal6, Family.IPV6, options.public_ipv6)
        same(link6, link, "v6 interface", "v4 interface")
        return Found(link, method, str(literal), str(literal6))
    if literal6 is None:
        # match.go goes on without an interface.
        words = "panic: runtime error: invalid memory address or nil pointer dereference"
        raise DeadEndError(Blocked.PANIC, words)
    return Found(_holder(network, options, literal6, Family.IPV6, options.public_ipv6), method, "", str(literal6))


def _holder(network: Network, options: Options, literal: IpAddress, family: Family, key: str) -> Link:
    """The first link that has this address, whatever its scope, its flags, or the link's state."""
    having = {a.index for a in network.addresses if a.family is family and parse_ip(a.address) == literal}
    for link in network.links:
        if link.index in having:
            return link
    v6, which = ("v6 ", "IPv6") if family is Family.IPV6 else ("", "IP")
    words = spelt(f"No interface with given {which} found", options)
    raise DeadEndError(Blocked.IFACE_IP_MISSING, f"error looking up {v6}interface {key}: {words}")


def same(link6: Link, link: Link, name6: str, name: str) -> None:
    """Raises unless both families lead to one link."""
    if link6.name != link.name:
        words = f"{name6} {link6.name} must be the same with {name} {link.name}"
        raise DeadEndError(Blocked.DEFAULT_IFACE_MISMATCH, words)


def by_default_route(network: Network, options: Options) -> Found:
    """By the first default route of each family that is wanted, which must name one link."""
    links = [_default_link(network, options, family) for family in families(options.stack)]
    same(links[-1], links[0], "v6 default route interface", "v4 default route interface")
    return Found(links[0], Method.DEFAULT_ROUTE)


def _default_link(network: Network, options: Options, family: Family) -> Link:
    """The link of the family's first default route, of whatever type, metric or state, by RTA_OIF alone."""
    v6 = " v6" if family is Family.IPV6 else ""
    doing = f"failed to get default{v6} interface"
    route = next((route for route in network.routes if route.family is family and route.to_all), None)
    if route is None:
        reason = Blocked.NO_DEFAULT_ROUTE6 if v6 else Blocked.NO_DEFAULT_ROUTE
        raise DeadEndError(reason, f"{doing}: {spelt(f'Unable to find default{v6} route', options)}")
    index = 0 if route.nested or not route.next_hops else route.next_hops[0].index
    if index <= 0:
        words = spelt(f"Found default{v6} route but could not determine interface", options)
        raise DeadEndError(Blocked.DEFAULT_ROUTE_NO_OIF, f"{doing}: {words}")
    return linked(network.link_at(index), doing)
