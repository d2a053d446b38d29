"""Small images without a registry: programs of this machine, the libraries that they load, and nothing else."""

from __future__ import annotations

import hashlib
import io
import json
import re
import subprocess
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path


def save_image(archive: Path, name: str, programs: Mapping[str, Path], entrypoint: str) -> Path:
    """Write an image in the format of `docker save`. `programs` are by their path in it."""
    layer = _layer(programs)
    config = {
        "architecture": _architecture(),
        "os": "linux",
        "config": {"Entrypoint": [entrypoint], "Env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
    }
    manifest = [{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]
    files = {
        "layer.tar": layer,
        "config.json": json.dumps(config).encode(),
        "manifest.json": json.dumps(manifest).encode(),
    }
    with tarfile.open(archive, "w") as tar:
        for path, content in files.items():
            _add(tar, path, content)
    return archive


def _layer(programs: Mapping[str, Path]) -> bytes:
    files = {str(library): library for program in programs.values() for library in _libraries(program)} | dict(programs)
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        for path, source in files.items():
            _add(tar, path.lstrip("/"), source.read_bytes(), mode=0o755)
    return made.getvalue()


def _libraries(program: Path) -> Iterable[Path]:
    """What the dynamic linker would load, and itself; nothing for a static program."""
    done = subprocess.run(("ldd", program), text=True, capture_output=True, check=False)
    return {Path(path) for path in re.findall(r"(/\S+) \(0x", done.stdout)}


def _add(tar: tarfile.TarFile, path: str, content: bytes, mode: int = 0o644) -> None:
    entry = tarfile.TarInfo(path)
    entry.size, entry.mode = len(content), mode
    tar.addfile(entry, io.BytesIO(content))


def _architecture() -> str:
    machine = subprocess.check_output(("uname", "-m"), text=True).strip()
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)
