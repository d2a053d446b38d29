"""What outlives the process and the boot, on a real network, with the real exporter as a process."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.kernel.namespace import (
    ADDRESS,
    CONNECTED,
    ROUTE,
    UP,
    Exporter,
    Namespace,
    Page,
    eventually,
    exporting,
)
from tests.kernel.test_lost_uplinks import (
    ABSENT,
    BOOT_TO_ROUTE,
    DOWN,
    EXISTS,
    HEALTHY,
    LOSSES,
    PRESENT,
    REMEMBERED,
    SEEN,
    uptime,
)
from tests.kernel.test_outage import A_VISIT, BY_ENDPOINT, BY_SERVICE, Cluster, cluster
from uplink_exporter.facts import Family, RouteHistory, SourceError
from uplink_exporter.record import contents
from uplink_exporter.record.file import FILE
from uplink_exporter.supervisor import LONGEST_BACKOFF

__all__ = ["cluster"]  # a fixture

pytestmark = pytest.mark.kernel

RECORDER = 'uplink_source_up{source="recorder"}'
ASIDE = "uplink_recorder_files_set_aside"
BLIND = "nothing is remembered of earlier runs"
REQUIRED = 'uplink_default_route_required{family="ipv4"}'
USABLE = 'uplink_default_route_usable{family="ipv4"}'


class KilledError(Exception):
    """What ends the block of one that is not to end well."""


@contextmanager
def killed(node: Namespace, *flags: str) -> Iterator[Exporter]:
    """The exporter until the end of the block, where it is killed by SIGKILL."""
    with suppress(KilledError), exporting(node, *flags) as exporter:
        yield exporter
        raise KilledError


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Where the recorder's file is."""
    return tmp_path / "state"


@pytest.fixture
def flag(state: Path) -> str:
    return f"--state.directory={state}"


def first_page(exporter: Exporter) -> Page:
    """The first page from which on the exporter calls itself ready."""
    eventually(lambda: exporter.get("/-/ready") == "uplink-exporter is ready.\n")
    return exporter.page()


def has(page: Page, expected: dict[str, float | None]) -> None:
    assert {key: page.get(key) for key in expected} == expected


def has_written(state: Path, losses: int, *, usable: bool) -> None:
    """Wait until the file holds that."""

    def holds() -> bool:
        with TemporaryDirectory() as copy:
            history = routes(copied(state, Path(copy))).get(Family.IPV4)
        return history is not None and (history.losses, history.usable) == (losses, usable)

    eventually(holds)


def copied(state: Path, to: Path) -> Path:
    """A copy of what is there, in another's mount namespace too: SQLite itself does not look into that."""
    for name in (FILE, f"{FILE}-wal"):
        with suppress(FileNotFoundError):
            shutil.copyfile(state / name, to / name)
    return to


def routes(state: Path) -> Mapping[Family, RouteHistory]:
    """What the file holds of the families; nothing if it was copied in the middle of a write."""
    with suppress(SourceError):
        memory = contents.read(state).memory
        return memory.routes if memory else {}
    return {}


def test_an_exporter_that_is_killed_in_an_outage_goes_on_as_if_nothing_had_been(
    node: Namespace, state: Path, flag: str
) -> None:
    node.ip(*CONNECTED)
    with killed(node, flag) as exporter:
        exporter.shows({HEALTHY: 1})
        node.ip("link set wlan0 down")
        lost = uptime()
        exporter.shows({DOWN: 1, LOSSES: 1})
        has_written(state, 1, usable=False)
    with exporting(node, flag) as exporter:
        page = first_page(exporter)
        has(page, {DOWN: 1, LOSSES: 1, SEEN: 1, PRESENT: 0, REMEMBERED: 1, EXISTS: 1})
        assert page[ABSENT] == pytest.approx(uptime() - lost, abs=1)
        node.ip(UP, ROUTE)
        page = exporter.shows({HEALTHY: 1, LOSSES: 1, RECORDER: 1})
        assert page[ABSENT] == pytest.approx(uptime() - lost, abs=1)


def test_an_uplink_that_is_lost_while_nobody_watches_is_counted_once(node: Namespace, state: Path, flag: str) -> None:
    node.ip(*CONNECTED)
    with killed(node, flag) as exporter:
        exporter.shows({HEALTHY: 1})
        has_written(state, 0, usable=True)
    node.ip("link set wlan0 down")
    for _ in range(2):
        with killed(node, flag) as exporter:
            has(first_page(exporter), {DOWN: 1, LOSSES: 1, REMEMBERED: 1, EXISTS: 1})
            has_written(state, 1, usable=False)


def test_no_second_is_made_up_of_an_outage_that_ended_while_nobody_watched(
    node: Namespace, state: Path, flag: str
) -> None:
    node.ip(*CONNECTED)
    with killed(node, flag) as exporter:
        exporter.shows({HEALTHY: 1})
        node.ip("link set wlan0 down")
        exporter.shows({DOWN: 1})
        has_written(state, 1, usable=False)
    memory = contents.read(state).memory
    assert memory is not None
    seen = memory.known_until - (memory.routes[Family.IPV4].absent_since or 0.0)
    node.ip(UP, ROUTE)
    with exporting(node, flag) as exporter:
        page = first_page(exporter)
        has(page, {HEALTHY: 1, LOSSES: 1})
        assert page[ABSENT] == pytest.approx(seen, abs=0.001)


def procfs(directory: Path, boot: str) -> str:
    """The kernel's procfs, but for the name of the boot."""
    directory.mkdir()
    for name in ("loadavg", "stat", "pressure", "net"):
        (directory / name).symlink_to(f"/proc/{name}")
    kernel = directory / "sys/kernel/random"
    kernel.mkdir(parents=True)
    (kernel / "boot_id").write_text(f"{boot}\n")
    return f"--path.procfs={directory}"


def test_after_a_reboot_the_uplink_is_remembered_and_all_else_begins_anew(
    node: Namespace, flag: str, tmp_path: Path
) -> None:
    node.ip(*CONNECTED)
    with exporting(node, flag, procfs(tmp_path / "first", "b1")) as exporter:
        exporter.shows({HEALTHY: 1})
        for _ in range(3):
            node.ip("link set wlan0 down")
            exporter.shows({DOWN: 1})
            node.ip(UP, ROUTE)
            exporter.shows({HEALTHY: 1})
        exporter.shows({LOSSES: 3, SEEN: 1})
    node.ip("link set wlan0 down", "address flush dev wlan0")
    with exporting(node, flag, procfs(tmp_path / "second", "b2")) as exporter:
        page = first_page(exporter)
        down_since_boot = {REQUIRED: 1, PRESENT: 0, USABLE: 0, SEEN: 0, BOOT_TO_ROUTE: None}
        has(page, {**down_since_boot, DOWN: 1, LOSSES: 0, REMEMBERED: 1, EXISTS: 1})
        assert page['uplink_interface_operstate{device="wlan0",operstate="down"}'] == 1
        assert page[ABSENT] == pytest.approx(uptime(), abs=1), "that is all of this boot"
        assert "the uplink wlan0 is down" in exporter.read_log()
        node.ip(UP, ADDRESS, ROUTE)
        exporter.shows({HEALTHY: 1, SEEN: 1, LOSSES: 0})
    boots = contents.read(Path(flag.partition("=")[2])).chronicle.boots
    assert [boot.id for boot in boots] == ["b1", "b2"]


def test_after_a_reboot_the_api_server_is_asked_where_it_was_and_flannel_s_flags_are_known(
    cluster: Cluster, state: Path, flag: str, tmp_path: Path
) -> None:
    node, plane = cluster.node, cluster.plane
    first, second = procfs(tmp_path / "first", "b1"), procfs(tmp_path / "second", "b2")
    with exporting(node, *cluster.flags, flag, first, through=cluster.through, alone=()) as exporter:
        exporter.shows({HEALTHY: 1, BY_SERVICE: 1})
    memory = contents.read(state).memory
    assert memory is not None
    assert memory.setup.endpoints
    node.ip("link set wlan0 down")
    with exporting(node, *cluster.flags, flag, second, through=cluster.through, alone=()) as exporter:
        exporter.shows({DOWN: 1, BY_ENDPOINT: 1, BY_SERVICE: 0, REMEMBERED: 1}, A_VISIT)
    plane.stop()
    said = cluster.doctor(flag, second)
    assert said["flannel"]["version"] == "v0.14.0"


MOUNT_SMALL = """
mount -t tmpfs -o size=256k tmpfs "$1"
shift
exec "$@"
"""
MOUNT_READ_ONLY = """
mount --bind "$1" "$1"
mount -o remount,bind,ro "$1"
shift
exec "$@"
"""


def seen_by(exporter: Exporter, path: Path) -> Path:
    """A path in the exporter's mount namespace, which is its own."""
    return Path(f"/proc/{exporter.process.pid}/root", path.relative_to("/"))


def errors(reason: str) -> str:
    return f'uplink_source_errors_total{{reason="{reason}",source="recorder"}}'


def test_a_disk_that_is_full_costs_nothing_once_there_is_room_again(node: Namespace, state: Path, flag: str) -> None:
    state.mkdir()
    node.ip(*CONNECTED)
    through = ("sh", "-ec", MOUNT_SMALL, "mount", str(state), sys.executable)
    with exporting(node, flag, through=through) as exporter:
        exporter.shows({HEALTHY: 1, RECORDER: 1})
        theirs = seen_by(exporter, state)
        filler = theirs / "filler"
        with suppress(OSError), filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        losses = 0
        while exporter.page()[errors("overflow")] == 0:
            node.ip("link set wlan0 down")
            losses += 1
            exporter.shows({DOWN: 1, LOSSES: losses})
            node.ip(UP, ROUTE)
            exporter.shows({HEALTHY: 1})
        assert f"{state}: database or disk is full; make room on that disk" in exporter.read_log()
        filler.unlink()
        has_written(theirs, losses, usable=True)
        exporter.shows({RECORDER: 1, ASIDE: 0, LOSSES: losses})


def test_a_disk_that_cannot_be_written_is_read_and_goes_on_when_it_can(node: Namespace, state: Path, flag: str) -> None:
    node.ip(*CONNECTED)
    with exporting(node, flag) as exporter:
        exporter.shows({HEALTHY: 1})
        node.ip("link set wlan0 down")
        exporter.shows({DOWN: 1, LOSSES: 1})
    with exporting(node, flag, through=("sh", "-ec", MOUNT_READ_ONLY, "mount", str(state), sys.executable)) as exporter:
        has(first_page(exporter), {DOWN: 1, LOSSES: 1, REMEMBERED: 1})
        assert exporter.shows({RECORDER: 0})[errors("permission")] > 0
        assert f"{state}: Read-only file system; user {os.getuid()} must be able to write there" in exporter.read_log()
        node.ip(UP, ROUTE)
        exporter.shows({HEALTHY: 1})
        inside = ("nsenter", f"--target={exporter.process.pid}", "--mount")
        subprocess.run((*inside, "mount", "-o", "remount,bind,rw", str(state)), check=True)
        exporter.shows({RECORDER: 1}, within=LONGEST_BACKOFF)
        has_written(state, 1, usable=True)


@contextmanager
def stalled(path: Path) -> Iterator[None]:
    """Whoever opens the file waits, as for a disk that does not answer: until the lease (fcntl(2)) is given back."""
    before = signal.signal(signal.SIGIO, signal.SIG_IGN)  # by which the holder is told that somebody waits
    try:
        with path.open() as file:
            fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
            yield
    finally:
        signal.signal(signal.SIGIO, before)


def test_a_disk_that_stalls_keeps_the_exporter_neither_from_its_start_nor_from_its_end(
    node: Namespace, state: Path, flag: str
) -> None:
    with exporting(node, flag) as exporter:
        exporter.shows({DOWN: 1})
    with stalled(state / FILE), exporting(node, flag) as exporter:
        exporter.shows({DOWN: 1, RECORDER: 0})
        assert BLIND in exporter.read_log()


def test_a_file_that_is_garbage_is_set_aside_and_told_of(node: Namespace, state: Path, flag: str) -> None:
    state.mkdir()
    (state / FILE).write_bytes(b"garbage" * 1000)
    with exporting(node, flag) as exporter:
        exporter.shows({DOWN: 1, RECORDER: 1, ASIDE: 1})
        assert f"{FILE}.aside-1" in exporter.read_log()
    assert (state / f"{FILE}.aside-1").read_bytes() == b"garbage" * 1000
