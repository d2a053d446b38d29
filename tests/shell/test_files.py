"""Whatever lies at a path, to read it neither blocks nor grows without end."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from uplink_exporter.files import LONGEST_FILE, MOST_NAMES, names, opened, read, text


def test_a_file_is_read_up_to_a_bound(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x" * (LONGEST_FILE + 9))
    assert len(read(file)) == LONGEST_FILE
    assert read(file, 3) == b"xxx"
    assert read("/proc/self/stat"), "of no size, and made up by the kernel"


@pytest.mark.parametrize("kind", ["fifo", "/dev/zero", "directory", "link to a fifo", "loop"])
def test_what_is_no_file_is_not_opened(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "odd"
    match kind:
        case "fifo":
            os.mkfifo(path)
        case "/dev/zero":
            path.symlink_to(kind)
        case "directory":
            path.mkdir()
        case "link to a fifo":
            os.mkfifo(tmp_path / "fifo")
            path.symlink_to("fifo")
        case _:
            path.symlink_to(path)
    with pytest.raises(OSError, match=r"not a regular file|symbolic links"), opened(path):
        raise AssertionError("it was opened")
    assert text(path) == ""


def test_what_took_the_place_of_a_file_meanwhile_is_not_read_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, fifo = tmp_path / "file", tmp_path / "fifo"
    file.write_text("")
    os.mkfifo(fifo)
    before = file.stat()
    monkeypatch.setattr(Path, "stat", lambda path: before)
    with pytest.raises(OSError, match="not a regular file"):
        read(fifo)


def test_text_that_is_none_and_names_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"wlan\xff")
    assert text(tmp_path / "file") == "wlan\ufffd"
    assert text("a\0b") == text(tmp_path / "absent") == ""
    assert names(tmp_path) == ("file",)
    assert names("a\0b") == names(tmp_path / "absent") == names(tmp_path / "file") == ()


def test_of_a_directory_without_end_a_bound_of_names_is_told(tmp_path: Path) -> None:
    for number in range(MOST_NAMES + 9):
        (tmp_path / str(number)).touch()
    assert len(names(tmp_path)) == MOST_NAMES
