"""The messages of flannel that tell of an end and of its cause, as data.

Messages are matched whatever their case, since v0.28.0 lower-cased them (flannel 44e09cf2), and never by
`file.go:line`, which moves from version to version. tests/core/flannel/lines.py has, for each message and version,
whether flannel ends after it (main.go of each tag).
"""

from __future__ import annotations

import re

from uplink_exporter.flannel.observed import Cause


def _pattern(*alternatives: str) -> re.Pattern[str]:
    return re.compile("|".join(alternatives), re.IGNORECASE)


# Go's package flag, before there is a log.
_FLAGS = r"^(flag provided but not defined|flag needs an argument|invalid (boolean )?value .* for (flag )?-)"

_NETWORKS = (
    r"^could not find (flannel (ipv6 )?networks matching subnet|an ipv[46] network in the flannel configuration)"
)

# What a message that ends flannel blames. The first rule that matches decides. Words that quote another error
# (masquerading, etcd, the API) come before the words that they may quote.
RULES: tuple[tuple[Cause, re.Pattern[str]], ...] = (
    (Cause.CLEAN, _pattern(r"sent cancel signal\.\.\.", r"^exiting( cleanly)?\.\.\.$")),
    # Two that want one port: mustRunHealthz panics.
    (Cause.CONFIG, _pattern(r"^panic: listen tcp .*: bind: ")),
    (Cause.PANIC, _pattern(r"^panic: ", r"^fatal error: ", r"sigsegv", r"^goroutine \d+ \[")),
    (Cause.BR_NETFILTER, _pattern(r"failed to check br_netfilter")),
    (Cause.NFTABLES, _pattern(r"no nftables support", r"nftables: couldn't")),
    (
        Cause.IPTABLES,
        _pattern(
            r"failed to setup masq rules",
            r"failed to (setup|recycle) ip6?tables",
        ),
    ),
    (
        Cause.ETCD,
        _pattern(
            r"out of subnets",
            r"max retries reached trying to acquire a subnet",
            r"lease has been revoked",
        ),
    ),
    # From v0.15.0 flannel asks the API server before it looks for its interface. Without a default route the kernel
    # refuses the service's address before kube-proxy's DNAT sees it (kubernetes#123120).
    (
        Cause.NO_DEFAULT_ROUTE6,
        _pattern(
            r"unable to find default v6 route",
            r"dial tcp \[.*\]:\d+: connect: network is unreachable",
            r"couldn't lookup route to [0-9a-f]*:[0-9a-f:.]*: network is unreachable",
        ),
    ),
    (
        Cause.NO_DEFAULT_ROUTE,
        _pattern(
            r"unable to find default route",
            r"no default routes found in",
            r"dial tcp .*: connect: network is unreachable",
            r"couldn't lookup route to [0-9.]+: network is unreachable",
        ),
    ),
    (
        Cause.RBAC,
        _pattern(
            r"error retrieving pod spec for.*(forbidden|does not allow access|unauthorized)",
            r"cannot list resource \\?\"nodes",
        ),
    ),
    (
        Cause.API_UNREACHABLE,
        _pattern(
            r"error retrieving pod spec for.*(connection refused|i/o timeout|no route to host|deadline exceeded)",
            r"error retrieving pod spec for.*(connection reset|tls handshake timeout|no such host|: eof$)",
            r"error waiting for nodecontroller to sync state",
            r"failed to list \*v1\.node",
            r"timeout contacting kube-api",
            r"failed to acquire lease: .*/api/v1/nodes/.*dial tcp",
            r"failed to get ca certs",
            r"failed to validate connection to cluster",
        ),
    ),
    (
        Cause.DEFAULT_ROUTE_NO_OIF,
        _pattern(
            r"found default (v6 )?route but could not determine interface",
            # Kubernetes' question for the host's address, at a blackhole.
            r"suitable network address\.error='route ip\+net: no such network interface",
            r"^error: (failed to get node name and addresses: )?route ip\+net: no such network interface",
        ),
    ),
    (Cause.DEFAULT_IFACE_MISMATCH, _pattern(r"must be the same with v4")),
    (
        Cause.IFACE_NO_ADDRESS,
        _pattern(
            r"failed to find ipv[46] address for interface",
            r"unable to select an ip from default routes",
            r"can't find ip for interface",
            r"global unicast ip.*: the interface \S+ is not up",
        ),
    ),
    (Cause.IFACE_MISSING, _pattern(r"no such network interface")),
    (Cause.IFACE_IP_MISSING, _pattern(r"no interface with given ip(v6)? found")),
    (Cause.ROUTE_DUMP_RACE, _pattern(r"results may be incomplete or inconsistent", r"interrupted system call")),
    (Cause.KERNEL_TOO_OLD, _pattern(r"protocol not available")),
    (
        Cause.PODCIDR,
        _pattern(
            r"pod cidr not assigned",
            r"doesn't contain.*podcidr of the",
            r"pod cidrs should be ipv4/ipv6 only or dualstack",
            r"missing ipv[46] address on n\.spec\.podcidrs",
            r"is enabled but the lease has no ipv[46]",
        ),
    ),
    (
        Cause.VXLAN,
        _pattern(
            r"error registering network: operation not (supported|permitted)",
            r"failed to create vxlan",
            r"mac address wanted: ",
            r"can't locate created vxlan device",
            r"is not vxlan",
            r"failed to ensure (v6 )?address of interface",
            r"failed to set (v6 )?interface \S+ to up state",
            r"failed to register flannel network: operation not (supported|permitted)",
            r"link has incompatible addresses",
        ),
    ),
    (Cause.MTU, _pattern(r"is too small for ipip mode", r"failed to determine mtu for")),
    (
        Cause.CONFIG,
        _pattern(
            r"env variables pod_name and pod_namespace must be set",
            r"failed to read net conf:",
            r"error parsing subnet config:",
            r"unknown backend type",
            r"your publicip differs from interface ip",  # host-gw behind NAT
            r"error decoding \S+ backend config",
            r"invalid public ip(v6)? address:",
            r"none (defined stack|matched ip stack)",
            r"could not compile the ip address regex",
            r"regex error matching pattern",
            r"couldn't lookup route to <nil>",
            r"invalid subnet-lease-renew-margin option",
            _NETWORKS,
            r"^can't (set the \S+ flag|parse flannel flags)",
            _FLAGS,
            r"multiple global unicast addresses defined",
            r"invalid node-ip",
        ),
    ),
    (
        Cause.IFACE_NO_MATCH,
        _pattern(
            r"could not match pattern",
            r"failed to get ifcanreach based interface",
            r"failed to find interface to use that matches",
        ),
    ),
)

# The process ends after one of these, in every version that says it. Its other errors it logs and goes on: who is gone
# after one of those was killed.
EXITS = _pattern(
    r"failed to find any valid interface to use:",
    r"failed to find interface to use that matches",
    r"failed to create (subnet|network)manager:",
    r"error (fetching backend|registering network):",
    r"failed to check br_netfilter:",
    r"failed to setup masq rules,",
    r"failed to recycle ip6?tables rules,",
    # With a capital they are of a goroutine that gives up, and flannel goes on without its rules.
    r"(?-i:^failed to setup IPTables\. )",
    r"^no nftables support:",
    r"^nftables: couldn't initialise table",
    _NETWORKS,
    r"none (defined stack|matched ip stack)",
    r"lease has been revoked",
    r"invalid subnet-lease-renew-margin option",
    r"^can't (set the \S+ flag|parse flannel flags)",
    _FLAGS,
    r"^panic: ",
    r"^fatal error: ",
)
STOPPED = _pattern(r"sent cancel signal\.\.\.")
# What follows an exit or a stop, and speaks for itself only where what it follows is out of sight.
TRACES = _pattern(r"^exiting( cleanly)?\.\.\.$", r"^goroutine \d+ \[", r"^\[signal sigsegv")
AFTERMATH = _pattern(
    r"context canceled",
    r"stopping shutdownhandler",
    r"waiting for all goroutines to exit",
    r"stopped monitoring lease",
    r"channel closed",
)

BEGINS = _pattern(r"cli flags config: ", r"determining ip address of default interface", r"searching for interface")
STARTED = _pattern(r"using interface with name \S+ and (v6 )?address ", r"defaulting external (v6 )?address to ")

# Words that name no cause of their own, and the lines before them that do: the keys that flannel tried one after
# the other (logged as information), and what its watch of the nodes met while it waited ten minutes for them.
EXPLAINED_BY: tuple[tuple[re.Pattern[str], re.Pattern[str]], ...] = (
    (_pattern(r"failed to find interface to use that matches"), _pattern(r"could not find valid interface matching")),
    (_pattern(r"error waiting for nodecontroller to sync state"), _pattern(r"failed to list \*v1\.node")),
)
