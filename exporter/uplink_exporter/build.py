"""Which build of the exporter this is."""

from __future__ import annotations

import platform
from pathlib import Path

from uplink_exporter import __version__
from uplink_exporter.families import BuildInfo


def build_info() -> BuildInfo:
    """What this exporter is. The image's build writes the revision beside this file."""
    revision = Path(__file__).with_name("REVISION")
    return BuildInfo(
        version=__version__,
        revision=revision.read_text().strip() if revision.exists() else "unknown",
        python_version=platform.python_version(),
    )
