"""What the chart would have the kubelet run, run here: the exporter, the probe, `helm test`, the init container."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.chart.helm import ROOT, Chart, Object, environment

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may become root without capabilities")


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """An exporter that was started as its container would be."""

    values: Object
    variables: dict[str, str]

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Another command in that container, to its end."""
        return subprocess.run(command, env=self.variables, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    values = {"web": {"port": port, "addresses": ["127.0.0.1"]}, "state": {"enabled": False}}
    container = Chart().container(values)
    variables = environment(container, UPLINK_EXPORTER_KUBERNETES_NODE="pi-master1")
    variables |= {"PYTHONPATH": str(ROOT / "exporter"), "PATH": os.environ["PATH"]}
    command = (sys.executable, "-m", "uplink_exporter", *container.get("args", []))
    with subprocess.Popen(command, env=variables, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            assert any("msg=serving" in line for line in process.stderr), "it ended before it served"
            yield Running(values=values, variables=variables)
        finally:
            process.terminate()
            process.stderr.read()


def helm_test(values: Object) -> list[str]:
    """What `helm test` runs, by this Python."""
    (pod,) = (one for one in Chart().objects(values) if one["kind"] == "Pod")
    python, *arguments = pod["spec"]["containers"][0]["command"]
    assert python == "python3"
    return [sys.executable, *arguments]


def test_helm_test_passes_and_prints_the_verdict(running: Running) -> None:
    done = running.run(*helm_test(running.values))
    assert done.returncode == 0, done.stderr
    assert 'uplink_diagnosis{verdict="unknown"}' in done.stdout
    assert 'uplink_source_up{source="kubernetes"}' in done.stdout


def test_helm_test_fails_where_something_else_answers(running: Running) -> None:
    elsewhere = [argument.replace("/metrics", "/-/healthy") for argument in helm_test(running.values)]
    assert running.run(*elsewhere).returncode == 1


def test_the_exec_probe_passes(running: Running) -> None:
    container = Chart().container({**running.values, "probes": {"type": "exec"}})
    program, command = container["livenessProbe"]["exec"]["command"]
    assert program == "uplink-exporter"
    assert running.run(sys.executable, "-m", "uplink_exporter", command).returncode == 0


def prepared(directory: Path) -> int:
    """The init container's exit code, after it was at the directory with the rights that it would have."""
    (container,) = Chart().pod({"state": {"hostPath": "/data"}})["spec"]["initContainers"]
    python, *arguments, place = container["command"]
    assert (python, place) == ("python3", "/var/lib/uplink-exporter")
    powerless = ("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs", "--clear-groups")
    return subprocess.run((*powerless, sys.executable, *arguments, directory), timeout=60, check=False).returncode


@as_root
def test_roots_directory_becomes_writable_for_its_group(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    assert prepared(tmp_path) == 0
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o770


@as_root
def test_a_directory_of_somebody_elses_is_left_alone(tmp_path: Path) -> None:
    os.chown(tmp_path, 65534, 0)
    tmp_path.chmod(0o700)
    assert prepared(tmp_path) == 0
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700
