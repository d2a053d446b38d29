"""Flannel's address families, read from what it says and writes where its net-conf.json cannot be read."""

from __future__ import annotations

import re
from collections.abc import Sequence

from uplink_exporter.flannel.options import Stack

# Only with the family enabled does flannel say one of these (pkg/ipmatch/match.go, pkg/subnet/kube/kube.go). That the
# lookup of IPv4 failed tells nothing: both stacks that have it begin with it.
_IPV4 = re.compile(
    r"Using interface with name \S+ and address [0-9.]+$"
    r"|Defaulting external address to interface address \([0-9.]+\)"
    r"|Creating the node lease for IPv4"
    r"|must be the same with v4"
)
_IPV6 = re.compile(
    r"Using interface with name \S+ and v6 address "
    r"|Defaulting external v6 address to "
    r"|Creating the node lease for IPv6"
    r"|failed to get default v6 interface: "
    r"|error looking up v6 interface "
    r"|failed to find IPv6 address for interface "
    r"|must be the same with v4"
)
_KEYS = re.compile(r"^FLANNEL_(IPV6_)?SUBNET=.", re.MULTILINE)


def logged_stack(lines: Sequence[str]) -> Stack | None:
    """The stack by a log of flannel's, None if it does not tell.

    Lines about IPv6 go before the leases, so IPv4 alone is told only where flannel came as far as to its interface.
    """
    return _stack(any(map(_IPV4.search, lines)), any(map(_IPV6.search, lines)))


def written_stack(subnet_file: str) -> Stack | None:
    """The stack by the lines of subnet.env, None if it has none of a subnet."""
    keys = {match[1] for match in _KEYS.finditer(subnet_file)}
    return _stack(None in keys, "IPV6_" in keys)


def _stack(ipv4: bool, ipv6: bool) -> Stack | None:
    if ipv4:
        return Stack.DUAL if ipv6 else Stack.IPV4
    return Stack.IPV6 if ipv6 else None
