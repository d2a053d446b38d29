"""A made-up machine for a whole node: namespaces with their own network, mounts, processes and host name.

What a kubelet and a container runtime do to a machine stays in it: /var, /run and /etc are its own, so are the cgroups
below one of its own, and every process that was ever started inside dies with its first.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from tests.kernel.namespace import NAMESPACES, PATIENCE, PREFIX, Namespace, eventually

CGROUPS = Path("/sys/fs/cgroup")
SLOW = 120.0
"""Seconds after which what is not ready never will be, on a machine that does other things, too."""
# These are not a namespace's: the kubelet would set them for the real machine.
SYSCTLS = (
    "kernel/keys/root_maxbytes",
    "kernel/keys/root_maxkeys",
    "kernel/panic",
    "kernel/panic_on_oops",
    "vm/overcommit_memory",
    "vm/panic_on_oom",
)

# $1 is the machine's directory, $2 its name, what follows its own copies of kernel parameters. A new sysfs shows the
# network of who mounts it; the cgroups are kept. Mounts must be shared for the kubelet's to be seen by its containers.
BOOT = """
directory=$1 name=$2; shift 2
hostname "$name"
cd "$directory"
mkdir -p var/log/pods var/lib run etc work cgroup
mount --rbind /sys/fs/cgroup cgroup
mount -t sysfs sysfs /sys
mount --rbind cgroup /sys/fs/cgroup
umount -l cgroup
mount -t overlay overlay -o "lowerdir=/etc,upperdir=$directory/etc,workdir=$directory/work" /etc
mount -t tmpfs tmpfs run
mount --bind run /run
ln -s /run var/run
mount --bind var /var
for parameter in "$@"; do
    file=sysctl-$(echo "$parameter" | tr / -)
    cat "/proc/sys/$parameter" > "$file"
    mount --bind "$file" "/proc/sys/$parameter"
done
mount --make-rshared /
touch booted
exec sleep infinity
"""
# -1 stands for all processes but the first, and this one. What containers had mounted goes with them; what is below
# the machine's own /run cannot be unmounted, and need not.
REBOOT = """
kill -KILL -1
awk '$2 ~ "^/(run|var/lib/kubelet)/" { print $2 }' /proc/mounts | sort --reverse | xargs umount --lazy || true
rm -rf /run/*
"""


class MachineError(Exception):
    """A command inside failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The machine. `init` is its first process, `directory` has its files and the logs of its servers by their names.

    `ready` says how many seconds each server took to get ready.
    """

    name: str
    network: Namespace
    directory: Path
    init: int
    servers: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    ready: dict[str, float] = field(default_factory=dict)

    def run(self, *command: str | Path, text: str = "") -> str:
        """Run a command; what it says on its output. Raises MachineError with what it says of its failure."""
        done = subprocess.run(
            self._inside(command), input=text, text=True, capture_output=True, timeout=300, check=False
        )
        if done.returncode:
            raise MachineError(f"{' '.join(map(str, command))}: {done.returncode}\n{done.stderr or done.stdout}")
        return done.stdout

    def start(self, name: str, *command: str | Path) -> None:
        """Start a server, which ends with the machine if not before."""
        with self._log(name).open("ab") as log:
            self.servers[name] = subprocess.Popen(
                self._inside(command), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def await_ready(self, name: str, ready: Callable[[], object]) -> None:
        """Wait until it holds of a server that was started just now; that the question fails counts as no."""
        deadline = time.monotonic() + SLOW
        with self.timed(name):
            while not _holds(ready):
                if self.servers[name].poll() is not None or time.monotonic() > deadline:
                    raise MachineError(f"{name} does not get ready:\n{self._log(name).read_text()[-3000:]}")
                time.sleep(0.1)

    def stop(self, name: str) -> None:
        """Kill a server, and wait for its end. nsenter(1) passes no signals on, but ends with its child."""
        process = self.servers.pop(name)
        for child in children(process.pid):
            os.kill(child, signal.SIGKILL)
        process.wait(PATIENCE)

    def reboot(self) -> None:
        """End every process and forget /run, as a machine does that goes down hard; nothing is started by itself."""
        self.run("sh", "-ec", REBOOT)
        for server in self.servers.values():
            server.wait(PATIENCE)
        self.servers.clear()

    @contextmanager
    def timed(self, what: str) -> Iterator[None]:
        """Note how long something takes, too."""
        begun = time.monotonic()
        yield
        self.ready[what] = time.monotonic() - begun

    @property
    def cgroup(self) -> str:
        """The name of its cgroup, in every hierarchy."""
        return self.network.name

    def _log(self, name: str) -> Path:
        return self.directory / f"{name}.log"

    def _inside(self, command: Sequence[str | Path]) -> tuple[str, ...]:
        return ("nsenter", f"--target={self.init}", "--net", "--mount", "--uts", "--pid", "--", *map(str, command))


def _holds(question: Callable[[], object]) -> bool:
    try:
        return bool(question())
    except MachineError:
        return False


def children(pid: int) -> tuple[int, ...]:
    """The processes that a process has started."""
    return tuple(int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split())


@contextmanager
def booted(name: str, network: Namespace, directory: Path) -> Iterator[Machine]:
    """A machine that runs nothing yet."""
    with _cgroups(network.name), _first_process(name, network, directory) as init:
        machine = Machine(name=name, network=network, directory=directory, init=init)
        yield machine
    for server in machine.servers.values():
        server.wait(PATIENCE)


@contextmanager
def _first_process(name: str, network: Namespace, directory: Path) -> Iterator[int]:
    unshared = ("unshare", "--mount", "--uts", "--pid", "--fork", "--kill-child=KILL", "--mount-proc")
    boot = ("sh", "-ec", BOOT, "boot", str(directory), name, *SYSCTLS)
    with subprocess.Popen(
        ("setpriv", "--pdeathsig=KILL", "nsenter", f"--net={NAMESPACES / network.name}", *unshared, *boot),
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            eventually(lambda: (directory / "booted").exists() or process.poll() is not None)
            (init,) = children(process.pid)
            yield init
        finally:
            process.kill()
    # The kernel ends all processes of the namespace with its first, and waits for them (pid_namespaces(7)).
    eventually(lambda: not Path(f"/proc/{init}").exists(), within=SLOW)


def hierarchies() -> Sequence[Path]:
    """Where cgroups are made: the one hierarchy of version 2, or each of version 1."""
    if (CGROUPS / "cgroup.controllers").exists():
        return (CGROUPS,)
    return tuple(path for path in CGROUPS.iterdir() if path.is_dir() and not path.is_symlink())


@contextmanager
def _cgroups(name: str) -> Iterator[None]:
    made = [hierarchy / name for hierarchy in hierarchies()]
    for path in made:
        _remove_leftovers(path.parent)
        path.mkdir()
    try:
        yield
    finally:
        for path in made:
            _remove(path)


def _remove_leftovers(hierarchy: Path) -> None:
    """Remove what test runs that were killed have left."""
    for path in hierarchy.glob(f"{PREFIX}-*"):
        if not Path("/proc", path.name.split("-")[-2]).exists():
            _remove(path)


def _remove(cgroup: Path) -> None:
    """Remove a cgroup and all below it, as soon as the last process has left it."""
    for directory, _, _ in os.walk(cgroup, topdown=False):
        eventually(partial(_removed, Path(directory)), within=SLOW)


def _removed(cgroup: Path) -> bool:
    try:
        cgroup.rmdir()
    except OSError:
        return False
    return True
