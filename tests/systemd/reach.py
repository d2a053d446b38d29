"""Run in the exporter's place, with its rights: says what they let it do, once /run/look-now is there."""

from __future__ import annotations

import ctypes
import errno
import json
import os
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

IO_URING_SETUP = 425  # on every architecture

TRY = {
    "runtime socket": lambda: connect("/run/containerd/containerd.sock"),
    "io_uring": lambda: io_uring_setup(),
    "pod log": lambda: Path("/var/log/pods/reach.log").read_text(),
    "subnet file": lambda: Path("/run/flannel/subnet.env").read_text(),
    "networkd": lambda: os.listdir("/run/systemd/netif"),  # noqa: PTH208
    "record": lambda: Path(os.environ["STATE_DIRECTORY"], "reach").write_text("mine"),
    "netplan key": lambda: Path("/etc/netplan/50-wifi.yaml").read_text(),
    "secret of a pod": lambda: Path("/var/lib/kubelet/pods/secret").read_text(),
    "elsewhere": lambda: Path("/run/reach").write_text("mine"),
}


def connect(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(path)


def io_uring_setup() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(IO_URING_SETUP, 1, ctypes.create_string_buffer(120)) < 0:  # linux/io_uring.h
        raise OSError(ctypes.get_errno(), "io_uring_setup")


def outcome(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    return "done"


if __name__ == "__main__":
    while not Path("/run/look-now").exists():
        time.sleep(0.05)
    json.dump({name: outcome(attempt) for name, attempt in TRY.items()}, sys.stdout)
