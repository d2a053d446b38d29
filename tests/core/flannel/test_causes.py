"""Flannel's last words, message by message, and what its log tells before them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uplink_exporter.flannel.cause_rules import RULES
from uplink_exporter.flannel.causes import LONGEST_LINE, Words, cause_of, flags_line, last_words, started
from uplink_exporter.flannel.observed import Cause

FIXTURES = Path(__file__).parents[2] / "fixtures/pods"
FLANNEL = Path(__file__).parents[2] / "fixtures/flannel"

F1 = "Failed to find any valid interface to use: "
F2 = "Failed to find interface to use that matches the interfaces and/or regexes provided"
API = (
    "Failed to create SubnetManager: error retrieving pod spec for 'kube-flannel/kube-flannel-ds-tq9x5': "
    'Get "https://10.96.0.1:443/api/v1/namespaces/kube-flannel/pods/kube-flannel-ds-tq9x5": '
)
SYNC = "Failed to create SubnetManager: error waiting for nodeController to sync state: "
NETWORK = "Error registering network: "
LEASE = NETWORK + "failed to acquire lease: "
VXLAN = NETWORK + "failed to configure interface flannel.1: "


def info(message: str) -> str:
    return f"I0827 09:48:41.911302       1 main.go:520] {message}"


def error(message: str) -> str:
    return f"E0827 09:48:41.912029       1 main.go:205] {message}"


def warning(message: str) -> str:
    return f"W0827 09:48:41.912029       1 device.go:102] {message}"


FATAL = (
    (Cause.NO_DEFAULT_ROUTE, F1 + "failed to get default interface: Unable to find default route"),
    (Cause.NO_DEFAULT_ROUTE, F1 + "failed to get default interface: unable to find default route"),
    (Cause.NO_DEFAULT_ROUTE, API + "dial tcp 10.96.0.1:443: connect: network is unreachable"),
    (
        Cause.NO_DEFAULT_ROUTE,
        LEASE + 'Patch "https://10.96.0.1:443/api/v1/nodes/pi-master1/status": '
        "dial tcp 10.96.0.1:443: connect: network is unreachable",
    ),
    (
        Cause.NO_DEFAULT_ROUTE,
        "Failed to create NetworkManager: failed to get default interface: Unable to find default route",
    ),
    (Cause.NO_DEFAULT_ROUTE6, F1 + "failed to get default v6 interface: Unable to find default v6 route"),
    (Cause.NO_DEFAULT_ROUTE6, F1 + "failed to get default v6 interface: unable to find default v6 route"),
    (Cause.NO_DEFAULT_ROUTE6, API + "dial tcp [fd00:10:96::1]:443: connect: network is unreachable"),
    (
        Cause.DEFAULT_ROUTE_NO_OIF,
        F1 + "failed to get default interface: Found default route but could not determine interface",
    ),
    (
        Cause.DEFAULT_ROUTE_NO_OIF,
        F1 + "failed to get default interface: found default route but could not determine interface",
    ),
    (
        Cause.DEFAULT_ROUTE_NO_OIF,
        F1 + "failed to get default v6 interface: Found default v6 route but could not determine interface",
    ),
    (
        Cause.DEFAULT_IFACE_MISMATCH,
        F1 + "v6 default route interface eth0 must be the same with v4 default route interface wlan0",
    ),
    (Cause.DEFAULT_IFACE_MISMATCH, F1 + "v6 interface eth0 must be the same with v4 interface wlan0"),
    (Cause.IFACE_NO_ADDRESS, F1 + "failed to find IPv4 address for interface wlan0"),
    (Cause.IFACE_NO_ADDRESS, F1 + "failed to find IPv6 address for interface wlan0"),
    (Cause.IFACE_MISSING, F1 + "error looking up interface wlan0: route ip+net: no such network interface"),
    (Cause.IFACE_IP_MISSING, F1 + "error looking up interface 203.0.113.9: No interface with given IP found"),
    (Cause.IFACE_IP_MISSING, F1 + "error looking up interface 203.0.113.9: no interface with given IP found"),
    (Cause.IFACE_IP_MISSING, F1 + "error looking up v6 interface fd01::9: No interface with given IPv6 found"),
    (Cause.IFACE_IP_MISSING, F1 + "error looking up v6 interface fd01::9: no interface with given IPv6 found"),
    (Cause.ROUTE_DUMP_RACE, F1 + "failed to get default interface: results may be incomplete or inconsistent"),
    (Cause.ROUTE_DUMP_RACE, F1 + "failed to get default interface: interrupted system call"),
    (Cause.KERNEL_TOO_OLD, F1 + "failed to get default interface: protocol not available"),
    (Cause.API_UNREACHABLE, API + "dial tcp 10.96.0.1:443: connect: connection refused"),
    (Cause.API_UNREACHABLE, API + "dial tcp 10.96.0.1:443: i/o timeout"),
    (Cause.API_UNREACHABLE, API + "dial tcp 10.96.0.1:443: connect: no route to host"),
    (Cause.API_UNREACHABLE, API + "context deadline exceeded"),
    (Cause.API_UNREACHABLE, API + "net/http: TLS handshake timeout"),
    (Cause.API_UNREACHABLE, API + "EOF"),
    (Cause.API_UNREACHABLE, SYNC + "timed out waiting for the condition"),
    (Cause.API_UNREACHABLE, SYNC + "context deadline exceeded"),
    (
        Cause.API_UNREACHABLE,
        LEASE + 'timeout contacting kube-api, failed to patch node "pi-master1". Error: context deadline exceeded',
    ),
    (
        Cause.API_UNREACHABLE,
        LEASE + 'Patch "https://10.96.0.1:443/api/v1/nodes/pi-master1/status": '
        "dial tcp 10.96.0.1:443: connect: connection refused",
    ),
    (
        Cause.RBAC,
        (
            "Failed to create SubnetManager: error retrieving pod spec for 'kube-flannel/kube-flannel-ds-tq9x5': "
            'pods "kube-flannel-ds-tq9x5" is forbidden: User "system:serviceaccount:kube-flannel:flannel" '
            'cannot get resource "pods" in API group "" in the namespace "kube-flannel"'
        ),
    ),
    (
        Cause.RBAC,
        (
            "Failed to create SubnetManager: error retrieving pod spec for 'kube-system/kube-flannel-ds-x': "
            "the server does not allow access to the requested resource (get pods kube-flannel-ds-x)"
        ),
    ),
    (Cause.CONFIG, "Failed to create SubnetManager: env variables POD_NAME and POD_NAMESPACE must be set"),
    (
        Cause.CONFIG,
        (
            "Failed to create SubnetManager: failed to read net conf: open /etc/kube-flannel/net-conf.json: "
            "no such file or directory"
        ),
    ),
    (
        Cause.CONFIG,
        (
            "Failed to create SubnetManager: error parsing subnet config: invalid character '}' looking for "
            "beginning of object key string"
        ),
    ),
    (Cause.CONFIG, "Error fetching backend: unknown backend type: vxlam"),
    (Cause.CONFIG, F1 + "invalid public IP address: 192.168.6"),
    (Cause.CONFIG, F1 + "invalid public IPv6 address: fd01"),
    (Cause.CONFIG, "none defined stack"),
    (Cause.CONFIG, F1 + "none matched ip stack"),
    (Cause.CONFIG, "Invalid subnet-lease-renew-margin option, out of acceptable range"),
    (Cause.CONFIG, "could not find flannel networks matching subnet 10.9.0.0/24"),
    (Cause.CONFIG, "could not find flannel ipv6 networks matching subnet fd00::/64"),
    (Cause.CONFIG, "could not find an ipv6 network in the flannel configuration"),
    (Cause.CONFIG, "Can't parse flannel flagsinvalid flag"),
    (Cause.PODCIDR, LEASE + 'node "pi-master1" pod cidr not assigned'),
    (
        Cause.PODCIDR,
        LEASE + 'subnet "10.244.0.0/16" specified in the flannel net config doesn\'t contain "10.42.0.0/24" '
        'PodCIDR of the "pi-master1" node',
    ),
    (
        Cause.PODCIDR,
        LEASE + 'subnet "fc00::/48" specified in the flannel net config doesn\'t contain "fd00::/64" '
        'IPv6 PodCIDR of the "pi-master1" node',
    ),
    (Cause.PODCIDR, VXLAN + "IPv4 is enabled but the lease has no IPv4"),
    (Cause.PODCIDR, VXLAN + "IPv6 is enabled but the lease has no IPv6"),
    (
        Cause.BR_NETFILTER,
        "Failed to check br_netfilter: stat /proc/sys/net/bridge/bridge-nf-call-iptables: no such file or directory",
    ),
    (
        Cause.BR_NETFILTER,
        "Failed to check br_netfilter: stat /proc/sys/net/bridge/bridge-nf-call-ip6tables: no such file or directory",
    ),
    (Cause.VXLAN, NETWORK + "operation not supported"),
    (Cause.VXLAN, NETWORK + "operation not permitted"),
    (Cause.VXLAN, NETWORK + "failed to create vxlan device: operation not supported"),
    (
        Cause.VXLAN,
        VXLAN + "failed to ensure address of interface flannel.1: link has incompatible addresses. "
        "Remove additional addresses and try again.",
    ),
    (Cause.VXLAN, VXLAN + "flannel.1's mac address wanted: 12:34:56:78:9a:bc, but got: 9a:bc:12:34:56:78"),
    (Cause.VXLAN, NETWORK + "can't locate created vxlan device with index 12"),
    (Cause.VXLAN, NETWORK + "created vxlan device with index 12 is not vxlan"),
    (Cause.VXLAN, VXLAN + "failed to set interface flannel.1 to UP state: operation not permitted"),
    (Cause.VXLAN, VXLAN + "failed to set v6 interface flannel-v6.1 to UP state: operation not permitted"),
    (Cause.MTU, "Error registering network: MTU 68 of iface wlan0 is too small for ipip mode to work"),
    (Cause.MTU, F1 + "failed to determine MTU for 192.168.6.11 interface"),
    (
        Cause.CONFIG,
        (
            "Error fetching backend: your PublicIP differs from interface IP, meaning that probably you're on a NAT, "
            "which is not supported by host-gw backend"
        ),
    ),
    (Cause.ETCD, LEASE + "out of subnets"),
    (Cause.ETCD, LEASE + "max retries reached trying to acquire a subnet"),
    (Cause.ETCD, LEASE + "Max retries reached trying to acquire a subnet"),
    (Cause.ETCD, "Lease has been revoked. Shutting down daemon."),
    (Cause.IPTABLES, "Failed to setup masq rules, failed to setup iptables-restore payload: exit status 4"),
    (Cause.IPTABLES, "Failed to recycle IPTables rules, exit status 4"),
    (Cause.IPTABLES, "Failed to recycle IP6Tables rules, exit status 4"),
    (Cause.IPTABLES, 'failed to setup IPTables. iptables binary was not found: exec: "iptables": not found'),
    (Cause.IPTABLES, 'failed to setup IPTables. ip6tables binary was not found: exec: "ip6tables": not found'),
    (Cause.NFTABLES, "no nftables support: could not find nftables binary"),
    (Cause.NFTABLES, "Failed to setup masq rules, nftables: couldn't setup masq rules: exit status 1"),
    (Cause.NFTABLES, "nftables: couldn't initialise table flannel-ipv4: exit status 1"),
)
"""Errors that flanneld always exits after."""

NEVER_FATAL = (
    warning('"flannel.1" already exists with incompatable configuration: vni: 2 vs 1; recreating device'),
    warning('"flannel.1" already exists with incompatible configuration: port: 8472 vs 4789; recreating device'),
    warning("Failed to write subnet file: open /run/flannel/subnet.env: read-only file system"),
    error("Error renewing lease (trying again in 1 min): client: etcd cluster is unavailable"),
    error("Timed out waiting for node controller sync. Continuing anyway."),
    error('Failed to watch *v1.Node: failed to list *v1.Node: Get "https://10.96.0.1:443/api/v1/nodes": EOF'),
    info("Interface flannel.1 deleted"),
    info("vxlan device missing, attempting to recreate..."),
    info("external interface wlan0 not found, retrying in 5s"),
    info("VXLAN device flannel.1 recreated successfully"),
    info("Could not find valid interface matching eth9: error looking up interface eth9: no such network interface"),
)


@pytest.mark.parametrize(("cause", "message"), FATAL)
def test_words_that_flannel_always_exits_after_are_its_last(cause: Cause, message: str) -> None:
    lines = [info("Installing signal handlers"), error(message)]

    assert last_words(lines, ended=False) == Words(cause=cause, line=message[:LONGEST_LINE])
    assert last_words(lines, ended=True) == last_words(lines, ended=False)


def lines(kind: str) -> list[str]:
    """What flanneld says before it ends, or goes on: each message that any version has."""
    rows = (row.split("\t") for row in (FLANNEL / "lines.tsv").read_text().splitlines())
    return [re.sub(r"%[a-z]", "x", text) for does, _since, _until, text in rows if does == kind]


@pytest.mark.parametrize("message", lines("ends"))
def test_every_error_that_ends_flannel_in_some_version_is_its_last_word(message: str) -> None:
    severity = "F" if message.startswith("failed to subscribe to netlink") else "E"
    said = [info("Installing signal handlers"), severity + error(message)[1:]]
    if message.startswith("Start healthz server"):
        said.append("panic: listen tcp 0.0.0.0:8081: bind: address already in use")

    words = last_words(said, ended=False)

    assert words is not None
    assert words.line in {message, said[-1]}


@pytest.mark.parametrize("message", lines("goes on"))
def test_no_error_that_flannel_outlives_is_what_it_died_of(message: str) -> None:
    said = [info("Running backend."), error(message)]

    assert last_words(said, ended=False) is None
    assert last_words(said, ended=True) == Words(cause=Cause.UNKNOWN, line=message)


@pytest.mark.parametrize("line", NEVER_FATAL)
def test_words_that_it_outlives_blame_nothing(line: str) -> None:
    assert last_words([line], ended=False) is None

    gone = last_words([line], ended=True)
    assert gone is not None
    assert gone.cause is Cause.UNKNOWN
    assert gone.line == line.split("] ", 1)[1]


def test_every_cause_has_a_case() -> None:
    elsewhere = {Cause.CLEAN, Cause.PANIC, Cause.UNKNOWN, Cause.IFACE_NO_MATCH}
    by_the_kubelet = {Cause.OOM}

    assert {cause for cause, _ in FATAL} | elsewhere | by_the_kubelet == set(Cause)
    assert {cause for cause, _ in RULES} | {Cause.UNKNOWN} | by_the_kubelet == set(Cause)


@pytest.mark.parametrize("row", (FIXTURES / "observed.tsv").read_text().splitlines())
def test_what_real_binaries_were_observed_to_say(row: str) -> None:
    cause, version, _case, before, said = row.split("\t")
    if version == "v0.28.9" and cause != "panic" and not said.startswith("Failed to find"):
        said = F1 + said  # of that version the lookup was observed alone
    lines = [said if cause == "panic" else error(said)]

    words = last_words([info(before), *lines] if before else lines, ended=True)

    assert words == Words(cause=Cause(cause), line=before or said)


@pytest.mark.parametrize(
    ("telling", "cause"),
    [
        ("wlan0: error looking up interface wlan0: route ip+net: no such network interface", Cause.IFACE_MISSING),
        ("10.0.0.9: error looking up interface 10.0.0.9: No interface with given IP found", Cause.IFACE_IP_MISSING),
        ("10.0.0.9: error looking up interface 10.0.0.9: no interface with given IP found", Cause.IFACE_IP_MISSING),
        ("wlan0: failed to find IPv4 address for interface wlan0", Cause.IFACE_NO_ADDRESS),
        ("wl.*: Could not match pattern wl.* to any of the available network interfaces (lo:[])", Cause.IFACE_NO_MATCH),
        ("wl.*: could not match pattern wl.* to any of the available network interfaces (lo:[])", Cause.IFACE_NO_MATCH),
        ("wl[: could not compile the IP address regex 'wl[': error parsing regexp: missing ]", Cause.CONFIG),
        ("wl[: regex error matching pattern wl[ to 10.0.0.9", Cause.CONFIG),
        (": failed to get default interface: Unable to find default route", Cause.NO_DEFAULT_ROUTE),
        (": failed to get default interface: unable to find default route", Cause.NO_DEFAULT_ROUTE),
        (
            (
                "ifaceCanReach: 8.8.8.8: failed to get ifcanreach based interface: "
                "couldn't lookup route to 8.8.8.8: network is unreachable"
            ),
            Cause.NO_DEFAULT_ROUTE,
        ),
        (
            (
                "ifaceCanReach: 2001:db8::1: failed to get ifcanreach based interface: "
                "couldn't lookup route to 2001:db8::1: network is unreachable"
            ),
            Cause.NO_DEFAULT_ROUTE6,
        ),
        (
            (
                "ifaceCanReach: me: failed to get ifcanreach based interface: "
                "couldn't lookup route to <nil>: numerical result out of range"
            ),
            Cause.CONFIG,
        ),
    ],
)
def test_a_miss_of_the_interface_flags_is_explained_by_the_line_before(telling: str, cause: Cause) -> None:
    telling = f"Could not find valid interface matching {telling}"
    lines = [info("Created subnet manager: Kubernetes Subnet Manager - n"), info(telling), error(F2)]

    assert last_words(lines, ended=False) == Words(cause=cause, line=telling)


def test_of_several_keys_the_last_one_tried_explains() -> None:
    first = "Could not find valid interface matching eth9: error looking up interface eth9: no such network interface"
    last = "Could not find valid interface matching wlan0: failed to find IPv4 address for interface wlan0"

    assert last_words([info(first), info(last), error(F2)], ended=False) == Words(
        cause=Cause.IFACE_NO_ADDRESS, line=last
    )


def test_a_key_that_failed_for_an_unheard_of_reason_explains_nothing() -> None:
    known = "Could not find valid interface matching wlan0: failed to find IPv4 address for interface wlan0"
    unheard_of = "Could not find valid interface matching eth9: error listing all interfaces: the moon is full"

    assert last_words([info(known), info(unheard_of), error(F2)], ended=False) == Words(
        cause=Cause.IFACE_NO_ADDRESS, line=known
    )


def test_a_miss_that_nothing_explains_is_a_miss() -> None:
    assert last_words([error(F2)], ended=False) == Words(cause=Cause.IFACE_NO_MATCH, line=F2)


@pytest.mark.parametrize(
    ("met", "cause"),
    [
        ("dial tcp 10.96.0.1:443: connect: network is unreachable", Cause.NO_DEFAULT_ROUTE),
        ("dial tcp [fd00::1]:443: connect: network is unreachable", Cause.NO_DEFAULT_ROUTE6),
        ("dial tcp 10.96.0.1:443: connect: connection refused", Cause.API_UNREACHABLE),
        ('nodes is forbidden: User "flannel" cannot list resource "nodes" in API group ""', Cause.RBAC),
        ('nodes is forbidden: User \\"flannel\\" cannot list resource \\"nodes\\" in API group \\"\\"', Cause.RBAC),
    ],
)
def test_ten_minutes_in_vain_are_explained_by_what_the_watch_met(met: str, cause: Cause) -> None:
    lines = [
        info("Waiting 10m0s for node controller to sync"),
        error(f"Failed to watch *v1.Node: failed to list *v1.Node: {met}"),
        error(SYNC + "context deadline exceeded"),
    ]

    words = last_words(lines, ended=False)

    assert words is not None
    assert words.cause is cause


@pytest.mark.parametrize(
    ("lines", "cause"),
    [
        ([info("shutdownHandler sent cancel signal...")], Cause.CLEAN),
        ([info("Sent cancel signal..."), info("Exiting...")], Cause.CLEAN),
        ([info("Exiting cleanly...")], Cause.CLEAN),
        (
            [info("shutdownHandler sent cancel signal..."), error(LEASE + "context canceled")],
            Cause.CLEAN,
        ),
        (
            [
                error("Lease has been revoked. Shutting down daemon."),
                error("CompleteLease execute error err: interrupted"),
                info("Stopping shutdownHandler..."),
                info("Exiting cleanly..."),
            ],
            Cause.ETCD,
        ),
        ([error(LEASE + "out of subnets"), info("Stopping shutdownHandler...")], Cause.ETCD),
        (["panic: runtime error: index out of range [0] with length 0", "", "goroutine 1 [running]:"], Cause.PANIC),
        (["fatal error: concurrent map writes", "goroutine 7 [running]:"], Cause.PANIC),
        (["goroutine 1 [running]:", "main.main()", "\t/go/src/main.go:310 +0x1b"], Cause.PANIC),
        (["[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x1]"], Cause.PANIC),
        (["F0827 09:48:41.912029       1 vxlan_network.go:125] failed to subscribe to netlink: x"], Cause.UNKNOWN),
        (["flag provided but not defined: -ifaces", "Usage of flannel:", "  -version"], Cause.CONFIG),
        (['invalid boolean value "maybe" for -ip-masq: parse error', "Usage: flanneld [OPTION]..."], Cause.CONFIG),
        (["flag needs an argument: -iface", "Usage: flanneld [OPTION]..."], Cause.CONFIG),
        (
            [
                error("Start healthz server error. listen tcp 0.0.0.0:8081: bind: address already in use"),
                "panic: listen tcp 0.0.0.0:8081: bind: address already in use",
                "",
                "goroutine 62 [running]:",
            ],
            Cause.CONFIG,
        ),
        ([error(F1 + "the moon is full")], Cause.UNKNOWN),
        (
            [error(F1 + "failed to get default interface: Unable to find default route"), error(NETWORK + "what")],
            Cause.UNKNOWN,
        ),
    ],
)
def test_how_an_attempt_ends_is_told_while_nothing_else_tells_of_its_end(lines: list[str], cause: Cause) -> None:
    words = last_words(lines, ended=False)

    assert words is not None
    assert words.cause is cause


def test_a_panic_is_quoted_by_its_message() -> None:
    lines = ["panic: Address is not an IPv4 address", "", "goroutine 1 [running]:"]

    assert last_words(lines, ended=True) == Words(cause=Cause.PANIC, line="panic: Address is not an IPv4 address")


@pytest.mark.parametrize(
    ("lines", "line"),
    [
        ([], ""),
        (["", ""], ""),
        ([error("Failed to ensure iptables rules: exit status 4"), info("Lease renewed")], "Lease renewed"),
        ([error("Failed to frobnicate")], "Failed to frobnicate"),
        (["no klog line at all"], "no klog line at all"),
    ],
)
def test_who_is_gone_without_a_word_died_of_something_unknown(lines: list[str], line: str) -> None:
    assert last_words(lines, ended=False) is None
    assert last_words(lines, ended=True) == Words(cause=Cause.UNKNOWN, line=line)


@pytest.mark.parametrize(
    "begins",
    ["CLI flags config: {iface:[]}", "Determining IP address of default interface", "Searching for interface using x"],
)
def test_the_words_of_the_process_before_in_the_same_file_are_not_its_own(begins: str) -> None:
    lines = [error(F1 + "failed to get default interface: Unable to find default route"), info(begins)]

    assert last_words(lines, ended=False) is None
    assert last_words(lines, ended=True) == Words(cause=Cause.UNKNOWN, line=begins)
    assert started(lines) is False


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], None),
        ([info("Created subnet manager: x")], None),
        ([info("CLI flags config: {iface:[]}")], False),
        ([info("Determining IP address of default interface")], False),
        ([info("Using interface with name wlan0 and address 192.168.6.11")], True),
        ([info("Using interface with name wlan0 and v6 address fd01::5")], True),
        ([info("Defaulting external address to interface address (192.168.6.11)"), info("Running backend.")], True),
        ([info("Defaulting external v6 address to interface address (fd01::5)")], True),
    ],
)
def test_whether_it_found_its_interface(lines: list[str], expected: bool | None) -> None:
    assert started(lines) is expected


def test_the_flags_line_is_the_newest_and_keeps_no_password() -> None:
    flags = "CLI flags config: {etcdUsername:root etcdPassword:hunter2 and more version:false iface:[wlan0 eth0]}"
    lines = [info("CLI flags config: {iface:[old]}"), info(flags), info("Created subnet manager: x")]

    assert flags_line(lines) == "CLI flags config: {etcdUsername:root etcdPassword: version:false iface:[wlan0 eth0]}"
    assert flags_line([info("Determining IP address of default interface")]) == ""


FRAGMENTS = st.sampled_from([said for _, said in FATAL] + [info(""), error(""), "goroutine 1 [", "panic: ", "\x1b"])
LINES = st.lists(st.one_of(st.text(), FRAGMENTS, st.tuples(FRAGMENTS, st.text(), FRAGMENTS).map("".join)))


@given(LINES, st.booleans())
def test_whatever_is_logged_the_cause_is_known_and_the_line_is_fit_to_print(lines: list[str], ended: bool) -> None:
    words = last_words(lines, ended=ended)
    started(lines)

    assert flags_line(lines).isprintable()
    assert words is not None or not ended
    if words is not None:
        assert words.cause in set(Cause)
        assert words.line.isprintable()
        assert len(words.line) <= LONGEST_LINE


@given(st.text())
def test_any_message_has_exactly_one_cause(message: str) -> None:
    assert cause_of(message) in set(Cause)
