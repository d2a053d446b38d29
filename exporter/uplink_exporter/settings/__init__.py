"""The settings: flags and environment to one frozen value."""

from uplink_exporter.settings.flags import DEFAULT_EXCLUDE, FLAGS, Flag
from uplink_exporter.settings.model import (
    AnsweredError,
    Command,
    ListenAddress,
    LogFormat,
    LogLevel,
    Mode,
    Output,
    Settings,
    SettingsError,
)
from uplink_exporter.settings.parsing import parse

__all__ = [
    "DEFAULT_EXCLUDE",
    "FLAGS",
    "AnsweredError",
    "Command",
    "Flag",
    "ListenAddress",
    "LogFormat",
    "LogLevel",
    "Mode",
    "Output",
    "Settings",
    "SettingsError",
    "parse",
]
