"""What the virtual machine boots: Debian's kernel, a small root with the programs of Wi-Fi, and the exporter."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.image.packages import CACHE, LOCKS, ROOT, debian, digest, run, unfinished, wheelhouse

GUEST = Path(__file__).parent / "guest"
# Beside those of the other tiers. Of the kernels not the cloud flavour, which has no mac80211.
PACKAGES = (
    "busybox-static",
    "dnsmasq-base",
    "hostapd",
    "iproute2",
    "iw",
    "iwd",
    "kmod",
    "linux-image-amd64",
    "procps",
    "rfkill",
    "wireless-regdb",
    "wpasupplicant",
)
# What it takes to mount the root, and what it takes to be a Wi-Fi (a supplicant's ciphers are asked for by alias).
BOOT_MODULES = ("virtio_pci", "virtio_blk", "ext4")
MODULES = ("virtio_console", "mac80211_hwsim", "ccm", "ctr", "gcm", "cmac", "aes_generic", "af_packet", "dummy", "tun")
INIT = """#!/bin/sh
for module in /modules/*; do busybox insmod "$module"; done
busybox mount -t devtmpfs dev /dev
busybox mount -t ext4 -o ro,noload /dev/vda /root
exec busybox switch_root /root /guest/init
"""


@dataclass(frozen=True, slots=True)
class Image:
    """A kernel, what it boots from, and a root file system."""

    kernel: Path
    initrd: Path
    disk: Path


def image() -> Image:
    """The image, made once for each set of packages and Python's locks. It takes two minutes and 0.7 GB meanwhile."""
    guest = (path.read_text() for path in sorted(GUEST.iterdir()))
    locks = (lock.read_text() for lock in LOCKS)
    made = CACHE / f"wifi-{digest(debian(*PACKAGES).name, *MODULES, INIT, *guest, *locks)}"
    if not made.exists():
        temporary = unfinished(made)
        temporary.mkdir()
        _make(temporary)
        temporary.rename(made)
    return Image(made / "vmlinuz", made / "initrd", made / "disk")


def _make(directory: Path) -> None:
    with TemporaryDirectory(dir=directory) as scratch:
        root = Path(scratch, "root")
        root.mkdir()
        run("tar", "--extract", f"--file={debian(*PACKAGES)}", f"--directory={root}")
        (kernel,) = (root / "boot").glob("vmlinuz-*")
        version = kernel.name.removeprefix("vmlinuz-")
        shutil.copy(kernel, directory / "vmlinuz")
        shutil.rmtree(root / "boot")
        run("chroot", root, "depmod", version)
        (directory / "initrd").write_bytes(_initrd(root, version))
        _keep_modules(root, version)
        _furnish(root)
        size = sum(path.lstat().st_size for path in root.rglob("*")) // 1024**2 + 96
        run("mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-d", root, directory / "disk", f"{size}M")


def _needed(root: Path, version: str, modules: tuple[str, ...]) -> list[str]:
    """The files of these modules and of those that they need, in the order in which they are loaded."""
    asked = ("chroot", root, "modprobe", f"--set-version={version}", "--show-depends")
    lines = (line.split() for name in modules for line in run(*asked, name).splitlines())
    return list(dict.fromkeys(words[1] for words in lines if words[0] == "insmod"))


def _initrd(root: Path, version: str) -> bytes:
    tree = root.with_name("initrd")
    for name in ("bin", "modules", "dev", "root"):
        (tree / name).mkdir(parents=True)
    shutil.copy(root / "bin/busybox", tree / "bin/busybox")
    (tree / "bin/sh").symlink_to("busybox")
    (tree / "init").write_text(INIT)
    (tree / "init").chmod(0o755)
    for number, module in enumerate(_needed(root, version, BOOT_MODULES)):
        shutil.copy(f"{root}{module}", tree / "modules" / f"{number:02}-{Path(module).name}")
    names = "\n".join(str(path.relative_to(tree)) for path in sorted(tree.rglob("*")))
    cpio = (tree / "bin/busybox", "cpio", "-o", "-H", "newc")
    return subprocess.run(cpio, input=names.encode(), cwd=tree, stdout=subprocess.PIPE, check=True).stdout


def _keep_modules(root: Path, version: str) -> None:
    """Remove the modules that no test loads: they are four fifths of the root."""
    kept = set(_needed(root, version, MODULES))
    for path in (root / "lib/modules" / version).rglob("*.ko*"):
        if f"/{path.relative_to(root)}" not in kept:
            path.unlink()
    run("chroot", root, "depmod", version)


def _furnish(root: Path) -> None:
    shutil.copytree(GUEST, root / "guest")
    for name in ("regulatory.db", "regulatory.db.p7s"):
        (root / "lib/firmware" / name).symlink_to(f"{name}-upstream")
    for name in ("passwd", "group"):
        shutil.copy(root / f"usr/share/base-passwd/{name}.master", root / "etc" / name)
    (root / "etc/hostname").write_text("pi-master1\n")
    (root / "etc/netplan").mkdir()
    pip = (
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-index",
        "--no-compile",
    )
    packages = ("--python-version=3.11", "--only-binary=:all:", f"--find-links={wheelhouse()}", "--no-deps")
    run(*pip, *packages, f"--target={root / 'opt/python'}", f"--requirement={ROOT / 'exporter/requirements.txt'}")


def exporter() -> bytes:
    """The exporter's sources as a tar file."""
    tar = ("tar", "--create", "--exclude=__pycache__", f"--directory={ROOT / 'exporter'}", "uplink_exporter")
    return subprocess.run(tar, stdout=subprocess.PIPE, check=True).stdout
