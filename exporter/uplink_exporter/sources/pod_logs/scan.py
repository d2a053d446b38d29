"""One look at all log directories."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path

from uplink_exporter.facts import Reason, SourceError
from uplink_exporter.flannel import causes
from uplink_exporter.flannel.observed import ContainerRestarts, FlannelLogs, LastWords, Selection
from uplink_exporter.sources.pod_logs.attempt import Attempt, Reader
from uplink_exporter.sources.pod_logs.names import PodDirectory, parse_attempt, parse_pod_directory

MAX_READ = 16
"""Of how many containers the logs are read, the last written first; a node has one or two that match."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerLogs:
    """The log directory of one selected container, and when its newest log was written."""

    path: str
    restarts: ContainerRestarts
    written: float

    @property
    def ends(self) -> tuple[int, ...]:
        """The attempts whose logs can tell of an end: the newest, and the one before it, which is over."""
        return tuple(range(max(0, self.restarts.count - 1), self.restarts.count + 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """One look at all directories: the fact, the directories where a change may show first, what was not allowed."""

    fact: FlannelLogs
    directories: tuple[str, ...] = ()
    denied: str = ""


# What is said of a path that vanished meanwhile, that dangles (Docker's links), loops, or is no file.
_NOT_THERE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO, errno.ENODEV, errno.ESTALE})


def scan(root: Path, subnet_file: Path, selection: Selection, read: Reader) -> Scan:
    """Look at all directories once. Raises SourceError if the root or the disk cannot be read."""
    denied: list[str] = []
    pods = _pod_directories(root, selection)
    found = list(_container_logs(pods or [], selection, denied))
    recent = sorted(found, key=attrgetter("written", "path"))[-MAX_READ:]
    told = [(logs, number, _attempt(logs, number, read, denied)) for logs in recent for number in logs.ends]
    newest = told[-1][2] if told else Attempt()
    words = tuple(_last_words(logs, n, end.words, end.ended) for logs, n, end in told if end.words)
    fact = FlannelLogs(
        found=bool(found),
        listed=pods is not None,
        restarts=tuple(logs.restarts for logs in sorted(found, key=attrgetter("path"))),
        last_words=words,
        ended=words[-1] if newest.words else None,
        started=newest.started,
        flags_line=newest.flags_line,
        subnet_file=_written(str(subnet_file), denied),
    )
    containers, others = [logs.path for logs in found], [path for path, _ in pods or []]
    directories = (str(root), str(subnet_file.parent), *containers, *others)
    return Scan(fact=fact, directories=directories, denied=denied[0] if denied else "")


def _pod_directories(root: Path, selection: Selection) -> list[tuple[str, PodDirectory]] | None:
    try:
        with os.scandir(root) as entries:
            pods = ((entry.path, parse_pod_directory(entry.name)) for entry in entries)
            return [(path, pod) for path, pod in pods if pod is not None and selection.wants(pod.namespace, pod.name)]
    except FileNotFoundError:
        return None
    except PermissionError as error:
        raise refused(str(root)) from error
    except OSError as error:
        raise SourceError(Reason.IO, f"{root}: {error.strerror}") from error


def _container_logs(
    pods: Iterable[tuple[str, PodDirectory]], selection: Selection, denied: list[str]
) -> Iterator[ContainerLogs]:
    for directory, pod in pods:
        for container in selection.containers:
            path = f"{directory}/{container}"
            count = _highest_attempt(path, denied)
            if count is not None:
                restarts = ContainerRestarts(
                    uid=pod.uid, namespace=pod.namespace, pod=pod.name, container=container, count=count
                )
                written = _written(f"{path}/{count}.log", denied) or 0.0
                yield ContainerLogs(path=path, restarts=restarts, written=written)


def _highest_attempt(directory: str, denied: list[str]) -> int | None:
    try:
        with os.scandir(directory) as entries:
            # As the kubelet counts: by name, directories apart (kubernetes kuberuntime_container.go).
            numbers = (parse_attempt(entry.name) for entry in entries if not entry.is_dir(follow_symlinks=False))
            return max((number for number in numbers if number is not None), default=None)
    except OSError as error:
        _judge(error, directory, denied)
        return None


def _written(path: str, denied: list[str]) -> float | None:
    try:
        return Path(path).stat().st_mtime
    except OSError as error:
        _judge(error, path, denied)
        return None


def _attempt(logs: ContainerLogs, number: int, read: Reader, denied: list[str]) -> Attempt:
    path = f"{logs.path}/{number}.log"
    try:
        status = Path(path).stat()
        # Asked before it is opened, because to open a device may do something (a watchdog starts to bark).
        if not stat.S_ISREG(status.st_mode):
            return Attempt()
        return read(path, number < logs.restarts.count, (status.st_ino, status.st_size, status.st_mtime_ns))
    except OSError as error:
        _judge(error, path, denied)
        return Attempt()


def _last_words(logs: ContainerLogs, attempt: int, words: causes.Words, at: float | None) -> LastWords:
    uid, container = logs.restarts.uid, logs.restarts.container
    return LastWords(uid=uid, container=container, attempt=attempt, cause=words.cause, line=words.line, at=at)


def _judge(error: OSError, path: str, denied: list[str]) -> None:
    """Notes what is not allowed and passes over what is not there; anything else is the disk's fault."""
    if isinstance(error, PermissionError):
        denied.append(path)
    elif error.errno not in _NOT_THERE:
        raise SourceError(Reason.IO, f"{path}: {error.strerror}") from error


def refused(path: str) -> SourceError:
    """That a path may not be read, and who may."""
    remedy = "the kubelet's logs are root's: run with group 0, or as root if the runtime writes them with mode 0600"
    return SourceError(Reason.PERMISSION, f"{path}: permission denied; {remedy}")
