"""Flannel's options, from the command line, the environment, its log, its image and its net-conf.json."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uplink_exporter.flannel.options import (
    LONGEST_NET_CONF,
    LONGEST_VALUE,
    MOST_VALUES,
    NEWEST,
    Options,
    OptionsError,
    Stack,
    Version,
    expand_args,
    logged_args,
    parse_options,
    parse_stack,
    parse_version,
    split_args,
    unknown_flag,
)


@pytest.mark.parametrize(
    ("args", "options"),
    [
        pytest.param([], Options(), id="nothing"),
        pytest.param(["/opt/bin/flanneld", "--iface=eth0"], Options(ifaces=("eth0",)), id="the program first"),
        pytest.param(["-iface", "eth0", "--iface=wlan0"], Options(ifaces=("eth0", "wlan0")), id="all spellings, twice"),
        pytest.param(["--iface="], Options(ifaces=("",)), id="an empty value counts"),
        pytest.param(
            ["--public-ip=10.0.0.1", "--public-ip=10.0.0.2"], Options(public_ip="10.0.0.2"), id="the last one"
        ),
        pytest.param(
            ["--ip-masq", "--kube-subnet-mgr", "--iface-regex", "^eth=?"], Options(regexes=("^eth=?",)), id="booleans"
        ),
        pytest.param(
            ["--net-config-path", "--iface=eth0", "--iface-can-reach", "8.8.8.8"],
            Options(can_reach="8.8.8.8"),
            id="a value that looks like a flag",
        ),
        pytest.param(["--iface=eth0", "more", "--iface=eth1"], Options(ifaces=("eth0",)), id="no flag after a word"),
        pytest.param(["--iface=eth0", "--", "--iface=eth1"], Options(ifaces=("eth0",)), id="no flag after --"),
        pytest.param(["--iface"], Options(ifaces=("",)), id="a value that is missing"),
        pytest.param(["--interface=eth0", "--iface-regexp=x"], Options(), id="flags of like names"),
    ],
)
def test_a_command_line(args: list[str], options: Options) -> None:
    assert parse_options(args) == options


def test_the_command_line_wins_over_the_environment() -> None:
    env = {"FLANNELD_IFACE": "eth0", "FLANNELD_PUBLIC_IPV6": "fd01::5", "FLANNELD_IFACE_REGEX": "", "IFACE": "eth9"}
    assert parse_options([], env) == Options(ifaces=("eth0",), public_ipv6="fd01::5")
    assert parse_options(["--iface="], env) == Options(ifaces=("",), public_ipv6="fd01::5")


def test_the_environment_may_name_flags_that_the_version_does_not_have() -> None:
    """flagutil.SetFlagsFromEnv goes through the flags that there are; on the command line it is an error."""
    old: Version = (0, 14, 0)
    assert parse_options([], {"FLANNELD_IFACE_CAN_REACH": "8.8.8.8"}, version=old) == Options(version=old)
    assert unknown_flag(parse_options(["--iface-can-reach=8.8.8.8"], version=old)) == "iface-can-reach"
    assert unknown_flag(parse_options(["--iface-can-reach=8.8.8.8"])) == ""


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        (["/bin/sh", "-c", "exec flanneld --iface=eth0"], "flannel's container starts 'sh', not flanneld"),
        (["--iface=$(POD_IP)"], r"--iface refers to the environment of flannel's container"),
        ([f"--iface-regex={'x' * (LONGEST_VALUE + 1)}"], rf"--iface-regex is longer than {LONGEST_VALUE} characters"),
        (["--iface=eth0"] * (MOST_VALUES + 1), rf"{MOST_VALUES + 1} flags about interfaces; at most {MOST_VALUES}"),
    ],
)
def test_options_that_cannot_be_told(args: list[str], complaint: str) -> None:
    with pytest.raises(OptionsError, match=complaint.replace("(", r"\(").replace(")", r"\)")):
        parse_options(args)


@pytest.mark.parametrize(
    ("arg", "expanded"),
    [
        ("--iface=$(POD_IP)", "--iface=10.1.0.5"),
        ("--iface=$(MISSING)", "--iface=$(MISSING)"),
        ("--iface=$$(POD_IP)", "--iface=$(POD_IP)"),
        ("--iface-regex=^eth0$", "--iface-regex=^eth0$"),
        ("--iface-regex=^(eth0$|$(POD_IP))", "--iface-regex=^(eth0$|10.1.0.5)"),
    ],
)
def test_references_to_the_environment_as_the_kubelet_replaces_them(arg: str, expanded: str) -> None:
    assert expand_args([arg], {"POD_IP": "10.1.0.5"}) == (expanded,)


@pytest.mark.parametrize(
    ("text", "args"),
    [
        ("", ()),
        ("  --iface=eth0\t--ip-masq\n", ("--iface=eth0", "--ip-masq")),
        (r"--iface-regex=^10\.2\.", (r"--iface-regex=^10\.2\.",)),
        (r"--iface-regex='^10\.2\.' --iface=''", (r"--iface-regex=^10\.2\.", "--iface=")),
        ('--iface-regex="a b"', ("--iface-regex=a b",)),
        ("--iface-regex=a#b|(c;d)", ("--iface-regex=a#b|(c;d)",)),
    ],
)
def test_a_command_line_in_one_string(text: str, args: tuple[str, ...]) -> None:
    assert split_args(text) == args


def test_a_quote_without_its_end() -> None:
    with pytest.raises(OptionsError, match="No closing quotation"):
        split_args("--iface='eth0")


# As flanneld v0.16.3 and v0.28.9 logged it.
LOGGED_0_16 = (
    "I1123 12:42:59.287049   22193 main.go:206] CLI flags config: {etcdEndpoints:http://127.0.0.1:4001,"
    "http://127.0.0.1:2379 etcdPrefix:/coreos.com/network etcdKeyfile: etcdCertfile: etcdCAFile: etcdUsername: "
    "etcdPassword: help:false version:false autoDetectIPv4:false autoDetectIPv6:false kubeSubnetMgr:true kubeApiUrl: "
    "kubeAnnotationPrefix:flannel.alpha.coreos.com kubeConfigFile: iface:[eth0 wlan0] ifaceRegex:[^(a|b)[0-9]] "
    "ipMasq:false subnetFile:/run/flannel/subnet.env subnetDir: publicIP:1.2.3.4 publicIPv6: "
    "subnetLeaseRenewMargin:60 healthzIP:0.0.0.0 healthzPort:0 charonExecutablePath: charonViciUri: "
    "iptablesResyncSeconds:5 iptablesForwardRules:true netConfPath:/etc/kube-flannel/net-conf.json "
    "setNodeNetworkUnavailable:true}"
)
LOGGED_0_28 = (
    "CLI flags config: {etcdEndpoints:http://127.0.0.1:4001,http://127.0.0.1:2379 etcdPrefix:/coreos.com/network "
    "etcdKeyfile: etcdCertfile: etcdCAFile: etcdUsername: etcdPassword: version:false kubeSubnetMgr:true kubeApiUrl: "
    "kubeAnnotationPrefix:flannel.alpha.coreos.com kubeConfigFile: iface:[] ifaceRegex:[] ipMasq:true "
    "ipMasqRandomFullyDisable:false ifaceCanReach:8.8.8.8 subnetFile:/run/flannel/subnet.env publicIP: "
    "publicIPv6:fd01::5 subnetLeaseRenewMargin:60 healthzIP:0.0.0.0 healthzPort:8081 iptablesResyncSeconds:5 "
    "iptablesForwardRules:true blackholeRoute:false netConfPath:/etc/kube-flannel/net-conf.json "
    "setNodeNetworkUnavailable:true}"
)


def test_the_first_line_of_flannels_log() -> None:
    assert logged_args(LOGGED_0_16) == (
        "--iface=eth0",
        "--iface=wlan0",
        "--iface-regex=^(a|b)[0-9]",
        "--public-ip=1.2.3.4",
    )
    assert logged_args(LOGGED_0_28) == ("--iface-can-reach=8.8.8.8", "--public-ipv6=fd01::5")


@pytest.mark.parametrize("line", ["", "Using interface with name eth0", LOGGED_0_28[:400], "CLI flags config: {}"])
def test_a_line_that_does_not_tell(line: str) -> None:
    assert logged_args(line) is None


@given(st.text())
def test_any_line(text: str) -> None:
    logged_args(f"CLI flags config: {{{text}")
    logged_args(LOGGED_0_28.replace("8.8.8.8", text))


@pytest.mark.parametrize(
    ("net_conf", "stack"),
    [
        ('{"Network": "10.244.0.0/16", "Backend": {"Type": "vxlan"}}', Stack.IPV4),
        ('{"Network": "10.244.0.0/16", "EnableIPv6": true, "IPv6Network": "fd00::/48"}', Stack.DUAL),
        ('{"EnableIPv4": false, "EnableIPv6": true}', Stack.IPV6),
        ('{"EnableIPv4": false}', Stack.NONE),
        ('{"enableipv6": true, "ENABLEIPV4": false}', Stack.IPV6),
        ('{"EnableIPv6": true, "enableIPv6": false}', Stack.IPV4),
        ('{"EnableIPv4": null}', Stack.IPV4),
        ('{"EnableIPv6": "true"}', None),
        ("[]", None),
        ("", None),
        ("[" * LONGEST_NET_CONF, None),
        ("{}" + " " * LONGEST_NET_CONF, None),
    ],
    ids=lambda value: str(value)[:40],
)
def test_the_stack_of_a_net_conf(net_conf: str, stack: Stack | None) -> None:
    assert parse_stack(net_conf) == stack


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("v0.28.9", (0, 28, 9)),
        ("0.27.4", (0, 27, 4)),
        ("v0.22.1-amd64", (0, 22, 1)),
        ("v0.27.3-rancher1", (0, 27, 3)),
        ("v0.26.5-build20250306", (0, 26, 5)),
        ("v0.20.1-k3s1.23", (0, 20, 1)),
        ("v0.13.1-rc2", (0, 13, 1)),
        ("ghcr.io/flannel-io/flannel:v0.28.9", (0, 28, 9)),
        ("registry:5000/flannel:v0.15.1@sha256:0123", (0, 15, 1)),
        ("quay.io/coreos/flannel:v0.14.0-dual-stack", (0, 15, 0)),
        ("registry:5000/flannel", None),
        ("latest", None),
        ("v0.28", None),
        ("v0.28.9x", None),
        ("", None),
        ("v\u0660.28.9", None),
        ("v0.999999.0", None),
    ],
)
def test_the_version_of_an_image(image: str, version: Version | None) -> None:
    assert parse_version(image) == version


@given(st.text())
def test_any_text(text: str) -> None:
    version = parse_version(text)
    assert version is None or len(version) == len(NEWEST)
    assert parse_stack(text) in {*Stack, None}


@given(st.lists(st.text()), st.dictionaries(st.text(), st.text()))
def test_any_command_line_is_read_or_refused(args: list[str], env: dict[str, str]) -> None:
    try:
        parse_options(expand_args(args, env), env)
    except OptionsError as error:
        assert str(error)
