"""IP addresses as Go's package net reads, prints and sorts them into kinds."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

IpAddress = IPv4Address | IPv6Address

_BROADCAST = IPv4Address("255.255.255.255")


def parse_ip(text: str) -> IpAddress | None:
    """The address, None if net.ParseIP refuses it. IPv4 in an IPv6 coat (::ffff:a.b.c.d) is IPv4 to Go."""
    if "%" in text:
        return None
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return address if mapped is None else mapped


def is_global_unicast(address: IpAddress) -> bool:
    """net.IP.IsGlobalUnicast: all but a few kinds, private and unique local addresses included."""
    special = address.is_unspecified or address.is_loopback or address.is_multicast or address.is_link_local
    return not special and address != _BROADCAST
