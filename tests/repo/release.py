"""`make dist`: what a release consists of, but for the image.

The wheel and its source, the chart with the image in its values, the manifests, the rules with their runbooks, the
dashboard, and sums of all; beside them what the changelog says of this version.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.chart.docs import manifests
from tests.chart.helm import CHART, ROOT, helm
from tests.repo.home import image
from uplink_exporter import __version__

DIST = ROOT / "dist"
NOTES = ROOT / ".cache/notes.md"
AS_THEY_ARE = ("alerts/uplink.rules.yml", "alerts/alertmanager.example.yml", "grafana/uplink-exporter.json")
NO_IMAGE = '  repository: ""\n'


class NotReadyError(Exception):
    """This tree cannot be released as that, for a reason that the reader can do something about."""


def main(arguments: list[str]) -> int:
    """Build it."""
    parser = argparse.ArgumentParser(prog="python -m tests.repo.release", description=__doc__)
    parser.add_argument("--tag", help="the tag that is to be released; it has to be this version's")
    parser.add_argument("--image", default=image(), help="the image's name in its registry (%(default)s)")
    options = parser.parse_args(arguments)
    try:
        notes = changes((ROOT / "CHANGELOG.md").read_text(), options.tag)
    except NotReadyError as error:
        print(error, file=sys.stderr)
        return 1
    shutil.rmtree(DIST, ignore_errors=True)
    build(DIST, options.image)
    NOTES.write_text(notes)
    print((DIST / "SHA256SUMS").read_text(), end="")
    return 0


def changes(changelog: str, tag: str | None) -> str:
    """What the changelog says of this version. Raises NotReadyError if the tag is another's, or it has no date yet."""
    heading, _, text = changelog.partition("\n## ")[2].partition("\n")
    if tag is not None and tag != f"v{__version__}":
        raise NotReadyError(f"the tag {tag} is not v{__version__}, the version in exporter/uplink_exporter/__init__.py")
    if tag is not None and not re.fullmatch(rf"{re.escape(__version__)} \(\d{{4}}-\d\d-\d\d\)", heading):
        raise NotReadyError(f"CHANGELOG.md begins with '{heading}', not with '{__version__} (YYYY-MM-DD)'")
    return text.partition("\n## ")[0].strip() + "\n"


def build(into: Path, repository: str) -> None:
    """Write all files of the release, but for the image."""
    into.mkdir(parents=True)
    distributions(into)
    chart(into, repository)
    for name, text in manifests(repository).items():
        (into / f"kubectl-{name}").write_text(text)
    for source in AS_THEY_ARE:
        shutil.copy(ROOT / source, into)
    with tarfile.open(into / "uplink-exporter-alerts.tar.gz", "w:gz") as archive:
        archive.add(ROOT / "alerts", "alerts")
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in sorted(into.iterdir())]
    (into / "SHA256SUMS").write_text("".join(sums))


def distributions(into: Path) -> None:
    """The wheel and its source, built by what the lock has."""
    uv = Path(sys.executable).with_name("uv")
    locked = ("--build-constraints", ROOT / "exporter/requirements-build.txt", "--require-hashes")
    subprocess.run((uv, "build", "--quiet", f"--out-dir={into}", *locked, ROOT), env=os.environ, check=True)
    (into / ".gitignore").unlink(missing_ok=True)


def chart(into: Path, repository: str) -> None:
    """The chart, which names the image that is published with it."""
    with TemporaryDirectory() as temporary:
        copy = shutil.copytree(CHART, Path(temporary, CHART.name))
        values = (copy / "values.yaml").read_text()
        assert values.count(NO_IMAGE) == 1
        (copy / "values.yaml").write_text(values.replace(NO_IMAGE, f"  repository: {repository}\n"))
        helm(4, "package", copy, "--destination", into)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
