"""The settings: flags and environment to one frozen value. Pure; a bad value is a SettingsError that says why."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from uplink_exporter import __version__
from uplink_exporter.facts import Family, FlannelPolicy, Policy
from uplink_exporter.flannel.options import Stack, parse_options, parse_version, split_args

ENVIRONMENT_PREFIX = "UPLINK_EXPORTER_"


class Command(StrEnum):
    """What to do."""

    SERVE = "serve"
    DOCTOR = "doctor"
    HISTORY = "history"
    HEALTHCHECK = "healthcheck"


class Mode(StrEnum):
    """Whether a source runs."""

    AUTO = "auto"
    ON = "on"
    OFF = "off"


class LogLevel(StrEnum):
    """From which level on to log."""

    DEBUG = "debug"
    INFO = "info"
    WARN = "warn"
    ERROR = "error"


class LogFormat(StrEnum):
    """How a log line looks."""

    LOGFMT = "logfmt"
    JSON = "json"


class Output(StrEnum):
    """How doctor and history answer."""

    TEXT = "text"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """Where to listen. An empty host means every address of every family."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that can be set."""

    command: Command
    listen: tuple[ListenAddress, ...]
    telemetry_path: str
    policy: Policy
    include: re.Pattern[str] | None
    exclude: re.Pattern[str] | None
    procfs: Path
    rootfs: Path
    flannel_containers: tuple[str, ...]
    flannel_namespaces: tuple[str, ...]
    flannel_pod: re.Pattern[str] | None
    kubernetes: Mode
    pod_logs: Mode
    api_servers: tuple[str, ...]
    kubeconfig: Path | None
    node: str
    pod_logs_path: Path
    flannel_run_path: Path
    state_directory: Path | None
    log_level: LogLevel
    log_format: LogFormat
    output: Output


class SettingsError(Exception):
    """A setting that cannot be: names the flag, the value, and what is allowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """One flag. `allowed` completes the sentence "allowed is ..."; `default` is as it would be written."""

    name: str
    default: tuple[str, ...]
    parse: Callable[[str], object]
    allowed: str
    help: str
    repeatable: bool = False

    @property
    def variable(self) -> str:
        """Its environment variable."""
        return ENVIRONMENT_PREFIX + re.sub(r"[.-]", "_", self.name).upper()


# Pod-side veths by the names that CNI plugins give them, and the loopback; never the expected uplink.
DEFAULT_EXCLUDE = r"lo|veth.*|cali[0-9a-f]+|lxc.*|cilium_.*|eni[0-9a-f]{11}|azv[0-9a-f]+|gke[0-9a-f]+|[0-9a-f]{15}"


def _listen(text: str) -> ListenAddress:
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not port.isascii() or not port.isdecimal() or int(port) > 65535:
        raise ValueError
    if host:
        ip_address(host.partition("%")[0])
    return ListenAddress(host, int(port))


def _telemetry_path(text: str) -> str:
    if not re.fullmatch(r"/[A-Za-z0-9._~/-]+", text) or text.startswith("/-/"):
        raise ValueError
    return text


def _device(text: str) -> str:
    # dev_valid_name() of the kernel's net/core/dev.c
    if not 0 < len(text.encode()) < 16 or text in (".", "..") or re.search(r"[/:\s]", text):
        raise ValueError
    return text


def _pattern(text: str) -> re.Pattern[str] | None:
    return re.compile(text) if text else None


def _path(text: str) -> Path:
    if not text.startswith("/"):
        raise ValueError
    return Path(text)


def _label(text: str) -> str:
    # A DNS label (RFC 1123), as Kubernetes asks of the names of namespaces and containers.
    if not re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", text):
        raise ValueError
    return text


def _subdomain(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?", text):
        raise ValueError
    return text


def _flannel_args(text: str) -> str:
    parse_options(split_args(text))
    return text


def _flannel_version(text: str) -> str:
    if parse_version(text) is None:
        raise ValueError
    return text


def _seconds(text: str) -> float:
    match = re.fullmatch(r"([0-9]{1,5})(s|m|h)", text)
    if match is None or not 60 <= (seconds := int(match[1]) * {"s": 1, "m": 60, "h": 3600}[match[2]]) <= 86400:
        raise ValueError
    return float(seconds)


def _api_server(text: str) -> str:
    url = urlsplit(text)
    if url.scheme not in ("http", "https") or not url.hostname or url.path not in ("", "/"):
        raise ValueError
    if url.port == 0 or url.query or url.fragment or url.username is not None:  # .port raises ValueError for no port
        raise ValueError
    return text.removesuffix("/")


def _names(kind: type[StrEnum]) -> str:
    return "one of " + ", ".join(kind)


FLAGS: tuple[Flag, ...] = (
    Flag(
        name="web.listen-address",
        default=(":10077",),
        parse=_listen,
        allowed="an IP address and a port, such as :10077, 127.0.0.1:10077 or [::1]:10077",
        help="where to listen; an address that is not there yet is fine",
        repeatable=True,
    ),
    Flag(
        name="web.telemetry-path",
        default=("/metrics",),
        parse=_telemetry_path,
        allowed="an absolute path other than / and /-/..., such as /metrics",
        help="where the metrics are",
    ),
    Flag(
        name="uplink.device",
        default=(),
        parse=_device,
        allowed="the name of a network interface, at most 15 bytes, such as wlan0",
        help="the expected uplink, when it should not be guessed; need not exist yet",
        repeatable=True,
    ),
    Flag(
        name="uplink.require-family",
        default=(Family.IPV4,),
        parse=lambda text: None if text == "none" else Family(text),
        allowed="one of ipv4, ipv6, none",
        help="in which family this node must have a default route",
        repeatable=True,
    ),
    Flag(
        name="interface.include",
        default=("",),
        parse=_pattern,
        allowed="a regular expression (Python's), matched against the whole name",
        help="show only interfaces that match, and the expected uplink",
    ),
    Flag(
        name="interface.exclude",
        default=(DEFAULT_EXCLUDE,),
        parse=_pattern,
        allowed="a regular expression (Python's), matched against the whole name",
        help="leave out interfaces that match, but never the expected uplink",
    ),
    Flag(
        name="flannel.container",
        default=("kube-flannel",),
        parse=_label,
        allowed="a container's name, such as kube-flannel",
        help="the container that counts as flannel",
        repeatable=True,
    ),
    Flag(
        name="flannel.namespace",
        default=(),
        parse=_label,
        allowed="a namespace's name, such as kube-flannel",
        help="only pods of this namespace count as flannel",
        repeatable=True,
    ),
    Flag(
        name="flannel.pod",
        default=("",),
        parse=_pattern,
        allowed="a regular expression (Python's), looked for in the pod's name",
        help="only pods whose name matches count as flannel",
    ),
    Flag(
        name="flannel.args",
        default=(),
        parse=_flannel_args,
        allowed="flannel's own flags in one string, such as '--iface=wlan0 --iface-regex=^10[.]'",
        help="flannel's flags, where they cannot be found out",
    ),
    Flag(
        name="flannel.version",
        default=(),
        parse=_flannel_version,
        allowed="a version such as v0.28.9",
        help="flannel's version, where it cannot be found out",
    ),
    Flag(
        name="flannel.stack",
        default=(),
        parse=Stack,
        allowed=_names(Stack),
        help="flannel's address families, where they cannot be found out",
    ),
    Flag(
        name="flannel.delta-window",
        default=("15m", "1h"),
        parse=_seconds,
        allowed="a time span from 60s to 24h, such as 15m",
        help="over how long flannel's restarts are shown as a delta",
        repeatable=True,
    ),
    Flag(
        name="source.kubernetes",
        default=(Mode.AUTO,),
        parse=Mode,
        allowed=_names(Mode),
        help="ask the API server; auto: where there is a ServiceAccount's token or a kubeconfig",
    ),
    Flag(
        name="source.pod-logs",
        default=(Mode.AUTO,),
        parse=Mode,
        allowed=_names(Mode),
        help="read flannel's logs on the node; auto: where there is a directory of them",
    ),
    Flag(
        name="kubernetes.api-server",
        default=(),
        parse=_api_server,
        allowed="a URL without a path, such as https://192.168.6.11:6443",
        help="one more way to the API server, for when the service's address is out of reach",
        repeatable=True,
    ),
    Flag(
        name="kubernetes.kubeconfig",
        default=(),
        parse=_path,
        allowed="an absolute path",
        help="credentials for the API server, out of a cluster",
    ),
    Flag(
        name="kubernetes.node",
        default=(),
        parse=_subdomain,
        allowed="a node's name, as kubectl get nodes prints it",
        help="this node's name, if it is not the host's",
    ),
    Flag(
        name="path.procfs",
        default=("/proc",),
        parse=_path,
        allowed="an absolute path",
        help="where procfs is mounted",
    ),
    Flag(
        name="path.rootfs",
        default=("/",),
        parse=_path,
        allowed="an absolute path",
        help="where the node's root is seen: sysfs, and whose command brings the network back",
    ),
    Flag(
        name="path.pod-logs",
        default=("/var/log/pods",),
        parse=_path,
        allowed="an absolute path",
        help="where the kubelet keeps the logs of pods",
    ),
    Flag(
        name="path.flannel-run",
        default=("/run/flannel",),
        parse=_path,
        allowed="an absolute path",
        help="where flannel keeps subnet.env",
    ),
    Flag(
        name="state.directory",
        default=(),
        parse=_path,
        allowed="an absolute path",
        help="where to keep what must outlive a restart and a reboot; without it, nothing does",
    ),
    Flag(
        name="log.level",
        default=(LogLevel.INFO,),
        parse=LogLevel,
        allowed=_names(LogLevel),
        help="from which level on to log",
    ),
    Flag(
        name="log.format",
        default=(LogFormat.LOGFMT,),
        parse=LogFormat,
        allowed=_names(LogFormat),
        help="how a log line looks",
    ),
    Flag(
        name="output",
        default=(Output.TEXT,),
        parse=Output,
        allowed=_names(Output),
        help="how doctor and history answer",
    ),
)


def parse(arguments: Sequence[str], environment: Mapping[str, str]) -> Settings:
    """The settings from the command line, else the environment, else the defaults. Raises SettingsError."""
    given = _given(arguments)
    values = {flag.name: _values(flag, given[flag.name], environment) for flag in FLAGS}
    one: dict[str, Any] = {name: found[0] for name, found in values.items() if found}
    return Settings(
        command=_command(given["command"]),
        listen=values["web.listen-address"],
        telemetry_path=one["web.telemetry-path"],
        policy=Policy(
            required=tuple(dict.fromkeys(family for family in values["uplink.require-family"] if family)),
            devices=values["uplink.device"],
            flannel=FlannelPolicy(
                args=one.get("flannel.args", ""),
                version=one.get("flannel.version", ""),
                stack=one.get("flannel.stack", ""),
            ),
            windows=tuple(dict.fromkeys(values["flannel.delta-window"])),
        ),
        include=one["interface.include"],
        exclude=one["interface.exclude"],
        procfs=one["path.procfs"],
        rootfs=one["path.rootfs"],
        flannel_containers=values["flannel.container"],
        flannel_namespaces=values["flannel.namespace"],
        flannel_pod=one["flannel.pod"],
        kubernetes=one["source.kubernetes"],
        pod_logs=one["source.pod-logs"],
        api_servers=values["kubernetes.api-server"],
        kubeconfig=one.get("kubernetes.kubeconfig"),
        node=one.get("kubernetes.node", ""),
        pod_logs_path=one["path.pod-logs"],
        flannel_run_path=one["path.flannel-run"],
        state_directory=one.get("state.directory"),
        log_level=one["log.level"],
        log_format=one["log.format"],
        output=one["output"],
    )


def _given(arguments: Sequence[str]) -> dict[str, Any]:
    try:
        namespace, rest = _parser().parse_known_args(list(arguments))
    except argparse.ArgumentError as error:
        raise SettingsError(f"{error}; see uplink-exporter --help") from error
    if rest:
        raise SettingsError(f"{rest[0][:200]}: no such flag or command; see uplink-exporter --help")
    return vars(namespace)


def _command(text: str) -> Command:
    try:
        return Command(text)
    except ValueError as error:
        raise SettingsError(f"command: {text[:200]!r} is not allowed; allowed is {_names(Command)}") from error


def _values(flag: Flag, given: list[Any] | None, environment: Mapping[str, str]) -> tuple[Any, ...]:
    # argparse takes a value of `--` for a separator, and gives an empty list in its place (until Python 3.13).
    where, texts = f"--{flag.name}", given and ["--" if text == [] else text for text in given]
    if texts is None and environment.get(flag.variable):
        where = f"--{flag.name} (from {flag.variable})"
        texts = environment[flag.variable].split(",") if flag.repeatable else [environment[flag.variable]]
    if texts is None:
        texts = list(flag.default)
    if len(texts) > 1 and not flag.repeatable:
        raise SettingsError(f"{where}: given {len(texts)} times; allowed is once")
    return tuple(_value(flag, where, text.strip()) for text in texts)


def _value(flag: Flag, where: str, text: str) -> object:
    try:
        return flag.parse(text)
    except re.error as error:
        raise SettingsError(f"{where}: {text[:200]!r} does not compile: {error}; allowed is {flag.allowed}") from error
    except ValueError as error:
        raise SettingsError(f"{where}: {text[:200]!r} is not allowed; allowed is {flag.allowed}") from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="uplink-exporter",
        description="Tells why a Kubernetes node lost its uplink, as Prometheus metrics or (doctor) at the prompt.",
        epilog=f"Every flag has an environment variable: {FLAGS[0].variable} for --{FLAGS[0].name}; the flag wins. "
        "A repeatable one is given as a list with commas there.",
        allow_abbrev=False,
        exit_on_error=False,
    )
    parser.add_argument("--version", action="version", version=f"uplink-exporter {__version__}")
    parser.add_argument(
        "command",
        nargs="?",
        default=Command.SERVE,
        metavar=f"{{{','.join(Command)}}}",
        help="serve metrics (the default), say once what is wrong with this node's uplink, tell what it went through, "
        "or exit with 0 if the exporter on this machine is healthy and 1 if not",
    )
    for flag in FLAGS:
        shown = ", ".join(flag.default).replace("%", "%%")
        text = f"{flag.help}{'; repeatable' * flag.repeatable} (default: {shown or 'none'})"
        parser.add_argument(f"--{flag.name}", dest=flag.name, action="append", metavar="VALUE", help=text)
    return parser
