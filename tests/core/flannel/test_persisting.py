"""Whether what flannel died of is so still."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.builders import DUAL, NETWORK
from uplink_exporter.facts import Network
from uplink_exporter.flannel.observed import Cause, LastWords
from uplink_exporter.flannel.persisting import persists

F1 = "Failed to find any valid interface to use: "
MISS = "Could not find valid interface matching "
NO_IFACE = "route ip+net: no such network interface"
NO_ADDRESS = replace(NETWORK, addresses=())
LINK_LOCAL = replace(NETWORK, addresses=tuple(replace(a, address="169.254.3.4") for a in NETWORK.addresses))

CASES = [
    (Cause.NO_DEFAULT_ROUTE, F1 + "Unable to find default route", NETWORK, ""),
    (Cause.NO_DEFAULT_ROUTE, F1 + "...", replace(NETWORK, routes=()), "there is no IPv4 default route"),
    (Cause.NO_DEFAULT_ROUTE6, F1 + "...", NETWORK, "there is no IPv6 default route"),
    (Cause.NO_DEFAULT_ROUTE6, F1 + "...", DUAL, ""),
    (
        Cause.IFACE_MISSING,
        f"{MISS}ens192: error looking up interface ens192: {NO_IFACE}",
        NETWORK,
        "flannel is told ens192, which does not exist",
    ),
    (Cause.IFACE_MISSING, f"{MISS}wlan0: error looking up interface wlan0: {NO_IFACE}", NETWORK, ""),
    (Cause.IFACE_MISSING, F1 + NO_IFACE, NETWORK, ""),
    (
        Cause.IFACE_IP_MISSING,
        F1 + "error looking up interface 198.51.100.11: No interface with given IP found",
        NETWORK,
        "flannel looks for 198.51.100.11, which is no address of this node",
    ),
    (Cause.IFACE_IP_MISSING, F1 + "error looking up interface 192.168.6.11: no interface with given IP", NETWORK, ""),
    (Cause.IFACE_IP_MISSING, F1 + "error looking up v6 interface 2001:DB8:0::11: no interface with", DUAL, ""),
    (Cause.IFACE_IP_MISSING, F1 + "no interface with given IP found", NETWORK, ""),
    (Cause.IFACE_NO_ADDRESS, F1 + "failed to find IPv4 address for interface wlan0", NETWORK, ""),
    (
        Cause.IFACE_NO_ADDRESS,
        F1 + "failed to find IPv4 address for interface wlan0",
        NO_ADDRESS,
        "wlan0 has no IPv4 address",
    ),
    # flannel takes a link-local address too
    (Cause.IFACE_NO_ADDRESS, F1 + "failed to find IPv4 address for interface wlan0", LINK_LOCAL, ""),
    (
        Cause.IFACE_NO_ADDRESS,
        F1 + "failed to find IPv6 address for interface wlan0",
        NETWORK,
        "wlan0 has no IPv6 address",
    ),
    (Cause.IFACE_NO_ADDRESS, F1 + "failed to find IPv4 address for interface ens192", NETWORK, ""),
    (Cause.ROUTE_DUMP_RACE, F1 + "results may be incomplete or inconsistent", NETWORK, ""),
    (Cause.RBAC, "forbidden", NETWORK, ""),
]


@pytest.mark.parametrize(("cause", "line", "network", "said"), CASES)
def test_what_holds_still_is_said(cause: Cause, line: str, network: Network, said: str) -> None:
    words = LastWords(uid="a", container="kube-flannel", attempt=3, cause=cause, line=line)
    assert persists(words, network) == said
