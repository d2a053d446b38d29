"""`python -m tests.bench`: measures, prints tables, then each goal, reached or not."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from contextlib import suppress
from tempfile import TemporaryDirectory

from tests.bench import (
    dashboard,
    event,
    flannel,
    guesses,
    idling,
    imports,
    oracle,
    recorder,
    rubbish,
    scraping,
    siege,
    starving,
    storm,
)
from tests.bench.exporters import BrokenRunError
from tests.bench.report import Goal
from tests.kernel.namespace import SOURCES, remove_leftovers, unavailable

PARTS = {
    "imports": imports.measure,
    "event": event.measure,
    "storm": storm.measure,
    "flannel": flannel.measure,
    "oracle": oracle.measure,
    "scrape": scraping.measure,
    "idle": idling.measure,
    "recorder": recorder.measure,
    "rubbish": rubbish.measure,
    "starve": starving.measure,
    "siege": siege.measure,
    "guesses": guesses.measure,
    "dashboard": dashboard.measure,
}


def main() -> int:
    """Run the parts that are asked for. A goal that is missed is a figure, not a failure; a broken run is."""
    options = parse()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if reason := unavailable():
            raise BrokenRunError(reason)
        remove_leftovers()
        with TemporaryDirectory() as bytecode:
            install(bytecode)
            go_first()
            run(options.only or list(PARTS), quick=options.quick)
    except BrokenRunError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def parse() -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one size and fewer repeats, to see that it runs")
    parser.add_argument("--only", action="append", choices=PARTS, help="only this part; repeatable")
    return parser.parse_args()


def install(bytecode: str) -> None:
    """Have our bytecode compiled, as an installation has, without a trace in the checkout."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ.update(PYTHONPYCACHEPREFIX=bytecode, PYTHONPATH=str(SOURCES))
    subprocess.run((sys.executable, "-c", "import uplink_exporter.__main__"), check=True)


def go_first() -> None:
    """Let this process and those that it starts run before all others, whose work is not what is measured."""
    with suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))


def run(names: list[str], *, quick: bool) -> None:
    """Measure and print."""
    goals: list[Goal] = []
    for name in names:
        report = PARTS[name](quick=quick)
        print(report, flush=True)
        goals += report.goals
    print(*goals, sep="\n")


if __name__ == "__main__":
    sys.exit(main())
