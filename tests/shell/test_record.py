"""The record's file: it opens whatever became of it, loses nothing that was committed, and invents nothing."""

from __future__ import annotations

import ctypes
import json
import logging
import os
import random
import select
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from uplink_exporter.facts import Family, Instant, Reason, RouteHistory, SourceError
from uplink_exporter.history.chronicle import MOST_BOOTS, MOST_TRANSITIONS, Boot, Chronicle, Kind, Transition
from uplink_exporter.history.codec import encode
from uplink_exporter.history.memory import Memory
from uplink_exporter.record import Record, contents, file
from uplink_exporter.record.contents import KEPT_TRANSITIONS
from uplink_exporter.record.file import FILE, KEPT_ASIDE
from uplink_exporter.record.schema import MIGRATIONS

SOURCE = Path(__file__).parents[2] / "exporter"
# What is lost on a disk is made by the tests themselves, so a flush need not take its time.
IN_MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
NOBODY = 65534
BOOT_TIME = 1_630_000_000.0
LOOSE = ";".join(MIGRATIONS[0]).replace("INTEGER PRIMARY KEY", "INTEGER").replace("NOT NULL UNIQUE", "NOT NULL")
SOMEBODY_ELSES = """
    CREATE TABLE boots (number INTEGER PRIMARY KEY, shoes TEXT);
    CREATE TRIGGER kick AFTER INSERT ON boots BEGIN SELECT RAISE(ABORT, 'no'); END;
"""


def memory(number: int, boot: str = "b1") -> Memory:
    """What a run leaves that has counted so far."""
    history = RouteHistory(
        usable=False,
        seen=True,
        watched_since=1.0,
        losses=number,
        absent_before=number * 0.5,
        absent_since=float(number),
    )
    return Memory(boot=boot, known_until=float(number), routes=MappingProxyType({Family.IPV4: history}))


def transition(number: int, boot: str = "b1") -> Transition:
    return Transition(
        boot=boot,
        uptime=float(number),
        wall=BOOT_TIME + number,
        kind=Kind.FLANNEL,
        subject="flannel",
        was=str(number - 1),
        now=str(number),
        text="no_default_route" * 9,
    )


def at(uptime: float) -> Instant:
    return Instant(uptime=uptime, boot_time=BOOT_TIME)


def put(connection: sqlite3.Connection, directory: Path, number: int, boot: str = "b1") -> None:
    """Write one memory with its transition."""
    contents.write(connection, directory, memory(number, boot), (transition(number, boot),), at(number))


def filled(directory: Path, last: int) -> Path:
    """The directory after so many writes."""
    with closing(file.connect(directory)) as connection:
        for number in range(1, last + 1):
            put(connection, directory, number)
    return directory


def is_what_was_written(found: Record, last: int) -> bool:
    """Whether it is all that a writer left that had written so many, and nothing else."""
    first = max(1, last + 1 - MOST_TRANSITIONS)
    return found.memory == (memory(last) if last else None) and found.chronicle.transitions == tuple(
        transition(number) for number in range(first, last + 1)
    )


def files(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_what_was_written_is_read(tmp_path: Path) -> None:
    assert is_what_was_written(contents.begin(filled(tmp_path, 3)), 3)
    assert contents.begin(tmp_path).chronicle.boots == (
        Boot(id="b1", time=BOOT_TIME, watched_since=1.0, watched_until=3.0),
    )


def test_a_directory_is_made_where_there_is_none(tmp_path: Path) -> None:
    directory = tmp_path / "var" / "lib"
    assert contents.begin(directory) == Record()
    assert files(directory) == [FILE]
    assert (directory / FILE).stat().st_mode & 0o777 == 0o600, "flannel's flags may hold a password"


def test_a_commit_is_on_the_disk_when_it_returns(tmp_path: Path) -> None:
    with closing(file.connect(tmp_path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)


def test_only_the_newest_memory_is_kept_and_a_bound_of_boots_and_transitions(tmp_path: Path) -> None:
    with closing(file.connect(tmp_path)) as connection:
        for number in range(1, MOST_BOOTS + 9):
            put(connection, tmp_path, number, f"b{number}")
        burst = tuple(map(transition, range(KEPT_TRANSITIONS + 100)))
        contents.write(connection, tmp_path, memory(7, "last"), burst, at(7))
        assert connection.execute("SELECT count(*) FROM boots WHERE memory != ''").fetchone() == (1,)
        assert connection.execute("SELECT count(*) FROM boots").fetchone() == (MOST_BOOTS,)
        assert connection.execute("SELECT count(*) FROM transitions").fetchone() == (KEPT_TRANSITIONS,)
    found = contents.begin(tmp_path)
    assert found.memory == memory(7, "last")
    assert found.chronicle.transitions == burst[-MOST_TRANSITIONS:]
    assert len(found.chronicle.boots) == MOST_BOOTS


def test_a_boot_that_goes_on_after_another_was_seen_leaves_the_newest_memory(tmp_path: Path) -> None:
    """As when a virtual machine goes back to a snapshot."""
    with closing(file.connect(tmp_path)) as connection:
        for number, boot in enumerate(("b1", "b2", "b1"), 1):
            put(connection, tmp_path, number, boot)
    assert contents.begin(tmp_path).memory == memory(3, "b1")


def test_a_device_may_have_any_bytes_for_a_name(tmp_path: Path) -> None:
    with closing(file.connect(tmp_path)) as connection:
        contents.write(connection, tmp_path, memory(1), (replace(transition(1), subject="wlan\udcff"),), at(1))
    assert contents.begin(tmp_path).chronicle.transitions[0].subject == r"wlan\udcff"


def test_what_only_a_later_version_knows_is_passed_over(tmp_path: Path) -> None:
    with closing(file.connect(filled(tmp_path, 1))) as connection:
        connection.execute("UPDATE transitions SET kind = 'later' WHERE number = 1")
        put(connection, tmp_path, 2)
    assert contents.begin(tmp_path).chronicle.transitions == (transition(2),)


@pytest.mark.parametrize(
    "left",
    [
        pytest.param("", id="nothing"),
        pytest.param("{", id="half of it"),
        pytest.param("[" * 100_000, id="a tower"),
        pytest.param(b"\xff\xfe", id="no text"),
        pytest.param(7, id="a number"),
        pytest.param('{"boot": "b1", "known_until": -1' + "0" * 400 + "}", id="a number that no float can hold"),
    ],
)
def test_a_memory_that_cannot_be_read_costs_nothing_but_itself(tmp_path: Path, left: object) -> None:
    with closing(file.connect(filled(tmp_path, 2))) as connection:
        connection.execute("UPDATE boots SET memory = ?", (left,))
    found = contents.begin(tmp_path)
    assert found.memory is None
    assert found.chronicle.transitions == (transition(1), transition(2))
    assert files(tmp_path) == [FILE]


@pytest.mark.parametrize(
    "absurd",
    [
        pytest.param("UPDATE transitions SET uptime = -1 WHERE number = 1", id="before its boot"),
        pytest.param("UPDATE transitions SET uptime = 1e300 WHERE number = 1", id="after all time"),
        pytest.param("UPDATE transitions SET wall = 9e99 WHERE number = 1", id="at no date"),
        pytest.param("UPDATE transitions SET wall = 9e999 WHERE number = 1", id="at no time at all"),
    ],
)
def test_a_transition_that_cannot_have_been_is_passed_over(tmp_path: Path, absurd: str) -> None:
    with closing(file.connect(filled(tmp_path, 2))) as connection:
        connection.execute(absurd)
    assert contents.begin(tmp_path).chronicle.transitions == (transition(2),)


def test_a_memory_that_cannot_have_been_is_refused(tmp_path: Path) -> None:
    with closing(file.connect(filled(tmp_path, 2))) as connection:
        connection.execute("""UPDATE boots SET memory = replace(memory, '"losses":2', '"losses":-5')""")
    found = contents.begin(tmp_path)
    assert found.memory is None
    assert found.chronicle.transitions == (transition(1), transition(2))


def test_a_text_that_is_none_costs_nothing_but_itself(tmp_path: Path) -> None:
    with closing(file.connect(filled(tmp_path, 2))) as connection:
        connection.execute("UPDATE transitions SET text = CAST(x'ff41' AS TEXT) WHERE number = 1")
    assert [t.text for t in contents.begin(tmp_path).chronicle.transitions] == ["\ufffdA", transition(2).text]


# What each schema's version left, by the version: a new migration needs a row, and must keep what the old ones wrote.
LEFT_BY: Mapping[int, tuple[str, ...]] = {
    1: (
        f"INSERT INTO boots VALUES (1, 'b1', {BOOT_TIME}, 1, 3, '{json.dumps(encode(memory(3)))}')",
        f"""INSERT INTO transitions VALUES
            (1, 'b1', 3, {BOOT_TIME + 3}, 'flannel_restarts', 'flannel', '2', '3', '{transition(3).text}')""",
    ),
}


@pytest.mark.parametrize("version", range(1, len(MIGRATIONS) + 1))
def test_what_an_earlier_version_left_is_there_after_the_migrations(tmp_path: Path, version: int) -> None:
    with closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as connection:
        for migration in MIGRATIONS[:version]:
            for statement in migration:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {version}")
        for statement in LEFT_BY[version]:
            connection.execute(statement)
    found = contents.begin(tmp_path)
    assert (found.memory, found.chronicle.transitions) == (memory(3), (transition(3),))
    assert len(found.chronicle.boots) == 1
    with closing(file.connect(tmp_path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
    assert files(tmp_path) == [FILE]


def test_a_migration_that_did_not_end_is_done_anew(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        connection.execute(MIGRATIONS[0][0])
    assert is_what_was_written(contents.begin(filled(tmp_path, 1)), 1)


def becomes(version: int, script: str) -> Callable[[Path], None]:
    """Makes another database of it."""

    def make(path: Path) -> None:
        path.unlink()
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(f"{script}; PRAGMA user_version = {version};")

    return make


def is_from_the_future(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")


def says_what_is_no_text(path: Path) -> None:
    # SQLite's complaint quotes the file, and Python cannot read the complaint.
    content = bytearray(path.read_bytes())
    content[content.index(b"CREATE TABLE transitions") + 2] ^= 0x80
    path.write_bytes(content)


def has_no_number_left(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE transitions SET number = ? WHERE number = 40", (2**63 - 1,))


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(says_what_is_no_text, id="a schema that is no text"),
        pytest.param(has_no_number_left, id="no number is left for another row"),
        pytest.param(becomes(1, LOOSE), id="ours, but for the keys"),
        pytest.param(is_from_the_future, id="of a later version"),
        pytest.param(lambda path: path.write_bytes(b"not a database" * 999), id="no database"),
        pytest.param(lambda path: path.write_bytes(path.read_bytes()[:5000]), id="cut"),
        pytest.param(lambda path: path.write_bytes(path.read_bytes()[:100] + bytes(9000)), id="zeroed"),
        pytest.param(lambda path: os.truncate(path, file.LARGEST + 1), id="too large to be ours"),
        pytest.param(becomes(0, SOMEBODY_ELSES), id="somebody else's"),
        pytest.param(becomes(1, SOMEBODY_ELSES), id="somebody else's, as if ours"),
        pytest.param(becomes(1, ""), id="empty, as if it had tables"),
    ],
)
def test_a_file_that_is_not_ours_is_set_aside_whole_and_said(
    tmp_path: Path, spoil: Callable[[Path], object], caplog: pytest.LogCaptureFixture
) -> None:
    filled(tmp_path, 40)
    spoil(tmp_path / FILE)
    before = (tmp_path / FILE).read_bytes()[:10_000]
    assert contents.begin(tmp_path) == Record()
    assert is_what_was_written(contents.begin(filled(tmp_path, 2)), 2)
    assert [path.name for path in file.set_aside(tmp_path)] == [f"{FILE}.aside-1"]
    assert (tmp_path / f"{FILE}.aside-1").read_bytes()[:10_000] == before
    (said,) = [entry for entry in caplog.records if entry.levelno == logging.ERROR]
    assert said.__dict__["file"] == str(tmp_path / f"{FILE}.aside-1")


def test_of_files_that_were_set_aside_the_newest_are_kept(tmp_path: Path) -> None:
    for number in range(KEPT_ASIDE + 2):
        (tmp_path / FILE).write_bytes(f"garbage {number}".encode() * 99)
        os.utime(tmp_path / FILE, (number, number))
        contents.begin(tmp_path)
    kept = [path.read_bytes()[:9] for path in file.set_aside(tmp_path)]
    assert kept == [b"garbage 2", b"garbage 3", b"garbage 4"]


@given(
    name=st.sampled_from([FILE, f"{FILE}-wal", f"{FILE}-shm", f"{FILE}-journal"]),
    garbage=st.binary(max_size=600) | st.binary(min_size=4096, max_size=4200),
    place=st.integers(0, 40_000),
    keeps=st.sampled_from(["before", "before and after", "nothing"]),
)
@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_arbitrary_bytes_anywhere_never_keep_it_from_opening(
    crashed: Path, name: str, garbage: bytes, place: int, keeps: str
) -> None:
    with TemporaryDirectory(dir=IN_MEMORY) as directory:
        torn = Path(shutil.copytree(crashed, directory, dirs_exist_ok=True))
        was = (torn / name).read_bytes() if (torn / name).exists() else b""
        ends = {"nothing": (b"", b""), "before": (was[:place], b"")}
        before, after = ends.get(keeps, (was[:place], was[place + len(garbage) :]))
        (torn / name).write_bytes(before + garbage + after)
        contents.begin(torn)
        with closing(file.connect(torn)) as connection:
            put(connection, torn, 1000)
        found = contents.begin(torn)
        assert found.memory == memory(1000)
        assert found.chronicle.transitions[-1] == transition(1000)
        assert len(file.set_aside(torn)) <= 1


@pytest.fixture(scope="module")
def crashed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory as a process leaves it that is killed: part of it in the file, part in its journal."""
    live, left = tmp_path_factory.mktemp("live"), tmp_path_factory.mktemp("left")
    with closing(file.connect(filled(live, 20))) as connection:
        for number in range(21, 25):
            put(connection, live, number)
        shutil.copytree(live, left, dirs_exist_ok=True)
    assert files(left) == [FILE, f"{FILE}-shm", f"{FILE}-wal"]
    return left


# Writes without end, one more each time that it is told to. What is in the journal goes to the file more often than it
# else would, which is when most can go wrong.
WRITER = """
import sys
from pathlib import Path
from tests.shell.test_record import put
from uplink_exporter.record import contents, file
directory = Path(sys.argv[1])
connection = file.connect(directory)
connection.execute("PRAGMA wal_autocheckpoint = 4")
for number, _ in enumerate(sys.stdin, 1):
    put(connection, directory, number)
    print(number, flush=True)
"""

Snapshot = Mapping[str, bytes]
SECTOR = 512


_SEIZE, _INTERRUPT, _CONTINUE, _TO_SYSCALL = 0x4206, 0x4207, 7, 24  # linux/ptrace.h


@dataclass(frozen=True, slots=True)
class Writer:
    """A process that writes, and can be held before or after any of its system calls (ptrace(2))."""

    process: subprocess.Popen[str]
    directory: Path

    def write(self, times: int = 1) -> None:
        """Have it begin to write so often more."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n" * times)
        self.process.stdin.flush()

    def written(self) -> int:
        """Wait until it has; how often it has by now."""
        assert self.process.stdout is not None
        return int(self.process.stdout.readline())

    def halfway(self, steps: int) -> Snapshot:
        """Its files after so many steps of a write, each into a system call or out of it, or after the whole write."""
        self._hold(_INTERRUPT)
        self.write()
        assert self.process.stdout is not None
        for _ in range(steps):
            self._hold(_TO_SYSCALL)
            if select.select([self.process.stdout], [], [], 0)[0]:
                break
        snapshot = self.files()
        self._trace(_CONTINUE)
        return snapshot

    def files(self) -> Snapshot:
        """Its files, of which the shared memory is gone with the process or the power."""
        return {name: (self.directory / name).read_bytes() for name in files(self.directory) if "-shm" not in name}

    def _hold(self, request: int) -> None:
        self._trace(request)
        os.waitpid(self.process.pid, 0)

    def _trace(self, request: int) -> None:
        if ctypes.CDLL(None, use_errno=True).ptrace(request, self.process.pid, None, None):
            raise OSError(ctypes.get_errno(), "ptrace")


@contextmanager
def writing(directory: Path) -> Iterator[Writer]:
    path = os.pathsep.join((str(SOURCE), str(SOURCE.parent)))
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    with process:
        try:
            yield Writer(process, directory)
        finally:
            process.kill()


def without_power(committed: Snapshot, now: Snapshot, chance: random.Random) -> Snapshot:
    """What a disk may hold after a loss of power: of what no flush has confirmed since, any sectors.

    The journal is flushed before a page of it goes to the file. So while none has gone there, the journal may be
    torn; and once one has, the file may be.
    """
    torn = FILE if now[FILE] != committed.get(FILE) else f"{FILE}-wal"
    return {**now, torn: mixed(committed.get(torn, b""), now.get(torn, b""), chance)}


def mixed(old: bytes, new: bytes, chance: random.Random) -> bytes:
    """Some sectors of the new, some of the old or never written, and the length somewhere between."""
    length = chance.randint(min(len(old), len(new)), max(len(old), len(new)))
    never = chance.choice([bytes(SECTOR), chance.randbytes(SECTOR)])
    sectors = (
        chance.choice([new, old if start < len(old) else never.rjust(start + SECTOR)])[start : start + SECTOR]
        for start in range(0, length, SECTOR)
    )
    return b"".join(sectors)[:length]


def opened(snapshot: Snapshot) -> Record:
    """What a run begins with that finds these files."""
    with TemporaryDirectory(dir=IN_MEMORY) as directory:
        for name, content in snapshot.items():
            (Path(directory) / name).write_bytes(content)
        found = contents.begin(Path(directory))
        assert file.set_aside(Path(directory)) == []
        return found


def test_a_kill_or_a_loss_of_power_at_any_moment_takes_what_was_not_committed_and_nothing_else() -> None:
    chance = random.Random(20211208)
    uncommitted, unflushed = 0, 0
    with TemporaryDirectory(dir=IN_MEMORY) as directory, writing(Path(directory)) as writer:
        writer.write()
        writer.written()
        writer._trace(_SEIZE)
        for committed in range(1, 201):
            before = writer.files()
            killed = writer.halfway(chance.randrange(60))
            for found in map(opened, (killed, without_power(before, killed, chance))):
                assert is_what_was_written(found, committed) or is_what_was_written(found, committed + 1)
            uncommitted += killed[f"{FILE}-wal"] != before[f"{FILE}-wal"]
            unflushed += killed[FILE] != before[FILE]
            assert writer.written() == committed + 1
    assert min(uncommitted, unflushed) > 10, "it was stopped in the middle of both parts of a write"


def test_a_reader_sees_what_is_committed_while_it_is_written() -> None:
    with TemporaryDirectory(dir=IN_MEMORY) as directory, writing(Path(directory)) as writer:
        writer.write(400)
        seen = writer.written()
        while seen < 400:
            found = contents.read(Path(directory))
            assert found.memory is not None
            assert found.memory.known_until >= seen
            seen = int(found.memory.known_until)
            assert is_what_was_written(found, seen)


def test_a_reader_sees_one_commit_and_no_half_of_another(tmp_path: Path) -> None:
    with closing(file.connect(filled(tmp_path, 1))) as reader, closing(file.connect(tmp_path)) as writer:

        def meanwhile(statement: str) -> None:
            if "FROM transitions" in statement:
                put(writer, tmp_path, 2)

        reader.set_trace_callback(meanwhile)
        assert is_what_was_written(contents.held(reader, tmp_path), 1)
        assert is_what_was_written(contents.read(tmp_path), 2)


@pytest.fixture
def public() -> Iterator[Path]:
    """A directory in which everybody may read."""
    with TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)


def told_to(user: int, look: Callable[[Path], object], directory: Path) -> str:
    """What another user is told, in words."""
    # Forked, since the interpreter itself may lie where that user may not read.
    receive, send = get_context("fork").Pipe(duplex=False)

    def become() -> None:
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)
        try:
            send.send(repr(look(directory)))
        except SourceError as error:
            send.send(f"{error.reason}: {error}")

    child = get_context("fork").Process(target=become)
    child.start()
    child.join()
    found: str = receive.recv()
    return found


needs_root = pytest.mark.skipif(os.getuid() != 0 and os.environ.get("CI") != "true", reason="needs root")
users = pytest.mark.parametrize("user", [pytest.param(0, id="root"), pytest.param(NOBODY, id="who may only read")])


@needs_root
@users
@pytest.mark.parametrize(
    "parts",
    [
        pytest.param(("", "-wal", "-shm"), id="of one that was killed"),
        pytest.param(("", "-wal"), id="of one whose power went"),
        pytest.param(("",), id="of one that ended well"),
    ],
)
def test_a_reader_finds_everything_and_leaves_nothing(
    public: Path, crashed: Path, user: int, parts: tuple[str, ...]
) -> None:
    for suffix in parts:
        shutil.copy(crashed / (FILE + suffix), public)
        (public / (FILE + suffix)).chmod(0o644)
    if parts == ("",):
        shutil.copyfile(filled(public.with_name(f"{public.name}-closed"), 24) / FILE, public / FILE)
        shutil.rmtree(public.with_name(f"{public.name}-closed"))
    before = {name: (public / name).read_bytes() for name in files(public) if "-shm" not in name}
    assert told_to(user, contents.read, public) == repr(expected(24))
    assert files(public) == sorted(FILE + suffix for suffix in parts)
    assert {name: (public / name).read_bytes() for name in before} == before


def expected(last: int) -> Record:
    """What is read after so many writes."""
    boot = Boot(id="b1", time=BOOT_TIME, watched_since=1.0, watched_until=float(last))
    transitions = tuple(map(transition, range(1, last + 1)))
    return Record(memory=memory(last), chronicle=Chronicle(boots=(boot,), transitions=transitions))


@needs_root
@users
def test_a_reader_finds_everything_while_it_is_written(public: Path, user: int) -> None:
    with closing(file.connect(public)) as connection:
        put(connection, public, 1)
        for name in files(public):
            (public / name).chmod(0o644)
        assert told_to(user, contents.read, public) == repr(expected(1))
        put(connection, public, 2)
        assert told_to(user, contents.read, public) == repr(expected(2))
    assert files(public) == [FILE]


@needs_root
def test_a_reader_who_may_not_is_told_so(public: Path) -> None:
    filled(public, 1)
    told = told_to(NOBODY, contents.read, public)
    assert told.startswith(f"permission: --state.directory {public}: unable to open database file; ")
    assert told.endswith(f"; user {NOBODY} must be able to read there")


@needs_root
@pytest.mark.parametrize(
    ("directory", "says"),
    [
        pytest.param(0o755, "Permission denied", id="a directory of somebody else"),
        pytest.param(0o777, "Permission denied", id="a file of somebody else"),
        pytest.param(0o700, "Permission denied", id="a directory into which nobody else may look"),
    ],
)
def test_a_writer_who_may_not_is_told_who_must(public: Path, directory: int, says: str) -> None:
    filled(public, 1)
    public.chmod(directory)
    told = f"permission: --state.directory {public}: {says}; user {NOBODY} must be able to write there"
    assert told_to(NOBODY, file.connect, public) == told
    assert told_to(NOBODY, contents.begin, public) == told


@needs_root
def test_a_writer_who_may_only_read_begins_with_what_is_there(public: Path) -> None:
    (filled(public, 2) / FILE).chmod(0o644)
    assert told_to(NOBODY, contents.begin, public) == repr(expected(2))
    assert "must be able to write there" in told_to(NOBODY, file.connect, public)


def test_a_reader_is_told_that_there_is_nothing_yet(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no exporter has written there yet"):
        contents.read(tmp_path)
    assert files(tmp_path) == []


def test_what_cannot_be_written_is_begun_with_all_the_same(crashed: Path, tmp_path: Path) -> None:
    directory = shutil.copytree(crashed, tmp_path / "state")
    with closing(sqlite3.connect(directory / FILE, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert contents.begin(directory) == expected(24)


@pytest.mark.parametrize(
    ("make_it", "reason", "says"),
    [
        pytest.param(lambda path: path.write_text(""), Reason.IO, "must be a directory", id="a file in its place"),
        pytest.param(
            lambda path: (path / FILE).mkdir(parents=True), Reason.IO, "Is a directory", id="a directory in the file's"
        ),
    ],
)
def test_what_keeps_it_from_opening_is_said_with_the_setting(
    tmp_path: Path, make_it: Callable[[Path], object], reason: Reason, says: str
) -> None:
    directory = tmp_path / "state"
    make_it(directory)
    with pytest.raises(SourceError, match=says) as refused:
        file.connect(directory)
    assert refused.value.reason is reason
    assert str(refused.value).startswith(f"--state.directory {directory}: ")
    assert file.set_aside(directory) == []
