"""The flags, as data: the help text, the documents and the environment's names are made from it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from uplink_exporter.facts import Family
from uplink_exporter.flannel.options import Stack
from uplink_exporter.flannel.units import UNITS
from uplink_exporter.settings.model import LogFormat, LogLevel, Mode, Output
from uplink_exporter.settings.values import (
    DEFAULT_EXCLUDE,
    absolute_path,
    api_server,
    bounded_pattern,
    device,
    flannel_args,
    flannel_version,
    label,
    listen,
    namespace,
    subdomain,
    telemetry_path,
    time_span,
    unit,
    whole_name,
)

ENVIRONMENT_PREFIX = "UPLINK_EXPORTER_"


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
    def choices(self) -> tuple[str, ...]:
        """The values, where they are a closed set."""
        one, _, of = self.allowed.partition("one of ")
        return () if one or not of else tuple(of.split(", "))

    @property
    def variable(self) -> str:
        """Its environment variable."""
        return ENVIRONMENT_PREFIX + re.sub(r"[.-]", "_", self.name).upper()


def one_of(kind: type[StrEnum]) -> str:
    """The words that complete "allowed is" for a closed set."""
    return "one of " + ", ".join(kind)


FLAGS: tuple[Flag, ...] = (
    Flag(
        name="web.listen-address",
        default=(":10077",),
        parse=listen,
        allowed="an IP address and a port, such as :10077, 127.0.0.1:10077 or [::1]:10077",
        help="where to listen; an address that is not there yet is fine",
        repeatable=True,
    ),
    Flag(
        name="web.telemetry-path",
        default=("/metrics",),
        parse=telemetry_path,
        allowed="an absolute path other than / and /-/..., such as /metrics",
        help="where the metrics are",
    ),
    Flag(
        name="web.config.file",
        default=(),
        parse=absolute_path,
        allowed="an absolute path",
        help="TLS, users, headers and a rate limit, in the words of Prometheus' exporter-toolkit",
    ),
    Flag(
        name="uplink.device",
        default=(),
        parse=device,
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
        parse=whole_name,
        allowed="a regular expression (Go's) of at most 256 characters, matched against the whole name",
        help="show only interfaces that match, and the expected uplink",
    ),
    Flag(
        name="interface.exclude",
        default=(DEFAULT_EXCLUDE,),
        parse=whole_name,
        allowed="a regular expression (Go's) of at most 256 characters, matched against the whole name",
        help="leave out interfaces that match, but never the expected uplink",
    ),
    Flag(
        name="flannel.container",
        default=("kube-flannel",),
        parse=label,
        allowed="a container's name, such as kube-flannel",
        help="the container that counts as flannel",
        repeatable=True,
    ),
    Flag(
        name="flannel.namespace",
        default=("kube-flannel", "kube-system"),
        parse=namespace,
        allowed="a namespace's name, such as kube-flannel, or * for all",
        help="only pods of this namespace count as flannel, so that none of a tenant's does",
        repeatable=True,
    ),
    Flag(
        name="flannel.pod",
        default=("",),
        parse=bounded_pattern,
        allowed="a regular expression (Go's) of at most 256 characters, looked for in the pod's name",
        help="only pods whose name matches count as flannel",
    ),
    Flag(
        name="flannel.unit",
        default=UNITS,
        parse=unit,
        allowed="a unit's name or a pattern of names, such as k3s.service or k3s-*.service, or none",
        help="the service that counts as flannel, or as what starts before it",
        repeatable=True,
    ),
    Flag(
        name="flannel.args",
        default=(),
        parse=flannel_args,
        allowed="flannel's own flags in one string, such as '--iface=wlan0 --iface-regex=^10[.]'",
        help="flannel's flags, where they cannot be found out",
    ),
    Flag(
        name="flannel.version",
        default=(),
        parse=flannel_version,
        allowed="a version such as v0.28.9",
        help="flannel's version, where it cannot be found out",
    ),
    Flag(
        name="flannel.stack",
        default=(),
        parse=Stack,
        allowed=one_of(Stack),
        help="flannel's address families, where they cannot be found out",
    ),
    Flag(
        name="flannel.delta-window",
        default=("15m", "1h"),
        parse=time_span,
        allowed="a time span from 60s to 24h, such as 15m",
        help="over how long flannel's restarts are shown as a delta",
        repeatable=True,
    ),
    Flag(
        name="source.kubernetes",
        default=(Mode.AUTO,),
        parse=Mode,
        allowed=one_of(Mode),
        help="ask the API server; auto: where there is a ServiceAccount's token or a kubeconfig",
    ),
    Flag(
        name="source.pod-logs",
        default=(Mode.AUTO,),
        parse=Mode,
        allowed=one_of(Mode),
        help="read flannel's logs on the node; auto: where there is a directory of them",
    ),
    Flag(
        name="source.units",
        default=(Mode.AUTO,),
        parse=Mode,
        allowed=one_of(Mode),
        help="watch the units that may be flannel; auto: where there is a directory of them",
    ),
    Flag(
        name="source.journal",
        default=(Mode.AUTO,),
        parse=Mode,
        allowed=one_of(Mode),
        help="read the journal of those units; auto: where there is a journal",
    ),
    Flag(
        name="kubernetes.api-server",
        default=(),
        parse=api_server,
        allowed="an https URL without a path, such as https://192.168.6.11:6443",
        help="one more way to the API server, for when the service's address is out of reach",
        repeatable=True,
    ),
    Flag(
        name="kubernetes.kubeconfig",
        default=(),
        parse=absolute_path,
        allowed="an absolute path",
        help="credentials for the API server, out of a cluster",
    ),
    Flag(
        name="kubernetes.node",
        default=(),
        parse=subdomain,
        allowed="a node's name, as kubectl get nodes prints it",
        help="this node's name, if it is not the host's",
    ),
    Flag(
        name="path.procfs",
        default=("/proc",),
        parse=absolute_path,
        allowed="an absolute path",
        help="where procfs is mounted",
    ),
    Flag(
        name="path.rootfs",
        default=("/",),
        parse=absolute_path,
        allowed="an absolute path",
        help="where the node's root is seen: sysfs, and whose command brings the network back",
    ),
    Flag(
        name="path.pod-logs",
        default=("/var/log/pods",),
        parse=absolute_path,
        allowed="an absolute path",
        help="where the kubelet keeps the logs of pods",
    ),
    Flag(
        name="path.flannel-run",
        default=("/run/flannel",),
        parse=absolute_path,
        allowed="an absolute path",
        help="where flannel keeps subnet.env",
    ),
    Flag(
        name="path.units",
        default=("/run/systemd/units", "/run/openrc/options"),
        parse=absolute_path,
        allowed="an absolute path",
        help="where systemd or OpenRC tells which units run",
        repeatable=True,
    ),
    Flag(
        name="path.journal",
        default=("/run/log/journal", "/var/log/journal", "/var/log/k3s.log", "/var/log/k3s-agent.log"),
        parse=absolute_path,
        allowed="an absolute path",
        help="where the journal is, or with OpenRC the log file of a service",
        repeatable=True,
    ),
    Flag(
        name="state.directory",
        default=(),
        parse=absolute_path,
        allowed="an absolute path",
        help="where to keep what must outlive a restart and a reboot; without it, nothing does",
    ),
    Flag(
        name="log.level",
        default=(LogLevel.INFO,),
        parse=LogLevel,
        allowed=one_of(LogLevel),
        help="from which level on to log",
    ),
    Flag(
        name="log.format",
        default=(LogFormat.LOGFMT,),
        parse=LogFormat,
        allowed=one_of(LogFormat),
        help="how a log line looks",
    ),
    Flag(
        name="output",
        default=(Output.TEXT,),
        parse=Output,
        allowed=one_of(Output),
        help="how doctor and history answer",
    ),
)
