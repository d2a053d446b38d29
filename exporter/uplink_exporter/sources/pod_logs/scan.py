"""One look at all log directories."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path

from uplink_exporter.facts import Reason, SourceError
from uplink_exporter.files import text
from uplink_exporter.flannel import causes
from uplink_exporter.flannel.observed import ContainerRestarts, FlannelLogs, LastWords, Selection
from uplink_exporter.flannel.options import Stack
from uplink_exporter.flannel.stacks import written_stack
from uplink_exporter.sources.pod_logs.attempt import Attempt, Reader
from uplink_exporter.sources.pod_logs.links import followed
from uplink_exporter.sources.pod_logs.names import PodDirectory, parse_attempt, parse_pod_directory

LONGEST_SUBNET_FILE = 4096

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
    """One look at all directories: the fact, the directories where a change may show first, what was in the way."""

    fact: FlannelLogs
    directories: tuple[str, ...] = ()
    fault: SourceError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """Where to look, how to read, and what was in the way."""

    rootfs: str
    selection: Selection
    read: Reader
    faults: list[SourceError] = field(default_factory=list)


# What is said of a path that vanished meanwhile, that dangles, loops, or is no file.
_NOT_THERE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO, errno.ENODEV, errno.ESTALE})


def scan(root: Path, subnet_file: Path, selection: Selection, read: Reader, rootfs: Path = Path("/")) -> Scan:
    """Look at all directories once. Raises SourceError if the root cannot be read."""
    look = _Look(rootfs=str(rootfs), selection=selection, read=read)
    pods = _pod_directories(root, look)
    found = list(_container_logs(pods or [], look))
    recent = sorted(found, key=attrgetter("written", "path"))[-MAX_READ:]
    told = [(logs, number, _attempt(logs, number, look)) for logs in recent for number in logs.ends]
    newest = told[-1][2] if told else Attempt()
    words = tuple(_last_words(logs, n, end, end.words) for logs, n, end in told if end.words)
    written = _written(str(subnet_file), look, stat.S_ISREG)
    stack = newest.stack or (None if written is None else _subnet_stack(subnet_file, look))
    fact = FlannelLogs(
        found=bool(found),
        listed=pods is not None,
        restarts=tuple(logs.restarts for logs in sorted(found, key=attrgetter("path"))),
        last_words=words,
        ended=words[-1] if newest.words else None,
        started=newest.started,
        flags_line=newest.flags_line,
        stack=stack or "",
        subnet_file=written,
        written=(recent[-1].written or None) if recent else None,
    )
    containers, others = [logs.path for logs in found], [path for path, _ in pods or []]
    directories = (str(root), str(subnet_file.parent), *containers, *others)
    return Scan(fact=fact, directories=directories, fault=next(iter(look.faults), None))


def _pod_directories(root: Path, look: _Look) -> list[tuple[str, PodDirectory]] | None:
    try:
        with os.scandir(followed(str(root), look.rootfs)) as entries:
            pods = ((entry.path, parse_pod_directory(entry.name)) for entry in entries)
            wants = look.selection.wants
            return [(path, pod) for path, pod in pods if pod is not None and wants(pod.namespace, pod.name)]
    except FileNotFoundError:
        return None
    except PermissionError as error:
        raise _refused(str(root)) from error
    except OSError as error:
        raise SourceError(Reason.IO, f"{root}: {error.strerror}") from error


def _container_logs(pods: Iterable[tuple[str, PodDirectory]], look: _Look) -> Iterator[ContainerLogs]:
    for directory, pod in pods:
        for container in look.selection.containers:
            path = f"{directory}/{container}"
            count = _highest_attempt(path, look)
            if count is not None:
                restarts = ContainerRestarts(
                    uid=pod.uid, namespace=pod.namespace, pod=pod.name, container=container, count=count
                )
                yield ContainerLogs(path=path, restarts=restarts, written=_newest_written(f"{path}/{count}.log", look))


def _highest_attempt(directory: str, look: _Look) -> int | None:
    try:
        with os.scandir(directory) as entries:
            # As the kubelet counts: by name, directories apart (kubernetes kuberuntime_container.go).
            numbers = (parse_attempt(entry.name) for entry in entries if not entry.is_dir(follow_symlinks=False))
            return max((number for number in numbers if number is not None), default=None)
    except OSError as error:
        _judge(error, directory, look)
        return None


def _written(path: str, look: _Look, counts: Callable[[int], bool] = bool) -> float | None:
    """When it was written, if there is something there whose mode counts."""
    try:
        status = Path(followed(path, look.rootfs)).stat()
        return status.st_mtime if counts(status.st_mode) else None
    except OSError as error:
        _judge(error, path, look)
        return None


def _newest_written(path: str, look: _Look) -> float:
    """When an attempt's log that is listed was written. One that leads nowhere is a fault: its words are lost."""
    written = _written(path, look)
    if written is None and Path(path).is_symlink():
        look.faults.append(_leads_nowhere(path, look.rootfs))
    return written or 0.0


def _attempt(logs: ContainerLogs, number: int, look: _Look) -> Attempt:
    path = f"{logs.path}/{number}.log"
    try:
        path = followed(path, look.rootfs)
        status = Path(path).stat()
        return look.read(path, number < logs.restarts.count, (status.st_ino, status.st_size, status.st_mtime_ns))
    except OSError as error:
        _judge(error, path, look)
        return Attempt()


def _last_words(logs: ContainerLogs, number: int, attempt: Attempt, words: causes.Words) -> LastWords:
    return LastWords(
        uid=logs.restarts.uid,
        container=logs.restarts.container,
        attempt=number,
        cause=words.cause,
        line=words.line,
        at=attempt.ended,
        began=attempt.began,
    )


def _subnet_stack(path: Path, look: _Look) -> Stack | None:
    """The stack by flannel's subnet.env, a file. It is told elsewhere too, so it is no fault if it may not be read."""
    try:
        return written_stack(text(followed(str(path), look.rootfs), LONGEST_SUBNET_FILE))
    except OSError:
        return None


def _judge(error: OSError, path: str, look: _Look) -> None:
    """Notes what is not allowed or the disk's fault, and passes over what is not there. The other logs are read on."""
    if isinstance(error, PermissionError):
        look.faults.append(_refused(path))
    elif error.errno not in _NOT_THERE:
        look.faults.append(SourceError(Reason.IO, f"{path}: {error.strerror}"))


def _refused(path: str) -> SourceError:
    """That a path may not be read, and who may."""
    remedy = "the kubelet's logs are root's: run with group 0, or as root if the runtime writes them with mode 0600"
    return SourceError(Reason.PERMISSION, f"{path}: permission denied; {remedy}")


def _leads_nowhere(path: str, rootfs: str) -> SourceError:
    """That a link cannot be followed, and what would help."""
    remedy = "mount Docker's logs too, in the chart by hostMounts.dockerContainers=/var/lib/docker/containers"
    return SourceError(Reason.IO, f"{path}: a link to {_told(path)}, which is not there under {rootfs}; {remedy}")


def _told(link: str) -> str:
    try:
        return causes.printable(str(Path(link).readlink()))
    except OSError:
        return "somewhere"
