"""What each command says of itself: its flags, its exit codes, examples."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from uplink_exporter.settings.flags import FLAGS, Flag
from uplink_exporter.settings.model import Command

PROGRAM = "uplink-exporter"
COMMANDS: Mapping[Command, str] = {
    Command.SERVE: "serve metrics and the status page; the default",
    Command.DOCTOR: "look once, and say what is wrong with this node's uplink, why, and what to do",
    Command.HISTORY: "tell what this node's uplink went through",
    Command.HEALTHCHECK: "ask the exporter on this machine whether it is healthy",
}
# Which flags matter to a command, by how their names begin. The others are taken as well, and do nothing: a container's
# variables are the same for all commands.
_MATTER: Mapping[Command, tuple[str, ...]] = {
    Command.SERVE: ("",),
    Command.DOCTOR: ("uplink.", "flannel.", "source.", "kubernetes.", "path.", "state.", "log.", "output"),
    Command.HISTORY: ("uplink.require-family", "kubernetes.node", "path.procfs", "path.rootfs", "state.", "output"),
    Command.HEALTHCHECK: ("web.listen-address", "web.config.file"),
}
_EXIT: Mapping[Command, str] = {
    Command.SERVE: "0 if it was told to end, 2 for a setting that cannot be",
    Command.DOCTOR: "0 if the node is healthy, 1 if not, 2 if it cannot tell: something could not be looked at",
    Command.HISTORY: "0 if it could tell, 2 if there is no record that it can read",
    Command.HEALTHCHECK: "0 if the exporter is healthy, 1 if not",
}
_EXAMPLES: Mapping[Command, tuple[str, ...]] = {
    Command.SERVE: ("--uplink.device=wlan0", '--flannel.args="--iface=wlan0" --flannel.version=v0.28.9'),
    Command.DOCTOR: ("", "--output=json", "--uplink.device=wlan0 --source.kubernetes=off"),
    Command.HISTORY: ("", "--state.directory=/var/lib/uplink-exporter --output=json"),
    Command.HEALTHCHECK: ("", "--web.listen-address=127.0.0.1:10077"),
}


def help_text(command: Command | None) -> str:
    """The help of a command, or of all."""
    return parser(command).format_help()


def parser(command: Command | None = None) -> argparse.ArgumentParser:
    """What parses the arguments of any command, with the help of one."""
    made = argparse.ArgumentParser(
        prog=f"{PROGRAM} {command}" if command else PROGRAM,
        usage=None if command is None else f"{PROGRAM} {command} [--FLAG=VALUE ...]",
        description=_description(command),
        epilog=_epilog(command or Command.SERVE),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        exit_on_error=False,
        add_help=False,
    )
    if command is None:
        made.usage = f"{PROGRAM} [COMMAND] [--FLAG=VALUE ...]"
        made.add_argument("command", nargs="?", default=Command.SERVE, help=argparse.SUPPRESS)
    made.add_argument("-h", "--help", action="store_true", help="show this; for one command: COMMAND --help")
    made.add_argument("-V", "--version", action="store_true", help="show the version")
    for flag in FLAGS:
        matters = flag.name.startswith(_MATTER[command or Command.SERVE])
        text = _flag_help(flag) if matters else argparse.SUPPRESS
        made.add_argument(f"--{flag.name}", dest=flag.name, action="append", metavar=_metavar(flag), help=text)
    return made


def _description(command: Command | None) -> str:
    if command is not None:
        return f"{COMMANDS[command][0].upper()}{COMMANDS[command][1:]}."
    width = max(map(len, COMMANDS))
    rows = "\n".join(f"  {name:{width}}  {does}" for name, does in COMMANDS.items())
    return (
        "Tells why a Kubernetes node lost its uplink, as Prometheus metrics or (doctor) at the prompt.\n\n"
        f"commands:\n{rows}"
    )


def _epilog(command: Command) -> str:
    examples = "\n".join(
        f"  {' '.join(filter(None, (PROGRAM, *_name(command), flags)))}" for flags in _EXAMPLES[command]
    )
    return (
        f"exit code:\n  {_EXIT[command]}\n\nexamples:\n{examples}\n\n"
        f"Every flag has an environment variable: {FLAGS[0].variable} for --{FLAGS[0].name}; the flag wins.\n"
        "A repeatable one is given as a list with commas there."
    )


def _name(command: Command) -> tuple[str, ...]:
    return () if command is Command.SERVE else (command,)


def _flag_help(flag: Flag) -> str:
    shown = ", ".join(flag.default)
    return f"{flag.help}{'; repeatable' * flag.repeatable} (default: {shown or 'none'})".replace("%", "%%")


def _metavar(flag: Flag) -> str:
    return f"{{{','.join(flag.choices)}}}" if flag.choices else "VALUE"
