"""Load averages, CPUs, blocked processes and pressure stalls, under an injected procfs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

import psutil

from uplink_exporter.facts import Load, Pressure, Reason, SourceError
from uplink_exporter.files import read as read_file
from uplink_exporter.threads import in_thread

# As often as Prometheus scrapes by default. The shortest average is one of a minute, and each look wakes an idle node.
PERIOD = 15.0
LONGEST_FILE = 4 * 1024 * 1024
"""/proc/stat has a line for each CPU, and one with a number for each interrupt."""

RESOURCES = ("cpu", "io", "memory")


async def watch(procfs: Path) -> AsyncGenerator[Load, None]:
    """Yield the load now and every 15 s. Raises SourceError."""
    while True:
        # In a thread: procfs may be any path, and lxcfs's is a process that may be stopped.
        yield await in_thread(read, procfs)
        await asyncio.sleep(PERIOD)


def read(procfs: Path) -> Load:
    """The load as procfs has it now."""
    try:
        load1, load5, load15 = parse_loadavg(_text(procfs / "loadavg"))
        return Load(
            load1=load1,
            load5=load5,
            load15=load15,
            cpus=psutil.cpu_count() or 1,
            blocked=parse_blocked(_text(procfs / "stat")),
            pressure=tuple(_pressure(procfs / "pressure")),
        )
    except PermissionError as error:
        raise SourceError(Reason.PERMISSION, f"{error.filename}: {error.strerror}") from error
    except OSError as error:
        raise SourceError(Reason.IO, f"{error.filename}: {error.strerror}") from error
    except ValueError as error:
        raise SourceError(Reason.PARSE, f"{procfs}: {error}") from error


def _pressure(directory: Path) -> Iterator[Pressure]:
    for resource in RESOURCES:
        try:
            yield from parse_pressure(resource, _text(directory / resource))
        except OSError:
            # Built without CONFIG_PSI the file is missing; booted with psi=0 reading it gives EOPNOTSUPP.
            return


def _text(path: Path) -> str:
    return read_file(path, LONGEST_FILE).decode("ascii")


def parse_loadavg(text: str) -> tuple[float, float, float]:
    """The three averages of /proc/loadavg: `0.20 0.18 0.12 1/80 11206`."""
    one, five, fifteen = (float(word) for word in text.split()[:3])
    return one, five, fifteen


def parse_blocked(text: str) -> int:
    """The processes that wait for I/O, from the line `procs_blocked 1` of /proc/stat."""
    for line in text.splitlines():
        name, _, value = line.partition(" ")
        if name == "procs_blocked":
            return int(value)
    raise ValueError("no procs_blocked in stat")


def parse_pressure(resource: str, text: str) -> Iterator[Pressure]:
    """The totals of /proc/pressure/*: `some avg10=0.00 avg60=0.00 avg300=0.00 total=1234` in microseconds."""
    for line in text.splitlines():
        share, *fields = line.split()
        values = dict(pair.split("=", 1) for pair in fields)
        if share in ("some", "full"):
            yield Pressure(resource=resource, share=share, seconds=int(values.get("total", "")) / 1e6)
