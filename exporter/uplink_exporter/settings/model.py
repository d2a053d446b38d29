"""What can be set, as one frozen value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from uplink_exporter.facts import Policy
from uplink_exporter.flannel.re2 import Pattern


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
    web_config: Path | None
    policy: Policy
    include: Callable[[str], bool] | None
    exclude: Callable[[str], bool] | None
    procfs: Path
    rootfs: Path
    flannel_containers: tuple[str, ...]
    flannel_namespaces: tuple[str, ...]
    flannel_pod: Pattern | None
    kubernetes: Mode
    pod_logs: Mode
    units: Mode
    journal: Mode
    flannel_units: tuple[str, ...]
    api_servers: tuple[str, ...]
    kubeconfig: Path | None
    node: str
    pod_logs_path: Path
    pod_logs_required: bool
    """Whether somebody asked for them: by `on`, or by saying where they are."""
    flannel_run_path: Path
    units_path: tuple[Path, ...]
    journal_path: tuple[Path, ...]
    state_directory: Path | None
    log_level: LogLevel
    log_format: LogFormat
    output: Output
    warnings: tuple[str, ...] = ()
    """What was set and does nothing."""


class SettingsError(Exception):
    """A setting that cannot be: names the flag, the value, and what is allowed."""


class AnsweredError(Exception):
    """There is nothing to run: the help or the version was asked for, and this is it."""
