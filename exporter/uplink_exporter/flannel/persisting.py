"""What flannel died of, held against the node as it is now: does the cause still hold?"""

from __future__ import annotations

import re
from collections.abc import Callable

from uplink_exporter.facts import Family, Network
from uplink_exporter.flannel.goip import parse_ip
from uplink_exporter.flannel.observed import Cause, LastWords

_INTERFACE = re.compile(r"error looking up (?:v6 )?interface (\S+): ")
_ADDRESS_OF = re.compile(r"failed to find IPv([46]) address for interface (\S+)")


def persists(words: LastWords, network: Network) -> str:
    """What its last words complain of, if it is so still; empty if it is not, or if that cannot be told."""
    holds = _HOLDS.get(words.cause)
    return holds(words.line, network) if holds else ""


def _no_default_route(family: Family, label: str) -> Callable[[str, Network], str]:
    return lambda line, network: "" if network.default_routes(family) else f"there is no {label} default route"


def _missing_device(line: str, network: Network) -> str:
    match = _INTERFACE.search(line)
    if match is None or network.link(match[1]) is not None:
        return ""
    return f"flannel is told {match[1]}, which does not exist"


def _missing_address(line: str, network: Network) -> str:
    match = _INTERFACE.search(line)
    wanted = parse_ip(match[1]) if match else None
    if wanted is None or wanted in {parse_ip(address.address) for address in network.addresses}:
        return ""
    return f"flannel looks for {wanted}, which is no address of this node"


def _device_without_address(line: str, network: Network) -> str:
    match = _ADDRESS_OF.search(line)
    link = network.link(match[2]) if match else None
    if match is None or link is None:
        return ""
    family = Family.IPV4 if match[1] == "4" else Family.IPV6
    if any(address.index == link.index and address.family is family for address in network.addresses):
        return ""
    return f"{link.name} has no IPv{match[1]} address"


_HOLDS: dict[Cause, Callable[[str, Network], str]] = {
    Cause.NO_DEFAULT_ROUTE: _no_default_route(Family.IPV4, "IPv4"),
    Cause.NO_DEFAULT_ROUTE6: _no_default_route(Family.IPV6, "IPv6"),
    Cause.IFACE_MISSING: _missing_device,
    Cause.IFACE_IP_MISSING: _missing_address,
    Cause.IFACE_NO_ADDRESS: _device_without_address,
}
