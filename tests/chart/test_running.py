"""What the chart would have the kubelet run, run here: the exporter, the probe, `helm test`, the init container."""

from __future__ import annotations

import os
import re
import shutil
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.chart.helm import CHART, ROOT, Chart, Object, environment, values_of
from tests.web.pki import Pki, made
from tests.web.probes import Probe, asked

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may become root without capabilities")


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    """A CA, and a server's certificate by it."""
    return made(tmp_path_factory.mktemp("pki"))


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
    with started({"web": {"port": port, "addresses": ["127.0.0.1"]}, "state": {"enabled": False}}) as exporter:
        yield exporter


@contextmanager
def started(values: Object, secrets: Path | None = None) -> Iterator[Running]:
    """An exporter by these values; what its container would see as /etc/uplink-exporter is `secrets`."""
    container = Chart().container(values)
    variables = environment(container, UPLINK_EXPORTER_KUBERNETES_NODE="pi-master1")
    variables |= {"PYTHONPATH": str(ROOT / "exporter"), "PATH": os.environ["PATH"]}
    arguments = (word.replace("/etc/uplink-exporter", str(secrets)) for word in container.get("args", []))
    command = (sys.executable, "-m", "uplink_exporter", *arguments)
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


@pytest.fixture
def guarded(tmp_path: Path, pki: Pki) -> Iterator[Running]:
    """One by the preset for TLS, with the web config of the chart's README; `tmp_path` is where it sees Secrets."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    values = values_of(CHART / "ci/tls-values.yaml")
    values["web"] |= {"port": port, "addresses": ["127.0.0.1"]}
    (written,) = re.findall(r"```yaml\n# web-config.yml\n(.*?)```", (CHART / "README.md").read_text(), re.DOTALL)
    (tmp_path / "web").mkdir()
    (tmp_path / "tls").mkdir()
    (tmp_path / "web/web-config.yml").write_text(written.replace("/etc/uplink-exporter", str(tmp_path)))
    shutil.copyfile(pki.crt("server"), tmp_path / "tls/tls.crt")
    shutil.copyfile(pki.key("server"), tmp_path / "tls/tls.key")
    with started({**values, "state": {"enabled": False}}, tmp_path) as exporter:
        yield exporter


def test_with_the_preset_for_tls_the_probe_and_helm_test_pass(guarded: Running) -> None:
    assert Chart().container(guarded.values)["livenessProbe"]["exec"]["command"] == ["uplink-exporter", "healthcheck"]
    (pod,) = (one for one in Chart().objects(guarded.values) if one["kind"] == "Pod")
    assert pod["spec"]["containers"][0]["command"] == ["uplink-exporter", "healthcheck"]
    asked = guarded.run(sys.executable, "-m", "uplink_exporter", "healthcheck")
    assert (asked.returncode, asked.stderr) == (0, "")


def test_with_the_preset_for_tls_only_whom_the_file_names_is_let_in(guarded: Running, pki: Pki) -> None:
    port = guarded.values["web"]["port"]
    assert asked(Probe(), port, pki) == "401"
    assert asked(Probe(user="prometheus:secret"), port, pki) == "200"
    assert asked(Probe(https=False), port, pki) == "400"


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
