"""Flannel's address families, from its own log."""

from __future__ import annotations

import pytest

from uplink_exporter.flannel.options import Stack
from uplink_exporter.flannel.stacks import logged_stack

USING = "I0827 09:48:41.9       1 match.go:269] Using interface with name eth0 and "
FAILED = "E0827 09:48:41.9       1 main.go:205] Failed to find any valid interface to use: "
LEASE = "I0827 09:48:41.9       1 kube.go:558] Creating the node lease for "


@pytest.mark.parametrize(
    ("lines", "stack"),
    [
        ([], None),
        (["Determining IP address of default interface"], None),
        ([USING + "address 192.0.2.10"], Stack.IPV4),
        ([USING + "v6 address 2001:db8:1::10"], Stack.IPV6),
        ([USING + "address 192.0.2.10", USING + "v6 address 2001:db8:1::10"], Stack.DUAL),
        # IPv6 alone with --iface-can-reach: the source lands where IPv4 has its place.
        ([USING + "address 2001:db8:1::10", USING + "v6 address 2001:db8:1::10"], Stack.IPV6),
        (["Defaulting external address to interface address (192.0.2.10)"], Stack.IPV4),
        (["Defaulting external v6 address to interface address (2001:db8:1::10)"], Stack.IPV6),
        ([FAILED + "failed to get default v6 interface: Unable to find default v6 route"], Stack.IPV6),
        ([FAILED + "v6 default route interface b must be the same with v4 default route interface a"], Stack.DUAL),
        ([FAILED + "failed to get default interface: unable to find default route"], None),
        ([LEASE + "IPv4. This is the n.Spec.PodCIDRs: [10.244.1.0/24 fd00::/64]"], Stack.IPV4),
        ([LEASE + "IPv4. This is x", LEASE + "IPv6. This is x"], Stack.DUAL),
    ],
)
def test_the_stack_by_a_log(lines: list[str], stack: Stack | None) -> None:
    assert logged_stack(lines) is stack
