"""`python -m tests.stack`: the incident, told as it happens. A page is a line that begins with PAGE."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from functools import partial
from pathlib import Path
from types import FrameType

from tests.alerts.tools import generations
from tests.kernel.namespace import remove_leftovers, unavailable
from tests.stack import node
from tests.stack.incident import Lives, Record, replaying
from tests.stack.keeping import keep
from tests.stack.servers import BrokenReplayError
from tests.stack.telling import Telling

NO_ROOT = """\
The replay has to be root: it makes network namespaces, in which it sets links up and down and adds routes, and a clock
of their own for them. It touches nothing of this machine's own network, and removes all that it made: sudo make demo"""


def main() -> int:
    """Tell it. 0 if there was one page and its end, 1 if not or if it broke, 2 if it cannot begin, 130 on Ctrl-C."""
    options = parse()
    if os.geteuid() != 0:
        print(NO_ROOT, file=sys.stderr)
        return 2
    if reason := unavailable() or node.unavailable():
        print(f"The replay cannot begin: {reason}", file=sys.stderr)
        return 2
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)
    remove_leftovers()
    try:
        return replay(options)
    except BrokenReplayError as error:
        print(f"The replay is broken: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def parse() -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(prog="python -m tests.stack", description=__doc__)
    names = [tools.generation for tools in generations()]
    parser.add_argument("--keep", action="store_true", help="leave Prometheus and Alertmanager up until Ctrl-C")
    parser.add_argument(
        "--flanneld", type=Path, metavar="PATH", help="a real flanneld, v0.20 or newer, instead of the stand-in"
    )
    parser.add_argument(
        "--home",
        type=Lives,
        choices=[*Lives],
        default=Lives.POD,
        help="where flannel lives: in a pod, or inside k3s' unit",
    )
    parser.add_argument("--servers", choices=names, default=names[0], help="which Prometheus and Alertmanager")
    options = parser.parse_args()
    if options.flanneld and options.home is not Lives.POD:
        parser.error("--flanneld: a real one lives in a pod; leave out --home")
    return options


def interrupt(number: int, frame: FrameType | None) -> None:
    """End once: what is cleaned up is not to be interrupted again."""
    for ignored in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ignored, signal.SIG_IGN)
    raise KeyboardInterrupt


def replay(options: argparse.Namespace) -> int:
    """Play it, and say in short what it was."""
    (tools,) = (tools for tools in generations() if tools.generation == options.servers)
    telling = Telling(out=partial(print, flush=True))
    with replaying(telling, tools, options.flanneld, options.home) as (record, servers):
        telling.tell("summary", summary(record))
        if options.keep:
            keep(servers.lan)
    return 0 if [sent.status for sent in record.notifications] == ["firing", "resolved"] else 1


def summary(record: Record) -> str:
    """The incident in a few lines."""
    statuses = [sent.status for sent in record.notifications]
    return "\n".join(
        (
            f"pages: {statuses.count('firing')}, resolved: {statuses.count('resolved')}",
            f"muted: {', '.join(sorted(record.muted))}",
            f"doctor before: {record.doctor_before.partition(chr(10))[0]}",
            f"doctor after:  {record.doctor_after.partition(chr(10))[0]}",
        )
    )


if __name__ == "__main__":
    sys.exit(main())
