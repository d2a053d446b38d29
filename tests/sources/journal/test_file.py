"""The reader of journal files against journalctl, on files that systemd's own code wrote."""

from __future__ import annotations

import ctypes
import lzma
import os
import random
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from struct import pack_into, unpack_from

import pytest

from tests.sources.journal.written import BOOT, EARLIER, FORMATS, Format, Shown, entry, journalctl, opened, shown, write
from uplink_exporter.sources.journal.file import LONGEST_PACKED, ForeignError, JournalFile, NotYetError
from uplink_exporter.sources.journal.packing import PackedError, unpacked

NAMES = ("MESSAGE", "UNIT", "MESSAGE_ID", "_SYSTEMD_INVOCATION_ID")
Told = list[tuple[int, int, str, dict[str, bytes]]]
FORMAT_IDS = [f"{'keyed' if form.keyed else 'lookup3'}-{'compact' if form.compact else 'regular'}" for form in FORMATS]


def entries(count: int, seed: int) -> list[dict[str, str]]:
    """Some of two boots, in which values come again and again, and messages of all lengths."""
    dice = random.Random(seed)
    made = []
    for number in range(count):
        fields = {
            "MESSAGE": f"{number} " + "x-" * int(dice.expovariate(1 / 200)),
            "UNIT": dice.choice(["k3s.service", "cron.service", "k3s-agent.service"]),
            "MESSAGE_ID": dice.choice(["5eb03494b6584870a536b337290809b3", "39f53479d3a045ac8e11786248231fbf"]),
            "PRIORITY": str(dice.randrange(8)),
        }
        if dice.random() < 0.5:
            fields["_SYSTEMD_INVOCATION_ID"] = f"{dice.randrange(20):032x}"
        made.append(entry(1000 + number * 17, EARLIER if number < count // 3 else BOOT, **fields))
    return made


def values() -> list[str]:
    ids = [f"_SYSTEMD_INVOCATION_ID={number:032x}" for number in range(0, 22, 3)]
    return ["UNIT=k3s.service", "UNIT=no.service", "PRIORITY=3", f"_BOOT_ID={BOOT}", f"_BOOT_ID={EARLIER}", *ids]


def ours(file: JournalFile, value: str) -> Told:
    at = file.find(value.encode())
    if at is None:
        return []
    index, told = file.index(at), []
    for start in range(0, index.length, 500):
        for offset in file.offsets(index, start, min(start + 500, index.length)):
            found = file.entry(offset)
            fields = file.fields(found, {name.encode() for name in NAMES})
            text = {name.decode(): value for name, value in fields.items()}
            told.append((found.realtime, found.monotonic, found.boot.hex(), text))
    return told


def theirs(found: Iterable[Shown]) -> Told:
    return [
        (
            int(str(fields["__REALTIME_TIMESTAMP"])),
            int(str(fields["__MONOTONIC_TIMESTAMP"])),
            str(fields["_BOOT_ID"]),
            {name: shown(fields[name]) for name in NAMES if name in fields},
        )
        for fields in found
    ]


@pytest.mark.parametrize("form", FORMATS, ids=FORMAT_IDS)
def test_it_reads_what_journalctl_reads(form: Format, tmp_path: Path) -> None:
    path = write(tmp_path / "system.journal", entries(1200, seed=1), form)
    with opened(path) as file:
        assert (file.keyed, file.compact) == (form.keyed, form.compact)
        for value in values():
            found = journalctl(path, value)
            assert found is not None
            assert ours(file, value) == theirs(found)


def test_a_boot_begins_somewhere_in_an_index(tmp_path: Path) -> None:
    path = write(tmp_path / "system.journal", entries(300, seed=2))
    with opened(path) as file:
        at = file.find(b"UNIT=k3s.service")
        assert at is not None
        index = file.index(at)
        before = [told for told in theirs(journalctl(path, "UNIT=k3s.service") or []) if told[2] == EARLIER]
        assert file.first_of(index, bytes.fromhex(BOOT)) == len(before) > 0
        assert file.first_of(index, bytes(16)) == index.length


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file to do things to."""
    return write(tmp_path_factory.mktemp("journal") / "system.journal", entries(300, seed=3))


VALUES = ("UNIT=k3s.service", f"_SYSTEMD_INVOCATION_ID={3:032x}")
MOST_READS = 60_000
"""Some ten times what it takes to read the file whole, value by value."""


def looks(path: Path) -> tuple[Told, ...] | None:
    """What both values have; None if it is not yet to be told. It must not take for ever."""
    descriptor, reads = os.open(path, os.O_RDONLY), iter(range(MOST_READS))

    def read(offset: int, size: int) -> bytes:
        next(reads)
        assert size <= 2 * LONGEST_PACKED
        return os.pread(descriptor, size, offset)

    try:
        file = JournalFile.opened(read, lambda _: {})
        return tuple(ours(file, value) for value in VALUES)
    except (NotYetError, ForeignError):
        return None
    finally:
        os.close(descriptor)


def times(told: Told) -> set[tuple[int, int, str]]:
    return {(realtime, monotonic, boot) for realtime, monotonic, boot, _ in told}


@pytest.mark.parametrize("seed", range(40))
def test_a_damaged_file_is_read_right_or_not_yet(whole: Path, tmp_path: Path, seed: int) -> None:
    dice, data = random.Random(seed), bytearray(whole.read_bytes())
    (used,) = unpack_from("<Q", data, 136)  # the last object
    for _ in range(dice.choice([1, 4, 40])):
        place = dice.randrange(8, used)
        data[place] = dice.choice([0, 0xFF, data[place] ^ 1 << dice.randrange(8), dice.randrange(256)])
    path = tmp_path / "system.journal"
    path.write_bytes(data)
    told, sound = looks(path), looks(whole)
    assert sound is not None
    for value, before, found in zip(VALUES, sound, told or (), strict=bool(told)):
        shown = theirs(journalctl(path, value) or [])
        assert times(found) <= times(shown) | times(before), "no entry that neither it nor journalctl ever had"
        if len(shown) >= len(found):  # journalctl ends at what it does not like, and says little of why
            assert times(found) == times(shown)


def test_a_file_that_was_cut_is_read_right_or_not_yet(whole: Path, tmp_path: Path) -> None:
    data, path, sound = whole.read_bytes(), tmp_path / "system.journal", looks(whole)
    (used,) = unpack_from("<Q", data, 136)
    cuts = [*range(0, 400, 17), *range(400, used, used // 50)]
    told = []
    for cut in cuts:
        for rest in (b"", bytes(len(data) - cut)):  # what a file system leaves that lost its power
            path.write_bytes(data[:cut] + rest)
            told.append(looks(path))
    assert {repr(found) for found in told} <= {repr(sound), "None", repr(([], []))}


def test_what_grows_while_it_is_read_is_read_whole_or_not_yet(tmp_path: Path) -> None:
    path, made, told = tmp_path / "system.journal", entries(120, seed=5), []
    for number in range(0, 120, 20):
        write(path, made[number : number + 20])
        told.append(looks(path))
    assert all(found is not None for found in told)
    for before, after in pairwise(told):
        assert before is not None
        assert after is not None
        assert after[0][: len(before[0])] == before[0]
    assert told[-1] is not None
    assert told[-1][0] == theirs(journalctl(path, VALUES[0]) or [])


@pytest.mark.parametrize("content", [b"", b"LPKSHHRH", bytes(4096), b"\x7fELF" * 100, b"LPKSHHRH" + b"\xff" * 4096])
def test_what_is_no_journal_file_is_said_to_be_none(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "system.journal"
    path.write_bytes(content)
    assert looks(path) is None


def lz4(plain: bytes) -> bytes:
    """By the library that journald uses."""
    library = ctypes.CDLL("liblz4.so.1")
    room = ctypes.create_string_buffer(len(plain) + 1024)
    size = library.LZ4_compress_default(plain, room, len(plain), len(room))
    return len(plain).to_bytes(8, "little") + room.raw[:size]


def zstd(plain: bytes, level: int = 3) -> bytes:
    library = ctypes.CDLL("libzstd.so.1")
    library.ZSTD_compress.restype = ctypes.c_size_t
    room = ctypes.create_string_buffer(len(plain) + 1024)
    size = library.ZSTD_compress(room, ctypes.c_size_t(len(room)), plain, ctypes.c_size_t(len(plain)), level)
    return room.raw[:size]


def xz(plain: bytes) -> bytes:
    """As systemd's src/basic/compress.c sets it up."""
    return lzma.compress(plain, check=lzma.CHECK_NONE, filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 20}])


PACKERS = {1: xz, 2: lz4, 4: zstd}
TEXTS = (b"a", b"MESSAGE=" + b"x" * 5000, b"MESSAGE=" + bytes(range(256)) * 40, random.Random(1).randbytes(3000))


@pytest.mark.parametrize("packing", PACKERS)
@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_what_is_packed_is_unpacked_up_to_a_bound(packing: int, text: bytes) -> None:
    packed = PACKERS[packing](text)
    for most in (1, 64, len(text) - 1, len(text), len(text) + 10, 16384):
        if most:
            assert unpacked(packed, packing, most) == text[:most]


@pytest.mark.parametrize("packing", PACKERS)
def test_what_is_packed_and_damaged_is_refused_or_short(packing: int) -> None:
    packed, dice = PACKERS[packing](TEXTS[2]), random.Random(packing)
    for _ in range(300):
        data = bytearray(packed)
        data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
        try:
            assert (
                len(unpacked(bytes(data[: dice.choice([len(data), dice.randrange(len(data))])]), packing, 4096)) <= 4096
            )
        except PackedError:
            continue


def test_a_bomb_does_not_go_off() -> None:
    packed = zstd(bytes(64 * 1024 * 1024), level=1)
    assert unpacked(packed, 4, 100) == bytes(100)
    assert unpacked(xz(bytes(64 * 1024 * 1024)), 1, 100) == bytes(100)


@pytest.mark.parametrize("packing", PACKERS)
@pytest.mark.parametrize("compact", [False, True])
def test_a_long_message_is_read_however_it_is_packed(packing: int, compact: bool, tmp_path: Path) -> None:
    path, text = tmp_path / "system.journal", "time=now level=error msg=" + "ab-" * 400
    write(path, [entry(5, UNIT="k3s.service", MESSAGE=random.Random(0).randbytes(2000).hex())], Format(compact=compact))
    repack(path, f"MESSAGE={text}".encode(), packing, 72 if compact else 64)
    (shown,) = journalctl(path, "UNIT=k3s.service") or [{}]
    assert shown.get("MESSAGE") == text, "journalctl takes what was made here for a journal file"
    with opened(path) as file:
        assert ours(file, "UNIT=k3s.service")[0][3]["MESSAGE"] == text.encode()


def repack(path: Path, value: bytes, packing: int, header: int) -> None:
    """Put another value in the place of the one that is packed: systemd 252 packs by ZSTD, older ones by LZ4 or XZ."""
    data, packed = bytearray(path.read_bytes()), PACKERS[packing](value)
    at = data.index(b"\x28\xb5\x2f\xfd") - header  # ZSTD's magic number
    assert len(packed) <= unpack_from("<Q", data, at + 8)[0] - header
    data[at + header : at + header + len(packed)] = packed
    pack_into("<B6xQ", data, at + 1, packing, header + len(packed))
    pack_into("<I", data, 12, unpack_from("<I", data, 12)[0] | {1: 1, 2: 2, 4: 8}[packing])
    path.write_bytes(data)
