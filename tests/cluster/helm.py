"""The real Helm, and the chart that it installs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.chart.helm import CHART, NAMESPACE, RELEASE
from tests.cluster.control_plane import ControlPlane, Json
from tests.image.engine import IMAGE

__all__ = ["CHART", "NAMESPACE", "RELEASE", "WHERE", "Helm"]

WHERE = f"--namespace={NAMESPACE}"
# The chart insists on one; this is what the tests build.
NAMED = f"--set=image.repository={IMAGE}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Helm:
    """One version of Helm, at work on the cluster."""

    plane: ControlPlane
    program: Path

    def __call__(self, *arguments: str | Path) -> str:
        """What it says. Raises MachineError if it fails."""
        named = (NAMED,) if CHART in arguments else ()
        own = (f"XDG_{kind}_HOME={self.plane.machine.directory / 'helm'}" for kind in ("CACHE", "CONFIG", "DATA"))
        return self.plane.machine.run(
            "env", *own, self.program, f"--kubeconfig={self.plane.kubeconfig}", WHERE, *arguments, *named
        )

    def image(self, *flags: str) -> str:
        """The image that the chart asks for."""
        rendered = yaml.safe_load(self("template", RELEASE, CHART, *flags, "--show-only=templates/daemonset.yaml"))
        return str(rendered["spec"]["template"]["spec"]["containers"][0]["image"])

    def manifest(self) -> list[Json]:
        """The objects of the release as they were rendered."""
        return [one for one in yaml.safe_load_all(self("get", "manifest", RELEASE)) if one]

    @contextmanager
    def installed(self, *flags: str) -> Iterator[None]:
        """The release, for a while."""
        self("install", RELEASE, CHART, *flags)
        try:
            yield
        finally:
            self("uninstall", RELEASE, "--wait")
