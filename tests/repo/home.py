"""Writes the project's address and version to wherever they are repeated. `make docs` runs it.

Both are written down once, in the package's `__init__`. What is there already is told by the chart.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from uplink_exporter import HOME, __version__

ROOT = Path(__file__).parents[2]
CHART = "helm/uplink-exporter/Chart.yaml"
PLACES = ("alerts", "deploy", "docs", "exporter", "helm", "tests/alerts")
TEXTS = {".md", ".yml", ".yaml", ".tmpl", ".tpl", ".txt", ".toml", ".service", ""}
REGISTRIES = {"github.com": "ghcr.io", "gitlab.com": "registry.gitlab.com"}


def main(root: Path = ROOT, home: str = HOME, version: str = __version__) -> None:
    """Write them."""
    chart = (root / CHART).read_text()
    before = re.findall(r"^home: (\S+)$", chart, re.MULTILINE)[0]
    for path in texts(root):
        text = path.read_text()
        if (after := _versioned(_moved(text, before, home), version)) != text:
            path.write_text(after)


def texts(root: Path = ROOT) -> Iterator[Path]:
    """The files that people or machines read, but for the changelog and what is generated from Python."""
    yield from (path for path in root.glob("*") if path.suffix in {".md", ".toml"} and path.name != "CHANGELOG.md")
    for place in PLACES:
        yield from (path for path in (root / place).rglob("*") if path.is_file() and path.suffix in TEXTS)


def image(home: str = HOME) -> str:
    """The name of the image that a release of the project at this address publishes."""
    host, _, path = home.removeprefix("https://").partition("/")
    return f"{REGISTRIES.get(host, host)}/{path}".lower()


def _moved(text: str, before: str, after: str) -> str:
    owners = before.rpartition("/")[0], after.rpartition("/")[0]
    text = text.replace(before, after)
    # A registry may have the name of the forge, so that an image is called as a page is, but for the scheme.
    text = re.sub(rf"(?<!https://){re.escape(image(before))}", image(after), text)
    return text.replace(f"url: {owners[0]}\n", f"url: {owners[1]}\n")


def _versioned(text: str, version: str) -> str:
    text = re.sub(r'^(version: |appVersion: ")\d+\.\d+\.\d+[\w.-]*', rf"\g<1>{version}", text, flags=re.MULTILINE)
    return re.sub(r"(uplink[-_]exporter[-_:])\d+\.\d+\.\d+", rf"\g<1>{version}", text)


if __name__ == "__main__":
    main()
