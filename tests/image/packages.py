"""What is fetched for these tests, once: Debian's packages, and all wheels that the locks name."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[2]
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "uplink-exporter"
LOCKS = (ROOT / "exporter/requirements.txt", ROOT / "exporter/requirements-build.txt")
# The only suite with the Python that the exporter's image has.
SUITE = "bookworm"
# What the image is built on, and what systemd boots: one root for both, as it is made in a quarter of a minute.
PACKAGES = (
    "base-files",
    "base-passwd",
    "coreutils",
    "dash",
    "dpkg",
    "findutils",
    "grep",
    "libc-bin",
    "libsqlite3-0",
    "mount",
    "netbase",
    "pipx",
    "python3-minimal",
    "python3-wheel-whl",
    "python3.11-venv",
    "sed",
    "systemd",
    "tzdata",
    "util-linux",
)


def debian(*further: str) -> Path:
    """A root file system as a tar file: these packages and what they depend on, unpacked but not configured."""
    packages = (*PACKAGES, *further)
    made = CACHE / f"debian-{digest(SUITE, *packages)}.tar"
    if not made.exists():
        temporary = unfinished(made)
        excluded = (f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "locale", "man"))
        include = f"--include={','.join(packages)}"
        run("mmdebstrap", "--quiet", "--variant=extract", include, *excluded, SUITE, temporary, *_sources())
        temporary.rename(made)
    return made


def package(name: str) -> Path:
    """A package of Debian's, for what no root can have beside its others."""
    made = CACHE / f"{name}-{SUITE}.deb"
    if not made.exists():
        with TemporaryDirectory(dir=CACHE) as directory:
            subprocess.run(["apt-get", "download", "--quiet", name], cwd=directory, check=True, capture_output=True)
            (downloaded,) = Path(directory).glob("*.deb")
            downloaded.rename(made)
    return made


def _sources() -> Iterator[Path]:
    """This machine's own sources of packages if they have that suite, else none: mmdebstrap then takes Debian's."""
    for path in (Path("/etc/apt/sources.list"), Path("/etc/apt/sources.list.d/debian.sources")):
        if path.exists() and re.search(rf"\b{SUITE}\b", path.read_text()):
            yield path


def wheelhouse() -> Path:
    """A directory of wheels, got by pip from wherever it is set up to get them."""
    made = CACHE / f"wheels-{digest(*(lock.read_text() for lock in LOCKS))}"
    if not made.exists():
        temporary = unfinished(made)
        pip = (sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--require-hashes")
        for lock in LOCKS:
            run(*pip, "--python-version=3.11", "--only-binary=:all:", f"--dest={temporary}", f"--requirement={lock}")
        temporary.rename(made)
    return made


def wheel(directory: Path) -> Path:
    """The exporter's wheel, built of this checkout by the locked build backend."""
    pip = (sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-index")
    run(*pip, f"--find-links={wheelhouse()}", f"--wheel-dir={directory}", ROOT)
    (built,) = directory.glob("*.whl")
    return built


def run(*command: str | Path) -> str:
    """What a program says. It must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(map(str, command))}: {done.stdout[-2000:]}{done.stderr[-4000:]}"
    return done.stdout


def unfinished(made: Path) -> Path:
    """Where a file or directory is made that is then renamed to `made`."""
    # Beside what is to be made, so that it can be renamed, and with the name's end, by which mmdebstrap goes.
    made.parent.mkdir(parents=True, exist_ok=True)
    return made.with_name(f"unfinished-{os.getpid()}-{made.name}")


def digest(*parts: str) -> str:
    """A short name for what these texts say."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
