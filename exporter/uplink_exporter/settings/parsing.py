"""From arguments and environment to the settings. Pure; a bad value is a SettingsError that says why."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

from uplink_exporter import __version__
from uplink_exporter.facts import FlannelPolicy, Policy
from uplink_exporter.flannel.re2 import MalformedError, TooCostlyError
from uplink_exporter.settings.flags import FLAGS, Flag, one_of
from uplink_exporter.settings.help import help_text, parser
from uplink_exporter.settings.model import AnsweredError, Command, Mode, Settings, SettingsError
from uplink_exporter.settings.nearest import hint, unknown_variables


def parse(arguments: Sequence[str], environment: Mapping[str, str]) -> Settings:
    """The settings from the command line, else the environment, else the defaults.

    Raises SettingsError, and AnsweredError where somebody only wants to be told something.
    """
    given = _given(arguments)
    warnings = tuple(unknown_variables(environment))
    values = {flag.name: _values(flag, given[flag.name], environment) for flag in FLAGS}
    one: dict[str, Any] = {name: found[0] for name, found in values.items() if found}
    return Settings(
        command=_command(given["command"]),
        listen=values["web.listen-address"],
        telemetry_path=one["web.telemetry-path"],
        web_config=one.get("web.config.file"),
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
        flannel_namespaces=values["flannel.namespace"] if all(values["flannel.namespace"]) else (),
        flannel_pod=one["flannel.pod"],
        kubernetes=one["source.kubernetes"],
        pod_logs=one["source.pod-logs"],
        units=one["source.units"],
        journal=one["source.journal"],
        flannel_units=tuple(unit for unit in values["flannel.unit"] if unit),
        api_servers=values["kubernetes.api-server"],
        kubeconfig=one.get("kubernetes.kubeconfig"),
        node=one.get("kubernetes.node", ""),
        pod_logs_path=one["path.pod-logs"],
        pod_logs_required=one["source.pod-logs"] is Mode.ON or _is_set("path.pod-logs", given, environment),
        flannel_run_path=one["path.flannel-run"],
        units_path=values["path.units"],
        journal_path=values["path.journal"],
        state_directory=one.get("state.directory"),
        log_level=one["log.level"],
        log_format=one["log.format"],
        output=one["output"],
        warnings=warnings,
    )


def _given(arguments: Sequence[str]) -> dict[str, Any]:
    words = _joined(_plain_words(arguments))
    try:
        namespace, rest = parser().parse_known_args(words)
    except argparse.ArgumentError as error:
        raise SettingsError(f"{error}; see uplink-exporter --help") from error
    if namespace.help:
        raise AnsweredError(help_text(next((c for c in Command if c in words), None)))
    if namespace.version:
        raise AnsweredError(f"uplink-exporter {__version__}\n")
    if rest:
        name = rest[0].partition("=")[0][:200]
        if not name.startswith("-"):
            raise SettingsError(f"{name}: a second command after {_command(namespace.command)}; allowed is one")
        near = hint(name, (f"--{flag.name}" for flag in FLAGS), "--")
        raise SettingsError(f"{name}: no such flag{near}; see uplink-exporter --help")
    return vars(namespace)


def _plain_words(arguments: Sequence[str]) -> list[str]:
    """`help` and `version`, as people type them, in the words that are parsed."""
    if arguments and arguments[0] in ("help", "version"):
        return [*arguments[1:], f"--{arguments[0]}"]
    return list(arguments)


def _joined(words: Sequence[str]) -> list[str]:
    """The words with `--flag VALUE` as one where the value begins with a dash, which argparse takes for a flag."""
    flags = {f"--{flag.name}" for flag in FLAGS}
    joined: list[str] = []
    for word in words:
        value = word.startswith("-") and word not in ("--", "-h", "--help", "-V", "--version")
        if value and joined and joined[-1] in flags and word.partition("=")[0] not in flags:
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined


def _is_set(name: str, given: Mapping[str, Any], environment: Mapping[str, str]) -> bool:
    flag = next(flag for flag in FLAGS if flag.name == name)
    return given[name] is not None or bool(environment.get(flag.variable))


def _command(text: str) -> Command:
    try:
        return Command(text)
    except ValueError as error:
        near = hint(text, Command)
        raise SettingsError(f"command: {text[:200]!r} is not allowed; allowed is {one_of(Command)}{near}") from error


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
    except (MalformedError, TooCostlyError) as error:
        raise SettingsError(f"{where}: {text[:200]!r} is not allowed: {error}; allowed is {flag.allowed}") from error
    except ValueError as error:
        raise SettingsError(f"{where}: {text[:200]!r} is not allowed; allowed is {flag.allowed}") from error
