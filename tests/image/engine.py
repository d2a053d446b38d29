"""podman, for images that no registry is asked for: its storage and its mounts are its own, and go with it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.image.packages import ROOT, debian, wheelhouse

DOCKERFILE = ROOT / "exporter/Dockerfile"
# For python:3.11-slim-bookworm: the same Debian and minor version of Python, and no .pyc of the standard library.
BASE = "localhost/python-stand-in"
IMAGE = "localhost/uplink-exporter"
TOOLS = {"podman": "podman", "crun": "crun", "mmdebstrap": "mmdebstrap", "unshare": "util-linux"}

# crun wants cgroup2 alone, and this machine may have both. What is mounted here is seen by nobody else, though network
# namespaces that are made later are seen here.
_WORLD = "mount -t cgroup2 none /sys/fs/cgroup && echo ready && exec sleep infinity"


@dataclass(frozen=True, slots=True)
class Engine:
    """podman, and the process that holds the mount namespace in which it is run."""

    storage: Path
    world: int

    def __call__(self, *arguments: str | Path, timeout: float = 300) -> str:
        """What podman says. It must succeed."""
        done = self.run(*arguments, timeout=timeout)
        assert done.returncode == 0, f"podman {arguments[0]}: {done.stdout[-4000:]}{done.stderr[-4000:]}"
        return done.stdout.strip()

    def run(self, *arguments: str | Path, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        """What podman says, and its exit code."""
        own = ("--root", self.storage / "storage", "--runroot", self.storage / "run", "--tmpdir", self.storage / "tmp")
        command = ("nsenter", f"--mount=/proc/{self.world}/ns/mnt", "podman", *own, "--runtime=crun")
        return subprocess.run(
            [*command, "--cgroup-manager=cgroupfs", *arguments],
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )


def unavailable() -> str:
    """Why this machine cannot build and run images; nothing if it can."""
    missing = [package for tool, package in TOOLS.items() if shutil.which(tool) is None]
    if missing:
        return f"missing: apt-get install --no-install-recommends {' '.join(missing)}"
    return "" if os.geteuid() == 0 else "building an image without a daemon takes root here"


@contextmanager
def engine(storage: Path) -> Iterator[Engine]:
    """A podman that knows no image."""
    command = ("unshare", "--mount", "--propagation", "slave", "sh", "-ec", _WORLD)
    with subprocess.Popen(command, stdout=subprocess.PIPE) as world:
        try:
            assert world.stdout is not None
            assert world.stdout.readline() == b"ready\n"
            yield Engine(storage, world.pid)
        finally:
            world.kill()
    shutil.rmtree(storage)


def build(podman: Engine, *arguments: str) -> None:
    """Build the image as its Dockerfile says, but for the base and the index of wheels."""
    podman("import", "--change", "ENV PATH=/usr/local/bin:/usr/bin:/bin", debian(), BASE)
    podman(
        "build",
        "--isolation=chroot",
        "--pull=never",
        "--format=docker",
        "--layers=false",
        f"--build-arg=BASE={BASE}",
        "--build-arg=PIP_NO_INDEX=1",
        "--build-arg=PIP_FIND_LINKS=/wheelhouse",
        f"--volume={wheelhouse()}:/wheelhouse:ro",
        *arguments,
        f"--file={DOCKERFILE}",
        f"--tag={IMAGE}",
        ROOT,
    )
