"""The settings: each flag and its variable, which of them wins, and how a bad value is refused."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uplink_exporter import __version__
from uplink_exporter.facts import Family, FlannelPolicy
from uplink_exporter.settings import (
    DEFAULT_EXCLUDE,
    FLAGS,
    AnsweredError,
    Command,
    Flag,
    ListenAddress,
    LogFormat,
    LogLevel,
    Mode,
    Output,
    Settings,
    SettingsError,
    parse,
    whole_name,
)

Get = Callable[[Settings], object]

# Each flag, a value that is not its default, and what it sets to what.
GOOD: tuple[tuple[str, str, Get, object], ...] = (
    ("web.listen-address", "127.0.0.1:9", lambda s: s.listen, (ListenAddress("127.0.0.1", 9),)),
    ("web.telemetry-path", "/m", lambda s: s.telemetry_path, "/m"),
    ("web.config.file", "/w.yml", lambda s: s.web_config, Path("/w.yml")),
    ("uplink.device", "usb0", lambda s: s.policy.devices, ("usb0",)),
    ("uplink.require-family", "ipv6", lambda s: s.policy.required, (Family.IPV6,)),
    ("interface.include", "eth.*", lambda s: s.include and (s.include("eth0"), s.include("veth0")), (True, False)),
    ("interface.exclude", "eth.*", lambda s: s.exclude and (s.exclude("eth0"), s.exclude("lo")), (True, False)),
    ("flannel.container", "flanneld", lambda s: s.flannel_containers, ("flanneld",)),
    ("flannel.namespace", "kube-system", lambda s: s.flannel_namespaces, ("kube-system",)),
    (
        "flannel.pod",
        "^kf-",
        lambda s: s.flannel_pod and [s.flannel_pod.search(n) for n in ("kf-1", "a-kf-1")],
        [True, False],
    ),
    ("flannel.unit", "k3s-edge.service", lambda s: s.flannel_units, ("k3s-edge.service",)),
    ("flannel.args", "--iface=wlan0", lambda s: s.policy.flannel, FlannelPolicy(args="--iface=wlan0")),
    ("flannel.version", "v0.19.2", lambda s: s.policy.flannel, FlannelPolicy(version="v0.19.2")),
    ("flannel.stack", "dual", lambda s: s.policy.flannel, FlannelPolicy(stack="dual")),
    ("flannel.delta-window", "90s", lambda s: s.policy.windows, (90.0,)),
    ("source.kubernetes", "off", lambda s: s.kubernetes, Mode.OFF),
    ("source.pod-logs", "on", lambda s: s.pod_logs, Mode.ON),
    ("source.units", "off", lambda s: s.units, Mode.OFF),
    ("source.journal", "on", lambda s: s.journal, Mode.ON),
    ("kubernetes.api-server", "https://10.0.0.1:6443/", lambda s: s.api_servers, ("https://10.0.0.1:6443",)),
    ("kubernetes.kubeconfig", "/k", lambda s: s.kubeconfig, Path("/k")),
    ("kubernetes.node", "pi-master1", lambda s: s.node, "pi-master1"),
    ("path.procfs", "/host/proc", lambda s: s.procfs, Path("/host/proc")),
    ("path.rootfs", "/host", lambda s: s.rootfs, Path("/host")),
    ("path.pod-logs", "/host/pods", lambda s: s.pod_logs_path, Path("/host/pods")),
    ("path.flannel-run", "/host/run", lambda s: s.flannel_run_path, Path("/host/run")),
    ("path.units", "/host/units", lambda s: s.units_path, (Path("/host/units"),)),
    ("path.journal", "/host/journal", lambda s: s.journal_path, (Path("/host/journal"),)),
    ("state.directory", "/var/lib/x", lambda s: s.state_directory, Path("/var/lib/x")),
    ("log.level", "debug", lambda s: s.log_level, LogLevel.DEBUG),
    ("log.format", "json", lambda s: s.log_format, LogFormat.JSON),
    ("output", "json", lambda s: s.output, Output.JSON),
)

BAD = {
    "web.listen-address": ("10077", ":", ":70000", ":-1", "localhost:80", "1.2.3:80", ":٣", "[::1]", "/run/x.sock"),
    "web.telemetry-path": ("metrics", "/", "/-/ready", "/a b", "/<x>", "/a?b", "/a%2fb"),
    "web.config.file": ("web.yml", ""),
    "uplink.device": ("", "a b", "a/b", "a:b", "..", "sixteen-letters-", "äöüäöüäö", "\udcff"),
    "uplink.require-family": ("ipv5", "IPv4", "4", ""),
    "interface.include": ("(", "*"),
    "interface.exclude": ("[",),
    "flannel.container": ("Kube", "a_b", "", "-a", "a" * 64),
    "flannel.namespace": ("kube.system", "KUBE", "kube-*"),
    "flannel.pod": ("(", "(a{1000}){1000}"),
    "flannel.unit": ("k3s", "k3s.socket", "../k3s.service", "k3s service"),
    "flannel.args": ("'", "kubelet --iface=wlan0"),
    "flannel.version": ("newest", "0", "v"),
    "flannel.stack": ("ipv5",),
    "flannel.delta-window": ("15", "1s", "25h", "1d", "0m"),
    "source.kubernetes": ("yes", "true", ""),
    "source.pod-logs": ("ON",),
    "source.units": ("yes",),
    "source.journal": ("1",),
    "kubernetes.api-server": (
        "http://10.0.0.1:6443",
        "10.0.0.1",
        "ftp://x",
        "https://",
        "https://x/api",
        "https://[",
        "https://x?y",
        "https://x:port",
        "https://x:65536",
        "https://me@x",
    ),
    "kubernetes.kubeconfig": ("kubeconfig", "~/.kube/config"),
    "kubernetes.node": ("Node", "a b", ".a"),
    "path.procfs": ("proc", ""),
    "path.rootfs": ("host", ""),
    "path.pod-logs": ("pods",),
    "path.flannel-run": ("run",),
    "path.units": ("units",),
    "path.journal": ("journal",),
    "state.directory": ("state", ""),
    "log.level": ("INFO", "trace", "warning"),
    "log.format": ("text",),
    "output": ("yaml",),
}

NAMED = {flag.name: flag for flag in FLAGS}
named = pytest.mark.parametrize("flag", FLAGS, ids=lambda flag: str(flag.name))
good = pytest.mark.parametrize(("name", "text", "get", "value"), [pytest.param(*row, id=row[0]) for row in GOOD])


def test_every_flag_has_a_row_in_both_tables() -> None:
    assert [row[0] for row in GOOD] == [flag.name for flag in FLAGS] == list(BAD)


@good
def test_a_flag_sets_what_it_names(name: str, text: str, get: Get, value: object) -> None:
    assert get(parse([f"--{name}={text}"], {})) == value
    if not text.startswith("-"):
        assert get(parse([f"--{name}", text], {})) == value
    assert get(parse([], {})) != value


@good
def test_its_variable_does_the_same_and_the_flag_wins(name: str, text: str, get: Get, value: object) -> None:
    flag = NAMED[name]
    default = next(iter(flag.default), None)
    assert get(parse([], {flag.variable: text})) == value
    if default is not None:
        assert get(parse([f"--{name}={default}"], {flag.variable: text})) != value


@good
def test_an_empty_variable_is_as_good_as_none(name: str, text: str, get: Get, value: object) -> None:
    assert get(parse([], {NAMED[name].variable: ""})) == get(parse([], {}))


def test_variables_are_named_after_their_flags() -> None:
    assert NAMED["web.listen-address"].variable == "UPLINK_EXPORTER_WEB_LISTEN_ADDRESS"
    assert len({flag.variable for flag in FLAGS}) == len(FLAGS)


@named
def test_only_what_is_repeatable_may_be_repeated(flag: Flag) -> None:
    text = next(row[1] for row in GOOD if row[0] == flag.name)
    twice = [f"--{flag.name}={text}"] * 2
    if flag.repeatable:
        parse(twice, {})
        parse([], {flag.variable: f"{text}, {text}"})
    else:
        with pytest.raises(SettingsError, match=f"--{flag.name}: given 2 times; allowed is once"):
            parse(twice, {})


def test_what_is_repeated_keeps_its_order() -> None:
    devices = ["--uplink.device=wlan0", "--uplink.device=eth0"]
    assert parse(devices, {}).policy.devices == ("wlan0", "eth0")
    assert parse([], {"UPLINK_EXPORTER_UPLINK_DEVICE": "wlan0,eth0"}).policy.devices == ("wlan0", "eth0")


@pytest.mark.parametrize("flag", ["interface.include", "interface.exclude", "flannel.pod"])
def test_a_pattern_that_is_too_deep_is_refused_like_any_other(flag: str) -> None:
    with pytest.raises(SettingsError, match=f"^--{flag}: .* is not allowed: .*; allowed is "):
        parse([f"--{flag}={'(' * 5000}"], {})


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in BAD.items() for text in texts])
def test_a_bad_value_is_refused_by_a_line_that_names_flag_value_and_what_is_allowed(name: str, text: str) -> None:
    with pytest.raises(SettingsError) as raised:
        parse([f"--{name}={text}"], {})
    said = str(raised.value)
    assert said.startswith(f"--{name}: {text!r} ")
    assert said.endswith(f"allowed is {NAMED[name].allowed}")
    assert said.isprintable()


def test_a_bad_variable_is_named_too() -> None:
    with pytest.raises(SettingsError, match=r"--log.level \(from UPLINK_EXPORTER_LOG_LEVEL\): 'loud' is not allowed"):
        parse([], {"UPLINK_EXPORTER_LOG_LEVEL": "loud"})


def test_a_bad_variable_does_not_matter_where_the_flag_is_given() -> None:
    assert parse(["--log.level=warn"], {"UPLINK_EXPORTER_LOG_LEVEL": "loud"}).log_level is LogLevel.WARN


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--no.such=1"], "--no.such: no such flag; see uplink-exporter --help"),
        (["--uplink.devise=wlan0"], "--uplink.devise: no such flag; did you mean --uplink.device?"),
        (["--uplink.device", "--output"], "argument --uplink.device: expected one argument"),
        (["serve", "doctor"], "doctor: a second command after serve; allowed is one"),
        (["dokter", "extra"], "command: 'dokter' is not allowed"),
        (["doctor", "--output=json", "extra"], "extra: a second command after doctor; allowed is one"),
        (
            ["dokter"],
            "command: 'dokter' is not allowed; allowed is one of serve, doctor, history, healthcheck; did you mean",
        ),
        (["--uplink.device"], "argument --uplink.device: expected one argument"),
        (["--web.listen"], "--web.listen: no such flag"),
        (["-x"], "-x: no such flag"),
        (["--version=1"], "argument -V/--version: ignored explicit argument '1'"),
    ],
)
def test_what_is_no_flag_and_no_command(arguments: list[str], said: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(said)):
        parse(arguments, {})


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        ([], Command.SERVE),
        (["serve"], Command.SERVE),
        (["doctor"], Command.DOCTOR),
        (["doctor", "--output", "json"], Command.DOCTOR),
        (["--output", "json", "doctor"], Command.DOCTOR),
        (["--log.level=info", "doctor", "--output=json"], Command.DOCTOR),
    ],
)
def test_the_command_may_stand_before_or_after_the_flags(arguments: list[str], command: Command) -> None:
    assert parse(arguments, {}).command is command


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (":10077", ":10077"),
        ("[::1]:80", "[::1]:80"),
        ("[fe80::1%eth0]:80", "[fe80::1%eth0]:80"),
        ("1.2.3.4:0", "1.2.3.4:0"),
    ],
)
def test_a_listen_address_reads_as_it_was_written(text: str, shown: str) -> None:
    assert str(parse([f"--web.listen-address={text}"], {}).listen[0]) == shown


def test_a_value_of_two_dashes_is_a_value() -> None:
    assert parse(["--uplink.device=--"], {}).policy.devices == ("--",)


def test_no_device_s_name_can_hold_up_a_pattern() -> None:
    include = parse([r"--interface.include=(a+)+b|a*"], {}).include
    assert include is not None
    assert [include("a" * 15), include("a" * 14 + "b"), include("a" * 14 + "c")] == [True, True, False]


@pytest.mark.parametrize("text", ["(?!veth).*", "a)|(b", "(a{1000}){1000}", "((a*)*)*|((a+)+)+b", "a" * 257])
def test_a_pattern_that_is_none_or_has_no_bound_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match=r"--interface.exclude: .* a regular expression \(Go's\)"):
        parse([f"--interface.exclude={text}"], {})


@pytest.mark.parametrize("name", ["lo", "veth0123", "cali0a1b2c3d4e5", "eth0", "wlan0", "lo0", "eni0123456789ab"])
def test_the_pattern_of_the_default_means_the_same_in_both_syntaxes(name: str) -> None:
    plain, bounded = whole_name(DEFAULT_EXCLUDE), whole_name(f"(?:{DEFAULT_EXCLUDE})")
    assert plain is not None
    assert bounded is not None
    assert plain(name) is bounded(name)


def test_no_family_needs_to_be_required() -> None:
    assert parse(["--uplink.require-family=none"], {}).policy.required == ()


@pytest.mark.parametrize(
    ("arguments", "args"),
    [
        (["--flannel.args", "--iface=wlan0"], "--iface=wlan0"),
        (["--flannel.args", "--iface=wlan0", "--output=json"], "--iface=wlan0"),
        (["doctor", "--flannel.args", "-iface=wlan0 -v=4"], "-iface=wlan0 -v=4"),
        (["--flannel.args", "--iface wlan0", "doctor"], "--iface wlan0"),
    ],
)
def test_a_value_may_begin_with_a_dash(arguments: list[str], args: str) -> None:
    assert parse(arguments, {}).policy.flannel.args == args


def told(*arguments: str) -> str:
    """What somebody is told who does not want to run anything."""
    with pytest.raises(AnsweredError) as answered:
        parse(arguments, {})
    return str(answered.value)


@pytest.mark.parametrize("asked", [("--help",), ("-h",), ("help",)])
def test_help_names_every_flag_and_command(asked: tuple[str, ...]) -> None:
    text = told(*asked)
    assert all(f"--{flag.name} " in text for flag in FLAGS)
    assert all(f"\n  {command} " in text for command in Command)


@pytest.mark.parametrize("asked", [("doctor", "--help"), ("help", "doctor"), ("--help", "doctor")])
def test_each_command_has_a_help_of_its_own(asked: tuple[str, ...]) -> None:
    text = told(*asked)
    assert text.startswith("usage: uplink-exporter doctor ")
    assert "2 if it cannot tell" in text
    assert "\n  uplink-exporter doctor --output=json\n" in text
    assert "--web.listen-address" not in text.partition("Every flag has")[0]


@pytest.mark.parametrize("command", Command)
def test_every_flag_in_an_example_is_one(command: Command) -> None:
    examples = re.findall(r"^  uplink-exporter (.*)$", told(command, "--help"), re.MULTILINE)
    assert examples or command is Command.SERVE
    for example in examples:
        parse(shlex.split(example), {})


def test_help_lists_the_values_of_a_closed_set() -> None:
    assert "--output {text,json}" in told("--help")
    assert "--source.kubernetes {auto,on,off}" in told("--help")


@pytest.mark.parametrize("asked", ["--version", "-V", "version"])
def test_version(asked: str) -> None:
    assert told(asked) == f"uplink-exporter {__version__}\n"


def test_a_variable_that_is_nearly_a_flag_s_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"DEVISE: no flag .*; did you mean UPLINK_EXPORTER_UPLINK_DEVICE\?"):
        parse([], {"UPLINK_EXPORTER_UPLINK_DEVISE": "wlan0"})


def test_a_variable_that_is_no_flag_s_is_warned_of() -> None:
    (warning,) = parse([], {"UPLINK_EXPORTER_COLOUR_SCHEME": "1", "UPLINK": "x"}).warnings
    assert warning.startswith("UPLINK_EXPORTER_COLOUR_SCHEME is set, and no flag")
    (warning,) = parse([], {"UPLINK_EXPORTER_NAMESPACE": "x"}).warnings
    assert warning.endswith("; did you mean UPLINK_EXPORTER_FLANNEL_NAMESPACE?")


def test_what_kubernetes_says_of_a_service_of_our_name_is_no_mistake() -> None:
    names = ("SERVICE_HOST", "SERVICE_PORT", "SERVICE_PORT_METRICS", "PORT", "PORT_10077_TCP", "PORT_10077_TCP_ADDR")
    assert parse([], {f"UPLINK_EXPORTER_{name}": "10.96.7.7" for name in names}).warnings == ()


@given(st.sampled_from(FLAGS), st.text(st.characters(exclude_characters="\0")))
def test_any_text_is_taken_or_refused_by_a_settings_error(flag: Flag, text: str) -> None:
    for arguments, environment in (([f"--{flag.name}={text}"], {}), ([], {flag.variable: text})):
        try:
            assert isinstance(parse(arguments, environment), Settings)
        except SettingsError as error:
            assert f"--{flag.name}" in str(error)
