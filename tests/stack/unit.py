"""k3s' unit on the node: a process that is started again whenever it dies, with the links and the journal of a systemd.

No systemd runs there: the links are replaced as it replaces them, and its journal is written by its own
systemd-journal-remote.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from tests.kernel.namespace import at_work
from tests.sources.journal.written import REMOTE, write
from tests.stack import k3s
from tests.stack.node import Node
from tests.stack.servers import BrokenReplayError
from uplink_exporter.clock import boot_id
from uplink_exporter.sources.journal.runs import Said

UNIT = "k3s.service"
MACHINE = "3c5a7d0e1f2b4a6988d7c6b5a4f3e2d1"
NAMED = f"{UNIT} - Lightweight Kubernetes"
RESTART_SEC = 1.0
"""Instead of five seconds: a sixtieth of them is no time in which a process would start and die."""


@dataclass(kw_only=True)
class Unit:
    """k3s' unit, and the messages of each of its runs."""

    node: Node
    command: Sequence[str]
    said: list[list[str]] = field(default_factory=list)
    running: bool = False
    entries: list[dict[str, str]] = field(default_factory=list)
    """Of the journal, not written yet."""

    @property
    def restarts(self) -> int:
        """How often it was started again."""
        return max(0, len(self.said) - 1)

    async def keep_running(self) -> None:
        """Start it, wait for its end, wait, start it again."""
        for number in count(1):
            self.said.append([])
            invocation = secrets.token_hex(16)
            await self._begin(invocation)
            ended = await self._run()
            self._systemd(Said.EXITED, f"{UNIT}: Main process exited, code=exited, status={ended}/FAILURE", invocation)
            self._systemd(Said.FAILED, f"{UNIT}: Failed with result 'exit-code'.", invocation)
            self._systemd(Said.START_FAILED, f"Failed to start {NAMED}.", invocation)
            await self._write()
            self._link.unlink()
            await asyncio.sleep(RESTART_SEC)
            scheduled = f"{UNIT}: Scheduled restart job, restart counter is at {number}."
            self._systemd(Said.RESTART, scheduled, invocation, N_RESTARTS=str(number))

    @property
    def _link(self) -> Path:
        return self.node.units / f"invocation:{UNIT}"

    async def _begin(self, invocation: str) -> None:
        self._systemd(Said.STARTING, f"Starting {NAMED}...", invocation)
        await self._write()
        temporary = self.node.units / f".#invocation:{UNIT}{secrets.token_hex(8)}"
        temporary.symlink_to(invocation)
        temporary.rename(self._link)

    async def _run(self) -> int:
        process = await asyncio.create_subprocess_exec(
            *self.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.running = True
        try:
            assert process.stdout is not None
            async for line in process.stdout:
                text = line.decode().rstrip()
                self._note(MESSAGE=text, _SYSTEMD_UNIT=UNIT, _PID=str(process.pid), SYSLOG_IDENTIFIER="k3s")
                self.said[-1].append(json.loads(text.partition(" msg=")[2]))
                await self._write()
            return await process.wait()
        finally:
            self.running = False
            if process.returncode is None:
                process.terminate()
                await process.wait()

    def _systemd(self, said: Said, text: str, invocation: str, **fields: str) -> None:
        told = {"MESSAGE_ID": said.value, "UNIT": UNIT, "INVOCATION_ID": invocation, "_PID": "1", **fields}
        self._note(MESSAGE=text, _SYSTEMD_UNIT="init.scope", SYSLOG_IDENTIFIER="systemd", **told)

    def _note(self, **fields: str) -> None:
        times = {
            "__REALTIME_TIMESTAMP": str(time.time_ns() // 1000),
            "__MONOTONIC_TIMESTAMP": str(time.monotonic_ns() // 1000 - self.node.awake * 1_000_000),
            "_BOOT_ID": boot_id(Path("/proc")).replace("-", ""),
        }
        self.entries.append(times | fields)

    async def _write(self) -> None:
        entries, self.entries = self.entries, []
        await asyncio.to_thread(write, self.node.journal / MACHINE / "system.journal", entries)


@contextmanager
def running_unit(node: Node) -> Iterator[Unit]:
    """The unit on the node, until it is told to stop."""
    command = ("setpriv", "--pdeathsig=KILL", sys.executable, "-I", k3s.__file__, str(node.subnet_file))
    unit = Unit(node=node, command=command)
    with at_work(node.network, unit.keep_running()):
        yield unit


def with_systemd(node: Node) -> None:
    """Make what a systemd has on the node before the unit starts."""
    if not REMOTE.exists():
        raise BrokenReplayError(
            "there is no systemd-journal-remote, which writes the journal; to get it: tests/setup k3s"
        )
    node.units.mkdir(parents=True)
    (node.journal / MACHINE).mkdir(parents=True)
