"""A machine that a real systemd boots, in namespaces: its file system is a directory, its network one of the tests'."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.image.packages import debian
from tests.kernel.namespace import Namespace, eventually

NAME = "pi-master1"
BOOTED = 60.0

# $1 is the root, $2 a cgroup of its own, below which systemd has the tree for itself; see the container interface of
# systemd (https://systemd.io/CONTAINER_INTERFACE). What is mounted here is seen by nobody else.
_BOOT = """
mount -t cgroup2 none /sys/fs/cgroup
mkdir "/sys/fs/cgroup/$2"
echo $$ > "/sys/fs/cgroup/$2/cgroup.procs"
exec unshare --cgroup --pid --fork --kill-child --uts --ipc --mount-proc sh -ec '
    mount --bind "$1" "$1"
    cd "$1"
    mount -t proc proc proc
    mount -t sysfs -o ro sysfs sys
    mount -t cgroup2 none sys/fs/cgroup
    for directory in run tmp dev; do mount -t tmpfs -o mode=0755 tmpfs $directory; done
    for device in null zero full random urandom tty; do touch dev/$device; mount --bind /dev/$device dev/$device; done
    mkdir dev/pts dev/shm
    mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
    mount -t tmpfs tmpfs dev/shm
    ln -s pts/ptmx dev/ptmx
    chmod 1777 tmp dev/shm
    mkdir run/outside
    pivot_root . run/outside
    umount -l run/outside
    exec env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd >/dev/null 2>&1
' boot "$1"
"""
_GONE = """
mount -t cgroup2 none /sys/fs/cgroup
find "/sys/fs/cgroup/$1" -depth -type d -exec rmdir {} +
"""


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine that runs, by its systemd."""

    root: Path
    pid: int

    def run(self, *command: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command as root."""
        variables = (f"{name}={value}" for name, value in (env or {}).items())
        path = "PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        return subprocess.run(
            ["nsenter", f"--target={self.pid}", "--all", "env", "-i", path, "HOME=/root", *variables, *command],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def __call__(self, *command: str, env: Mapping[str, str] | None = None) -> str:
        """What a command says. It must succeed."""
        done = self.run(*command, env=env)
        assert done.returncode == 0, f"{command}: {done.stdout[-2000:]}{done.stderr[-4000:]}"
        return done.stdout.strip()

    def show(self, unit: str, name: str) -> str:
        """A property of a unit."""
        return self("systemctl", "show", f"--property={name}", "--value", unit)


def unavailable() -> str:
    """Why this machine cannot boot another; nothing if it can."""
    if shutil.which("mmdebstrap") is None:
        return "missing: apt-get install --no-install-recommends mmdebstrap"
    return "" if os.geteuid() == 0 else "it takes root to boot a machine in namespaces"


def install(root: Path, *packages: str) -> None:
    """Unpack a Debian with systemd and further packages, of which nothing is configured but what a boot needs."""
    root.mkdir()
    subprocess.run(["tar", "--extract", f"--file={debian(*packages)}", f"--directory={root}"], check=True)
    for name in ("passwd", "group"):
        shutil.copy(root / f"usr/share/base-passwd/{name}.master", root / "etc" / name)
    (root / "etc/hostname").write_text(f"{NAME}\n")
    for name, target in (("run", "/run"), ("lock", "/run/lock")):  # as the scripts of base-files make them
        shutil.rmtree(root / "var" / name)
        (root / "var" / name).symlink_to(target)
    (root / "etc/machine-id").touch()  # so that systemd asks nobody about a first boot
    for unit in ("systemd-firstboot", "console-getty", "getty@tty1"):
        (root / f"etc/systemd/system/{unit}.service").symlink_to("/dev/null")


@contextmanager
def booted(root: Path, node: Namespace) -> Iterator[Machine]:
    """The machine, from when all that is enabled was started. At the end it loses its power."""
    cgroup = f"uplink-exporter-machine-{os.getpid()}"
    isolated = ("unshare", "--mount", "--propagation", "private", "sh", "-ec")
    inside = ("ip", "netns", "exec", node.name, *isolated)
    process = subprocess.Popen([*inside, _BOOT, "boot", root, cgroup], stdin=subprocess.DEVNULL)
    try:
        eventually(lambda: _systemd(process), BOOTED)
        machine = Machine(root, _systemd(process))
        state = ("systemctl", "is-system-running", "--wait")
        eventually(lambda: machine.run(*state).stdout.strip() in ("running", "degraded"), BOOTED)
        failed = machine("systemctl", "list-units", "--failed", "--plain", "--no-legend")
        assert not failed, f"{failed}\n{machine('journalctl', '--boot', '--no-pager', '--output=cat', '--lines=50')}"
        yield machine
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        eventually(lambda: subprocess.run([*isolated, _GONE, "gone", cgroup], capture_output=True).returncode == 0)


def _systemd(process: subprocess.Popen[bytes]) -> int:
    """The process that is PID 1 inside, once it is systemd; else 0."""
    assert process.poll() is None, "it did not boot"
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return next((int(child) for child in children if _name(child) == "systemd"), 0)


def _name(process: str) -> str:
    with suppress(OSError):  # what prepares the boot comes and goes
        return Path(f"/proc/{process}/comm").read_text().strip()
    return ""
