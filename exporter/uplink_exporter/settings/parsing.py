"""From arguments and environment to the settings. Pure; a bad value is a SettingsError that says why."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping, Sequence
from typing import Any

from uplink_exporter import __version__
from uplink_exporter.facts import FlannelPolicy, Policy
from uplink_exporter.settings.flags import FLAGS, Flag, one_of
from uplink_exporter.settings.model import Command, Settings, SettingsError


def parse(arguments: Sequence[str], environment: Mapping[str, str]) -> Settings:
    """The settings from the command line, else the environment, else the defaults. Raises SettingsError."""
    given = _given(arguments)
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
        flannel_namespaces=values["flannel.namespace"],
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
        flannel_run_path=one["path.flannel-run"],
        units_path=values["path.units"],
        journal_path=values["path.journal"],
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
        raise SettingsError(f"command: {text[:200]!r} is not allowed; allowed is {one_of(Command)}") from error


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
