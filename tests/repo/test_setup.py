"""What a newcomer meets first: `make` and tests/setup say what is missing, and leave the checkout its owner's."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

ROOT = Path(__file__).parents[2]
NOBODY = 65534
FOR_THE_SCRIPT = ("sh", "id", "dirname")

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user, which needs root")


@pytest.fixture
def checkout() -> Iterator[Path]:
    """tests/setup where any user may read it, and a bin/ with next to nothing in it."""
    with TemporaryDirectory() as directory:
        root = Path(directory)
        root.chmod(0o755)
        for name in ("tests", "bin"):
            (root / name).mkdir()
        shutil.copy(ROOT / "tests/setup", root / "tests")
        for name in FOR_THE_SCRIPT:
            (root / "bin" / name).symlink_to(shutil.which(name) or name)
        yield root


def setup(checkout: Path, *arguments: str, user: int | None = None) -> subprocess.CompletedProcess[str]:
    command, environment = (str(checkout / "tests/setup"), *arguments), {"PATH": str(checkout / "bin")}
    return subprocess.run(command, env=environment, user=user, capture_output=True, text=True, check=False)


@needs_root
@pytest.mark.parametrize(
    ("arguments", "wanted"), [(("demo",), {"iproute2", "util-linux"}), (("python", "python3"), {"python3-venv"})]
)
def test_who_may_not_install_gets_a_command_to_paste(
    checkout: Path, arguments: tuple[str, ...], wanted: set[str]
) -> None:
    done = setup(checkout, *arguments, user=NOBODY)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    words = shlex.split(done.stderr.splitlines()[-1])
    assert words[:4] == ["sudo", "apt-get", "install", "--no-install-recommends"]
    assert set(words[4:]) == wanted


def test_a_python_that_is_too_old_is_told_so(checkout: Path) -> None:
    old = checkout / "bin/python3"  # a stand-in: there is no such Python here
    old.write_text(
        '#!/bin/sh\ncase "$*" in *ensurepip*) exit 0 ;; --version) echo Python 3.10.12 ;; *) exit 1 ;; esac\n'
    )
    old.chmod(0o755)
    done = setup(checkout, "python", "python3")
    assert done.returncode == 1
    assert done.stderr.startswith("Python 3.10.12 is too old: uplink-exporter needs Python 3.11 or later.\n")
    assert (ROOT / "docs/where-it-runs.md").exists()


@needs_root
def test_what_root_makes_in_a_users_checkout_is_the_users(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    shutil.copy(ROOT / "Makefile", tmp_path)
    script = tmp_path / "tests/setup"
    script.write_text("#!/bin/sh\nmkdir .cache && touch .cache/made && exit 7\n")
    script.chmod(0o755)
    for path in (tmp_path, *tmp_path.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    environment = {"PATH": os.environ["PATH"]}
    done = subprocess.run(("make", "run"), cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2, "and it fails as it would have"
    assert "Error 7" in done.stderr
    assert {path.name: path.stat().st_uid for path in (tmp_path / ".cache", tmp_path / ".cache/made")} == {
        ".cache": NOBODY,
        "made": NOBODY,
    }
