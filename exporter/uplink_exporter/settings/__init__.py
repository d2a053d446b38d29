"""The settings: flags and environment to one frozen value."""

from uplink_exporter.settings.flags import FLAGS, Flag
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
from uplink_exporter.settings.values import DEFAULT_EXCLUDE, whole_name

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
    "whole_name",
]
