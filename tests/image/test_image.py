"""The image, built by its Dockerfile on a stand-in for its base, and run on a node in the incident."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.image.conftest import ARGUMENTS, REVISION
from tests.image.container import ACCOUNT, LIMITS, NODE, Container, running
from tests.image.engine import BASE, IMAGE, Engine
from tests.image.page import PORT, get, waits_for
from tests.kernel.control_plane import ControlPlane, control_plane, kubeconfig
from tests.kernel.kubelet import V0_14_NO_ROUTE, V0_14_STARTED, Kubelet
from tests.kernel.namespace import CONNECTED, Namespace, eventually
from tests.kernel.test_outage import JQGSM
from tests.sources.api_server import Json
from uplink_exporter import HOME, __version__

pytestmark = pytest.mark.image

# As the page has them in the incident.
DOWN = 'uplink_diagnosis{verdict="uplink_down"} 1.0'
NO_API = ('uplink_api_path{path="none"} 1.0', 'uplink_source_up{source="kubernetes"} 0.0')
FLANNEL = 'container="kube-flannel",namespace="kube-system",pod="kube-flannel-ds-jqgsm"'
RESTARTS = f"uplink_flannel_container_restarts{{{FLANNEL}}} 1244.0"
CRASHED = 'uplink_flannel_crashes_total{cause="no_default_route"} 1.0'
BUILD = f'revision="{REVISION}",version="{__version__}"}} 1.0'


@dataclass(frozen=True)
class Machine:
    """A node of a cluster: its network, its kubelet, and an API server."""

    node: Namespace
    plane: ControlPlane
    kubelet: Kubelet
    volumes: dict[Path, str]


@pytest.fixture
def machine(node: Namespace, tmp_path: Path, for_the_group: None) -> Iterator[Machine]:
    """A node on which nothing has brought wlan0 up, and whose flannel crash-loops for want of a default route."""
    logs, run, account = (tmp_path / name for name in ("pods", "flannel", "serviceaccount"))
    for directory in (logs, run, account):
        directory.mkdir()
    with control_plane(node, account) as plane:
        kubelet = Kubelet(logs, run / "subnet.env", tell=plane.put, untell=plane.delete)
        kubelet.create(JQGSM, restarts=1244)
        kubelet.crashes(*V0_14_NO_ROUTE)
        volumes = {logs: "/var/log/pods", run: "/run/flannel", account: ACCOUNT}
        yield Machine(node, plane, kubelet, volumes)


@pytest.fixture
def container(podman: Engine, machine: Machine) -> Iterator[Container]:
    """The exporter on that node, at work. It knows of no address by which the API server can be reached."""
    with running(podman, machine.node, machine.volumes) as container:
        waits_for(machine.node, DOWN)
        yield container


def test_it_serves_at_once_though_there_is_neither_route_nor_api(
    podman: Engine, machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    with running(podman, machine.node, machine.volumes) as container:
        eventually(lambda: get(machine.node, "/-/ready")[0] == 200)
        ready = container.age()
        page = waits_for(machine.node, DOWN, RESTARTS, *NO_API)
        scraped = container.age()
        machine.kubelet.crashes(*V0_14_NO_ROUTE)
        waits_for(machine.node, DOWN, CRASHED)
    assert BUILD in page
    size, base = (int(podman("inspect", "--format={{.Size}}", name)) / 1e6 for name in (IMAGE, BASE))
    with capsys.disabled():
        print(
            f"\nimage: {size - base:.0f} MB on a base of {base:.0f} MB; ready {ready:.2f} s after its start, ", end=""
        )
        print(f"the whole diagnosis on the page after {scraped:.2f} s")


def test_it_is_confined(container: Container) -> None:
    status = container.status()
    assert status["Uid"].split() == ["65534"] * 4
    assert status["Gid"].split() == ["0"] * 4
    assert {status[f"Cap{which}"] for which in ("Inh", "Prm", "Eff", "Bnd", "Amb")} == {"0" * 16}
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    for directory in ("/", "/tmp", "/opt/uplink-exporter"):
        refused = container.execute("touch", f"{directory}/file")
        assert refused.returncode != 0
        assert "Read-only file system" in refused.stderr


def test_its_health_check_tells_life_from_death(container: Container) -> None:
    assert container.execute("uplink-exporter", "healthcheck").returncode == 0
    elsewhere = container.execute("uplink-exporter", "healthcheck", "--web.listen-address=:1")
    assert (elsewhere.returncode, "nothing listens there" in elsewhere.stderr) == (1, True)
    os.kill(container.pid, signal.SIGSTOP)
    hung = container.execute("uplink-exporter", "healthcheck")
    assert (hung.returncode, "no answer" in hung.stderr) == (1, True)
    os.kill(container.pid, signal.SIGCONT)
    assert container.execute("uplink-exporter", "healthcheck").returncode == 0


def test_doctor_names_the_cause_in_it(container: Container) -> None:
    said = container.execute("uplink-exporter", "doctor")
    assert said.returncode == 1
    assert said.stdout.startswith(f"{NODE}: the uplink wlan0 is down, so there is no IPv4 default route.\n")
    assert "restarted 1244x" in said.stdout


def test_what_it_records_outlives_it(podman: Engine, machine: Machine, tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    os.chown(state, 65534, 0)
    with running(podman, machine.node, machine.volumes, state) as container:
        waits_for(machine.node, DOWN)
        assert container.stop() == 0
    with running(podman, machine.node, machine.volumes, state) as container:
        told = container.execute("uplink-exporter", "history").stdout
        assert told.startswith(f"{NODE}: 1 incident in 1 boot")


def test_it_ends_when_it_is_told_to(container: Container) -> None:
    assert container.stop() == 0, "137 would mean that it had to be killed"


def test_the_api_source_works_with_what_is_left_of_its_client(podman: Engine, machine: Machine, tmp_path: Path) -> None:
    machine.node.ip(*CONNECTED)
    machine.kubelet.starts(V0_14_STARTED)
    with running(podman, machine.node, machine.volumes) as container:
        waits_for(machine.node, 'uplink_api_path{path="service"} 1.0', "uplink_flannel_ready 1.0")
    file = tmp_path / "kubeconfig"
    file.write_text(kubeconfig(ACCOUNT))
    with running(podman, machine.node, {**machine.volumes, file: "/kubeconfig"}) as container:
        flags = ("--kubernetes.kubeconfig=/kubeconfig", "--source.pod-logs=off", "--output=json")
        said = container.execute("uplink-exporter", "doctor", *flags)
        assert json.loads(said.stdout)["flannel"]["version"] == "v0.14.0", said.stderr


def output(podman: Engine, program: str, *arguments: str) -> str:
    """What another program of the image says."""
    alone = ("--rm", "--read-only", "--cgroups=disabled", "--network=none", *LIMITS)
    return podman("run", *alone, f"--entrypoint={program}", IMAGE, *arguments)


def test_nothing_is_compiled_at_its_start(podman: Engine) -> None:
    """Python's own modules included, on whose .pyc the base image saves."""
    program = """
import importlib, pathlib, pkgutil, sys, uplink_exporter
for module in pkgutil.walk_packages(uplink_exporter.__path__, "uplink_exporter."):
    importlib.import_module(module.name)
from uplink_exporter.sources.kubernetes import client
import sqlite3
client.configuration()
cached = [getattr(module, "__cached__", None) for module in sys.modules.values()]
print(len(cached), [path for path in cached if path and not pathlib.Path(path).exists()])
"""
    assert output(podman, "python3", "-c", program).endswith(" []")


def test_it_says_what_it_is(podman: Engine) -> None:
    described: Json = json.loads(podman("inspect", IMAGE))[0]
    config = described["Config"]
    assert (config["User"], config["Entrypoint"]) == ("65534:0", ["uplink-exporter"])
    assert (list(config["ExposedPorts"]), described["Healthcheck"]["Test"]) == (
        [f"{PORT}/tcp"],
        ["CMD", "uplink-exporter", "healthcheck"],
    )
    prefix = "org.opencontainers.image."
    said = {name.removeprefix(prefix): value for name, value in config["Labels"].items() if name.startswith(prefix)}
    assert said.items() >= {name.lower(): value for name, value in ARGUMENTS.items()}.items()
    assert said["source"] == HOME
    assert said.keys() == {"title", "description", "source", "licenses", "version", "revision", "created"}


def test_it_adds_one_directory_to_its_base(podman: Engine) -> None:
    """So there is no compiler, no pip, and nothing of the build in it but what was installed."""
    changed = podman("image", "diff", IMAGE).splitlines()
    assert {"/".join(line.split()[1].split("/")[:3]) for line in changed} <= {"/opt", "/opt/uplink-exporter"}
    programs = output(podman, "ls", "/opt/uplink-exporter/bin").split()
    assert "uplink-exporter" in programs
    assert not {"pip", "pip3", "cython", "hatchling"} & set(programs)
