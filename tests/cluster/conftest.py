"""One machine with one cluster for all tests of this tier; it is a node only for those that ask for `node`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.chart.helm import HELM
from tests.chart.schemas import CRDS
from tests.cluster import machine, tools
from tests.cluster.control_plane import ControlPlane, start_control_plane
from tests.cluster.helm import Helm
from tests.image import engine
from tests.kernel.conftest import namespaces
from tests.kernel.namespace import CONNECTED, PREFIX, Namespace, fresh_namespace
from tests.lacking import refuse

__all__ = ["namespaces"]

NODE = "pi-master1"
GATEWAY = "192.0.2.1"
READY = pytest.StashKey[dict[str, float]]()


@pytest.fixture(scope="session")
def plane(namespaces: None, pytestconfig: pytest.Config) -> Iterator[ControlPlane]:
    """A control plane on a machine whose uplink is up, and no node."""
    if lacking := tools.lacking() or engine.unavailable():
        refuse(f"{lacking}; to get it: make cluster")
    with (
        TemporaryDirectory(prefix=f"{PREFIX}-") as directory,
        uplink() as network,
        machine.booted(NODE, network, Path(directory)) as booted,
    ):
        pytestconfig.stash[READY] = booted.ready
        yield start_control_plane(booted)


@contextmanager
def uplink() -> Iterator[Namespace]:
    """A network whose wlan0 is up and has its default route, by a router that answers."""
    with fresh_namespace() as router, fresh_namespace() as network:
        for side in (router, network):
            # The end of duplicate address detection, a second later, is an event that stands in for a missing one.
            side.sysctl("ipv6/conf/default/accept_dad", 0)
        network.ip(f"link add wlan0 type veth peer name ap0 netns {router.name}")
        router.ip("link set ap0 up", f"address add {GATEWAY}/24 dev ap0")
        network.ip(*CONNECTED)
        yield network


@pytest.fixture(params=(4, 3), ids="helm {}".format, scope="session")
def helm(request: pytest.FixtureRequest, plane: ControlPlane) -> Helm:
    """Each Helm that people use."""
    return Helm(plane=plane, program=HELM[request.param])


@pytest.fixture(scope="session")
def helm4(plane: ControlPlane) -> Helm:
    """The current Helm."""
    return Helm(plane=plane, program=HELM[4])


@pytest.fixture(scope="session")
def monitoring_kinds(plane: ControlPlane) -> None:
    """The kinds of the Prometheus operator, which the cluster knows from then on."""
    for definition in CRDS:
        plane.ask("apply", "--server-side", f"--filename={definition}")
        plane.ask("wait", "--for=condition=Established", f"--filename={definition}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say how long the servers took to get ready."""
    for name, seconds in config.stash.get(READY, {}).items():
        terminalreporter.write_line(f"{name}: {seconds:.1f} s")
