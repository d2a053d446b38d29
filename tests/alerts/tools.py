"""Prometheus' and Alertmanager's programs: Debian's, the oldest that the alerts run on, and current ones if there."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.lacking import refuse

CACHE = Path(__file__).parents[2] / ".cache"
# tests/setup unpacks Debian's packages here; `go install` may put current releases there.
DEBIAN, CURRENT = CACHE / "debian/usr/bin", CACHE / "go/bin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """One generation of the programs; None where one is not there."""

    generation: str
    promtool: Path | None
    prometheus: Path | None
    amtool: Path | None
    alertmanager: Path | None


def generations() -> tuple[Tools, ...]:
    """Debian's programs, and the current ones where any of them are there."""
    path = f"{DEBIAN}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    debian = Tools(
        generation="debian",
        promtool=_which("promtool", path),
        prometheus=_which("prometheus", path),
        amtool=_which("amtool", path),
        alertmanager=_which("prometheus-alertmanager", path) or _which("alertmanager", path),
    )
    names = ("promtool", "prometheus", "amtool", "alertmanager")
    current = Tools(generation="current", **{name: _which(name, str(CURRENT)) for name in names})
    return (debian, current) if CURRENT.is_dir() else (debian,)


def there(program: Path | None, name: str) -> Path:
    """The program; without it the test is refused."""
    if program is None:
        refuse(f"there is no {name}: tests/setup gets Debian's")
    return program


def _which(name: str, path: str) -> Path | None:
    found = shutil.which(name, path=path)
    return Path(found) if found else None


def alertmanager_command(program: Path) -> tuple[str | Path, ...]:
    """How to start an Alertmanager, Debian's also where it is only unpacked."""
    # Debian's looks for its default template in /usr/share: it gets a view in which its own share lies over that.
    share = DEBIAN.parent / "share"
    if program.parent != DEBIAN or Path("/usr/share/prometheus/alertmanager/default.tmpl").exists():
        return (program,)
    mount = f"mount -t overlay overlay -o lowerdir={share}:/usr/share /usr/share"
    user = () if os.geteuid() == 0 else ("--map-root-user",)
    return ("unshare", "--mount", *user, "sh", "-c", f'{mount} && exec "$0" "$@"', program)


def run(*command: str | Path, directory: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Runs a program to its end; its output and errors come together in `stdout`."""
    return subprocess.run(
        command, cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, check=False
    )
