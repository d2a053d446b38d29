"""Flannel as the kubelet's log directory tells it, which works while no API server does.

The kubelet keeps `<root>/<namespace>_<pod>_<uid>/<container>/<N>.log`, where N is the container's restart count. It
deletes old files, so the highest N counts and the number of files means nothing. Events of inotify are hints; a scan
of the directories is the truth, and a slow rescan makes up for hints that never come.
"""

from __future__ import annotations

import asyncio
import errno
import os
import re
import stat
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from operator import attrgetter
from pathlib import Path

from uplink_exporter.facts import Reason, SourceError
from uplink_exporter.flannel import causes
from uplink_exporter.flannel.observed import ContainerRestarts, FlannelLogs, LastWords, Selection
from uplink_exporter.sources.inotify import hints
from uplink_exporter.sources.runtime_log import parse_log

RESCAN = 30.0
PAUSE = 0.25
"""Seconds between two scans, however many hints come."""

HEAD = 16 * 1024
TAIL = 64 * 1024

MAX_READ = 16
"""Of how many containers the logs are read, the last written first; a node has one or two that match."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PodDirectory:
    """What the name of a pod's log directory says."""

    namespace: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What the log of one attempt tells. `words` is None while it may be running."""

    words: causes.Words | None = None
    ended: float | None = None
    started: bool | None = None
    flags_line: str = ""


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


# Lower-case DNS names for namespace and pod (RFC 1123), none of which may hold the delimiter; a static pod's uid is
# an md5 sum without dashes.
_POD_DIRECTORY = re.compile(r"([a-z0-9-]{1,63})_([a-z0-9.-]{1,253})_([0-9A-Za-z-]{1,64})")
# `N.log`, `N.log.<time>` once rotated, `N.log.<time>.gz` (kubelet container_log_manager.go).
_ATTEMPT = re.compile(r"([0-9]{1,10})\.log(\..*)?", re.DOTALL)
_MAX_RESTARTS = 2**31 - 1  # restartCount is an int32
# What is said of a path that vanished meanwhile, that dangles (Docker's links), loops, or is no file.
_NOT_THERE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO, errno.ENODEV, errno.ESTALE})

Version = tuple[int, int, int]
"""Inode, size and time of a file."""

Reader = Callable[[str, bool, Version], Attempt]


def parse_pod_directory(name: str) -> PodDirectory | None:
    """Namespace, pod and uid from `<namespace>_<pod>_<uid>`, None if it is no such name."""
    match = _POD_DIRECTORY.fullmatch(name)
    return PodDirectory(namespace=match[1], name=match[2], uid=match[3]) if match else None


def parse_attempt(name: str) -> int | None:
    """N from the name of a log file, rotated or not; None if it is none."""
    match = _ATTEMPT.fullmatch(name)
    if match is None or name.endswith(".tmp") or int(match[1]) > _MAX_RESTARTS:
        return None
    return int(match[1])


def parse_attempt_log(head: bytes, tail: bytes, *, ended: bool) -> Attempt:
    """What one attempt's log tells from its first and its last bytes; `ended` if a later attempt exists."""
    lines = parse_log(tail)
    texts = [line.text for line in lines]
    words = causes.last_words(texts, ended=ended)
    texts = [line.text for line in parse_log(head)] + texts
    return Attempt(
        words=words,
        ended=lines[-1].at if lines and words else None,
        started=causes.started(texts),
        flags_line=causes.flags_line(texts),
    )


async def watch(
    root: Path, subnet_file: Path, selection: Selection, *, rescan: float = RESCAN
) -> AsyncGenerator[FlannelLogs, None]:
    """Yield flannel's logs now, at each change, and every `rescan` seconds. Raises SourceError.

    What was not allowed is raised after the fact that had to do without it was told, and after the usual wait.
    """
    loop = asyncio.get_running_loop()
    read = lru_cache(maxsize=4 * MAX_READ)(read_attempt)
    changed = asyncio.Event()
    told, due = None, loop.time()
    with hints(changed) as hint_at:
        while True:
            changed.clear()
            # In a thread: the logs lie on the disk that a starving etcd fights for in the very outage, and a read that
            # stalls there must not stall a scrape. The scan shares nothing, so no lock is needed.
            seen = await asyncio.to_thread(scan, root, subnet_file, selection, read)
            hint_at(seen.directories)
            if seen.fact != told or loop.time() >= due:
                told, due = seen.fact, loop.time() + rescan - PAUSE
                yield seen.fact
            await asyncio.sleep(PAUSE)
            with suppress(TimeoutError):
                async with asyncio.timeout(rescan - PAUSE):
                    await changed.wait()
            if seen.denied:
                raise _refused(seen.denied)


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
        raise _refused(str(root)) from error
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


def read_attempt(path: str, ended: bool, version: Version) -> Attempt:
    """What the log of one attempt tells, from its ends: it may have gigabytes. Raises OSError.

    `version` is for a cache to tell one content of the file from another.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return Attempt()
        start = max(0, status.st_size - TAIL)
        head = os.pread(descriptor, HEAD, 0) if start else b""
        tail = os.pread(descriptor, TAIL, start)
    finally:
        os.close(descriptor)
    head = head[: head.rfind(b"\n") + 1]
    tail = tail.partition(b"\n")[2] if start else tail
    if not ended:  # the line that is being written is told when it is complete
        tail = tail[: tail.rfind(b"\n") + 1]
    return parse_attempt_log(head, tail, ended=ended)


def _judge(error: OSError, path: str, denied: list[str]) -> None:
    """Notes what is not allowed and passes over what is not there; anything else is the disk's fault."""
    if isinstance(error, PermissionError):
        denied.append(path)
    elif error.errno not in _NOT_THERE:
        raise SourceError(Reason.IO, f"{path}: {error.strerror}") from error


def _refused(path: str) -> SourceError:
    remedy = "the kubelet's logs are root's: run with group 0, or as root if the runtime writes them with mode 0600"
    return SourceError(Reason.PERMISSION, f"{path}: permission denied; {remedy}")
