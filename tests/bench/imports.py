"""Where memory goes: what each import adds, and what importing less saves."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping

from tests.bench.report import Report

PREPARE = "import contextlib, uplink_exporter.lean as lean\n"
LEAN = PREPARE + "stack = contextlib.ExitStack()\nstack.enter_context(lean.without_openssl())\n"
WHOLE_PACKAGES = "lean.bare_package = lambda name, **attributes: contextlib.nullcontext()\n"
PROGRAM = "import uplink_exporter.app\n"

# One on top of the other, as the exporter imports them.
STEPS: Mapping[str, str] = {
    "Python": "",
    "asyncio": LEAN + "import asyncio\n",
    "the core": "import uplink_exporter.settings, uplink_exporter.logs, uplink_exporter.diagnosis\n",
    "psutil": "import psutil\n",
    "pyroute2's asyncio core": "import uplink_exporter.sources.netlink\n",
    "prometheus_client": "import uplink_exporter.web.page\n",
    "aiohttp's server": "import uplink_exporter.web.server\n",
    "all the rest": PROGRAM,
}
INSTEAD: Mapping[str, str] = {
    "with OpenSSL": PROGRAM,
    "with OpenSSL and whole packages": PREPARE + WHOLE_PACKAGES + PROGRAM,
}
# Ours alone, so that no page is shared with this process: RSS, not PSS.
TELL = "print(next(line.split()[1] for line in open('/proc/self/smaps_rollup') if line.startswith('Rss:')))\n"


def measure(*, quick: bool) -> Report:
    """Import step by step, each time in a fresh process. It takes seconds, quick or not."""
    rows, so_far, before = [], "", 0.0
    for name, step in STEPS.items():
        so_far += step
        now = resident(so_far)
        rows.append((name, f"{now:.1f}", f"{now - before:+.1f}"))
        before = now
    for name, program in INSTEAD.items():
        now = resident(program)
        rows.append((f"... {name}", f"{now:.1f}", f"{now - before:+.1f}"))
    return Report(title="Resident memory after each import", head=("", "MiB", ""), rows=rows)


def resident(program: str) -> float:
    """MiB of a fresh Python after it ran a program; the first run compiles what was not compiled yet."""
    command = (sys.executable, "-c", program + TELL)
    runs = [subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    return int(runs[-1].stdout) / 1024
