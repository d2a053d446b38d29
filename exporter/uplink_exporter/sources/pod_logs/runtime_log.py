"""The log files of container runtimes: lines as containerd and CRI-O write them, and Docker's JSON."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime

LONGEST_TEXT = 16 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One line of a container log without its envelope. `at` is Unix time, None if it cannot be told."""

    at: float | None
    stream: str
    text: str
    partial: bool = False


# The tag may carry more than P or F after a colon (kubernetes pkg/kubelet/kuberuntime/logs).
_CRI_LINE = re.compile(rb"([0-9]{4}-\S{1,60}) (stdout|stderr) ([PF])(?::\S*)?(?: (.*))?")


def parse_time(text: str) -> float | None:
    """Unix time from RFC 3339 with any number of decimals and any zone offset, None if it is none."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at.timestamp() if at.tzinfo else None


def parse_cri_line(line: bytes) -> LogLine | None:
    """A line as containerd and CRI-O write it, `<time> <stream> <tag> <text>`; None if it is none."""
    match = _CRI_LINE.fullmatch(line)
    if match is None:
        return None
    at, stream, tag, text = match.groups()
    return LogLine(
        at=parse_time(at.decode(errors="replace")),
        stream=stream.decode(),
        text=(text or b"")[:LONGEST_TEXT].decode(errors="replace"),
        partial=tag == b"P",
    )


def parse_docker_line(line: bytes) -> LogLine | None:
    """A line of Docker's json-file driver, partial if its text does not end a line; None if it is none."""
    try:
        entry = json.loads(line.decode(errors="replace"))
    except (ValueError, RecursionError):
        return None
    fields = [entry.get(name) for name in ("time", "stream", "log")] if isinstance(entry, dict) else []
    match fields:
        case [str(time), "stdout" | "stderr" as stream, str(text)]:
            partial = not text.endswith("\n")
            return LogLine(at=parse_time(time), stream=stream, text=text.rstrip("\r\n")[:LONGEST_TEXT], partial=partial)
    return None


def parse_log(data: bytes) -> list[LogLine]:
    """The lines of a container log in either format, partial ones joined; what is neither is left out."""
    lines: list[LogLine] = []
    begun: dict[str, str] = {}
    for raw in data.split(b"\n"):
        line = parse_docker_line(raw) if raw.startswith(b"{") else parse_cri_line(raw)
        if line is None:
            continue
        text = (begun.pop(line.stream, "") + line.text)[:LONGEST_TEXT]
        if line.partial:
            begun[line.stream] = text
        else:
            lines.append(LogLine(at=line.at, stream=line.stream, text=text))
    return lines
