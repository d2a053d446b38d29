"""The exporter on the node: its image, its pod, and its page as Prometheus asks for it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

from tests.cluster.control_plane import ControlPlane, Json
from tests.cluster.helm import RELEASE, WHERE
from tests.cluster.kubelet import ctr, import_image
from tests.image.engine import IMAGE, build, engine
from tests.kernel.control_plane import ADDRESS
from tests.kernel.namespace import PATIENCE, Page, samples

PAGE = f"http://{ADDRESS[0]}:10077/metrics"
SELECTOR = f"--selector=app.kubernetes.io/instance={RELEASE},app.kubernetes.io/component=node"


def give_image(plane: ControlPlane, name: str) -> None:
    """Build the image by its Dockerfile, and give it to the node under this name."""
    directory = plane.machine.directory
    archive = directory / "exporter.tar"
    with engine(directory / "podman") as podman:
        build(podman)
        podman("tag", IMAGE, name)
        podman("save", "--format=docker-archive", f"--output={archive}", name)
    import_image(plane, archive)


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """A pod's only container, as the API server has it."""

    pod: Json

    @property
    def status(self) -> Json:
        """Its status; empty until the kubelet has told one."""
        statuses: list[Json] = self.pod["status"].get("containerStatuses", [{}])
        return statuses[0]

    @property
    def id(self) -> str:
        """Its name in containerd."""
        return str(self.status["containerID"]).removeprefix("containerd://")

    @property
    def restarts(self) -> int:
        """How often the kubelet has started it again."""
        return int(self.status.get("restartCount", 0))

    @property
    def ready(self) -> bool:
        """Whether it is."""
        return bool(self.status.get("ready"))


def container(plane: ControlPlane, *where: str) -> Container:
    """The container of the only pod that is selected."""
    (pod,) = plane.get("pods", *where)["items"]
    return Container(pod=pod)


def own_container(plane: ControlPlane) -> Container:
    """The exporter's."""
    return container(plane, WHERE, SELECTOR)


def process(plane: ControlPlane, one: Container) -> Path:
    """Where the kernel tells of a container's first process."""
    tasks = ctr(plane, "tasks", "ls").splitlines()
    (pid,) = (line.split()[1] for line in tasks if line.startswith(one.id))
    return Path(f"/proc/{plane.machine.init}/root/proc/{pid}")


def page(plane: ControlPlane) -> Page:
    """The samples of the page, asked for on the node's address, by name and labels."""
    return samples(plane.machine.network.call(_read, PAGE))


def _read(url: str) -> str:
    with urlopen(url, timeout=5) as response:
        body: bytes = response.read()
        return body.decode()


def shows(plane: ControlPlane, expected: Mapping[str, object], within: float = PATIENCE) -> Page:
    """The first page with all of these samples. Fails with what differs."""
    deadline = time.monotonic() + within
    shown: Page = {}
    while any(shown.get(key) != value for key, value in expected.items()):
        if time.monotonic() > deadline:
            wrong = {key: shown.get(key) for key in expected if shown.get(key) != expected[key]}
            raise AssertionError(f"not within {within:g} s: {wrong}\nexpected: {expected}\n{said(plane)}")
        time.sleep(0.05)
        try:
            shown = page(plane)
        except OSError:
            shown = {}
    return shown


def said(plane: ControlPlane) -> str:
    """What the exporter logged last, and what became of the pods."""
    logs = "tail -n 40 /var/log/pods/*uplink-exporter*/*/*.log || true"
    return plane.ask("get", "pods,events", "--all-namespaces") + plane.machine.run("sh", "-c", logs)
