"""The wheel: what is in it, and that it runs with the locked dependencies and nothing else."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.image.packages import LOCKS, ROOT, run, wheel
from uplink_exporter import __version__

INFO = f"uplink_exporter-{__version__}.dist-info"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    return wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def content(built: Path) -> Iterator[zipfile.ZipFile]:
    """What is in it."""
    with zipfile.ZipFile(built) as content:
        yield content


@pytest.fixture(scope="module")
def metadata(content: zipfile.ZipFile) -> Message:
    """What it says of itself."""
    return message_from_bytes(content.read(f"{INFO}/METADATA"))


def test_it_holds_the_package_and_nothing_else(content: zipfile.ZipFile) -> None:
    sources = {str(path.relative_to(ROOT / "exporter")) for path in (ROOT / "exporter/uplink_exporter").rglob("*.py")}
    info = {f"{INFO}/{name}" for name in ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE")}
    assert set(content.namelist()) == sources | info, "no tests, no REVISION: that is the image's"


def test_it_says_by_what_name_it_is_run(content: zipfile.ZipFile) -> None:
    entry = content.read(f"{INFO}/entry_points.txt").decode()
    assert entry.split() == ["[console_scripts]", "uplink-exporter", "=", "uplink_exporter.__main__:main"]


def test_its_metadata_can_be_published(metadata: Message) -> None:
    assert (metadata["Name"], metadata["Version"]) == ("uplink-exporter", __version__)
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert "# uplink-exporter" in str(metadata.get_payload())
    assert (metadata["License-Expression"], metadata["License"]) == ("Apache-2.0", None)


def test_the_locked_build_backend_is_the_one_that_is_asked_for() -> None:
    requires = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    locked = {line.split()[0] for line in LOCKS[1].read_text().splitlines() if "==" in line}
    assert set(requires) <= locked


def test_it_runs_with_the_locked_dependencies_alone(built: Path, tmp_path: Path) -> None:
    run(sys.executable, "-m", "venv", tmp_path)
    pip = (tmp_path / "bin/pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile")
    run(*pip, "--require-hashes", f"--requirement={LOCKS[0]}")
    run(*pip, "--no-deps", built)
    command = tmp_path / "bin/uplink-exporter"
    assert run(command, "--version") == f"uplink-exporter {__version__}\n"
    alone = ("--source.pod-logs=off", "--source.kubernetes=off", "--source.units=off", "--source.journal=off")
    doctor = subprocess.run([command, "doctor", *alone], capture_output=True, text=True, check=False)
    assert "IPv4 default route" in doctor.stdout, doctor.stderr
    assert f'version="{__version__}"' in scrape(command, "--web.listen-address=127.0.0.1:0", *alone)


def scrape(*command: str | Path) -> str:
    """The metrics page of an exporter that is started for that."""
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            (port,) = next(filter(None, (re.findall(r"listen=127\.0\.0\.1:(\d+)", line) for line in process.stderr)))
            with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
                page: bytes = answer.read()
            return page.decode()
        finally:
            process.kill()
