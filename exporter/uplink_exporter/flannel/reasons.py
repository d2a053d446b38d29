"""Why flannel died, or would, in words: what follows a colon in a sentence about flannel."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from uplink_exporter.flannel.choice import Blocked
from uplink_exporter.flannel.observed import Cause

WORDS: Mapping[str, str] = MappingProxyType(
    {
        Cause.NO_DEFAULT_ROUTE: "it finds no IPv4 default route",
        Cause.NO_DEFAULT_ROUTE6: "it finds no IPv6 default route",
        Cause.DEFAULT_ROUTE_NO_OIF: "it cannot read the default route",
        Cause.DEFAULT_IFACE_MISMATCH: "IPv4 and IPv6 leave by different devices",
        Cause.IFACE_NO_ADDRESS: "its interface has no address",
        Cause.IFACE_MISSING: "its interface does not exist",
        Cause.IFACE_IP_MISSING: "no interface has the address that it is told to use",
        Cause.IFACE_NO_MATCH: "no interface matches what it is told to use",
        Cause.ROUTE_DUMP_RACE: "the routes changed while it read them",
        Cause.KERNEL_TOO_OLD: "the kernel is too old for it",
        Cause.API_UNREACHABLE: "it cannot reach the API server",
        Cause.RBAC: "the API server does not allow it what it needs (RBAC)",
        Cause.CONFIG: "its flags or its configuration are wrong",
        Cause.PODCIDR: "the node has no pod CIDR",
        Cause.BR_NETFILTER: "the kernel module br_netfilter is not loaded",
        Cause.VXLAN: "it cannot set up its vxlan device",
        Cause.MTU: "the MTU is too small",
        Cause.ETCD: "it cannot reach etcd",
        Cause.IPTABLES: "iptables fails",
        Cause.NFTABLES: "nftables fails",
        Cause.PANIC: "it panics",
        Cause.OOM: "it was killed for memory",
        Cause.CLEAN: "it was stopped",
        Cause.UNKNOWN: "its log does not tell why",
        Blocked.NODE_IP: "it finds no address of this node",
        Blocked.UNREACHABLE: "the address of --iface-can-reach cannot be reached",
        Blocked.UNDECIDED: "it cannot be told why",
    }
)
