"""A virtual machine whose Wi-Fi is real but for the air: mac80211_hwsim carries frames from radio to radio."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from socket import AF_UNIX, SOCK_STREAM, socket
from typing import BinaryIO, cast

from tests.kernel.namespace import eventually
from tests.wifi.image import Image, exporter, image

# Software emulation on a busy machine: a boot that takes 20 s alone has taken 53 s beside a load of 17.
BOOTED = 300.0
ANSWERED = 300.0
PROGRAMS = {"qemu-system-x86_64": "qemu-system-x86", "mmdebstrap": "mmdebstrap", "mke2fs": "e2fsprogs"}


@dataclass(frozen=True, slots=True)
class Done:
    """What a command in the guest came to."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine that runs, by the agent in it."""

    port: BinaryIO

    def run(self, *command: str, text: str = "") -> Done:
        """Run a command as root, with this text on its standard input."""
        return self._ask(argv=command, input=text, stay=False)

    def __call__(self, *command: str, text: str = "") -> str:
        """What a command says. It must succeed."""
        done = self.run(*command, text=text)
        assert done.code == 0, f"{command}: {done.out[-2000:]}{done.err[-4000:]}"
        return done.out.strip()

    def sh(self, script: str) -> str:
        """What a script says. It must succeed."""
        return self("sh", "-ec", script)

    def start(self, *command: str, log: str = "/dev/null") -> int:
        """Start a command that stays; its process id."""
        return int(self._ask(argv=command, input="", stay=True, log=log).out)

    def write(self, path: str, text: str) -> None:
        """Write a file."""
        self("dd", f"of={path}", "status=none", text=text)

    def _ask(self, **ask: object) -> Done:
        self.port.write(json.dumps(ask).encode() + b"\n")
        self.port.flush()
        return Done(**json.loads(self.port.readline()))


def unavailable() -> str:
    """Why this machine cannot run another; nothing if it can."""
    missing = [package for program, package in PROGRAMS.items() if shutil.which(program) is None]
    return f"missing: apt-get install --no-install-recommends {' '.join(missing)}" if missing else ""


@contextmanager
def booted(directory: Path) -> Iterator[Machine]:
    """The machine, with three radios: wlan0, wlan1 and wlan2. At the end it loses its power."""
    (directory / "exporter.tar").write_bytes(_padded(exporter()))
    with (directory / "console").open("wb") as console:
        command = _qemu(image(), directory)
        qemu = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT)
    try:
        with _port(directory / "agent", qemu) as port:
            said = port.readline()
            assert said == b"ready\n", (directory / "console").read_text(errors="replace")[-4000:]
            machine = Machine(port)
            machine("modprobe", "mac80211_hwsim", "radios=3")
            yield machine
    finally:
        qemu.kill()
        qemu.wait()


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 512)


def _qemu(image: Image, directory: Path) -> tuple[str | Path, ...]:
    drives = [(image.disk, "readonly=on"), (directory / "exporter.tar", "readonly=on")]
    return (
        "qemu-system-x86_64",
        *("-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", "768", "-nic", "none"),
        *("-display", "none", "-serial", "stdio", "-no-reboot"),
        *("-kernel", image.kernel, "-initrd", image.initrd),
        *("-append", "console=ttyS0 quiet panic=-1 net.ifnames=0 rdinit=/init"),
        *(part for path, how in drives for part in ("-drive", f"file={path},format=raw,if=virtio,{how}")),
        *("-device", "virtio-serial-pci", "-chardev", f"socket,id=agent,path={directory / 'agent'},server=on,wait=off"),
        *("-device", "virtserialport,chardev=agent,name=agent"),
    )


@contextmanager
def _port(path: Path, qemu: subprocess.Popen[bytes]) -> Iterator[BinaryIO]:
    eventually(lambda: path.exists() or qemu.poll() is not None)
    with socket(AF_UNIX, SOCK_STREAM) as connection:
        connection.settimeout(BOOTED)
        connection.connect(str(path))
        with connection.makefile("rwb") as port:
            yield cast("BinaryIO", port)
