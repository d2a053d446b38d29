"""The whole, as a process: it starts, serves this machine, says what keeps it from that, and ends when it is told."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "exporter"
PROGRAM = (sys.executable, "-m", "uplink_exporter")
ALONE = ("--source.pod-logs=off", "--source.kubernetes=off", "--source.units=off", "--source.journal=off")
COMMAND = (*PROGRAM, *ALONE)
LOCAL = "--web.listen-address=127.0.0.1:0"
# An environment that sets nothing: what the machine's has is none of the tests' business.
ENVIRONMENT = {"PYTHONPATH": str(SOURCE), "PATH": os.environ["PATH"]}


@dataclass
class Exporter:
    """A running exporter, what it said so far, and where it listens."""

    process: subprocess.Popen[str]
    said: str

    @property
    def ports(self) -> list[int]:
        (listen,) = re.findall(r'msg=serving .*listen="?([^"\n]*)', self.said)
        return [int(address.rpartition(":")[2]) for address in listen.split(", ")]

    def get(self, path: str, host: str = "127.0.0.1") -> tuple[int, str]:
        connection = HTTPConnection(host, self.ports[0], timeout=5)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def end(self, number: signal.Signals) -> tuple[int, float]:
        """The exit code after a signal, and how long it took."""
        started = time.monotonic()
        self.process.send_signal(number)
        code = self.process.wait(timeout=10)
        return code, time.monotonic() - started


@contextmanager
def exporting(
    *arguments: str, command: tuple[str, ...] = COMMAND, before: Callable[[], None] | None = None
) -> Iterator[Exporter]:
    """An exporter that serves, as soon as it says so; `before` is done in its process first."""
    asked = [*command, *arguments]
    with subprocess.Popen(asked, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT, preexec_fn=before) as process:
        try:
            if process.stderr is None:
                raise AssertionError("stderr is a pipe")
            said = ""
            while "msg=serving" not in said and (line := process.stderr.readline()):
                said += line
            yield Exporter(process, said)
        finally:
            process.kill()


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env={**ENVIRONMENT, **environment},
    )


def eventually(holds: Callable[[], bool]) -> None:
    """Wait until it holds, at most 5 s."""
    until = time.monotonic() + 5
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.fixture(scope="module")
def exporter() -> Iterator[Exporter]:
    """One that listens on all addresses of both families, and on one that this machine does not have."""
    with exporting(
        "--web.listen-address=:0", "--web.listen-address=192.0.2.77:0", "--uplink.device=nosuch0"
    ) as running:
        eventually(lambda: running.get("/-/ready")[0] == 200)
        yield running


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_it_serves_this_machine_s_page_on_both_families(exporter: Exporter, host: str) -> None:
    status, page = exporter.get("/metrics", host)
    assert status == 200
    assert 'uplink_interface_expected{device="nosuch0",reason="configured"} 1.0' in page
    assert 'uplink_source_up{source="netlink"} 1.0' in page
    assert f'python_version="{sys.version.split()[0]}"' in page


def test_it_counts_the_boot_from_the_kernel_s_own_clock(exporter: Exporter) -> None:
    (boot,) = re.findall(r"^uplink_boot_time_seconds (.*)$", exporter.get("/metrics")[1], re.MULTILINE)
    (theirs,) = re.findall(r"^btime (\d+)$", Path("/proc/stat").read_text(), re.MULTILINE)
    assert abs(float(boot) - int(theirs)) < 5


def test_it_says_where_it_listens_and_what_the_verdict_is(exporter: Exporter) -> None:
    assert len(exporter.ports) == 2
    assert all(port > 0 for port in exporter.ports)
    assert exporter.process.poll() is None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_well_and_soon_also_while_clients_are_there(number: signal.Signals) -> None:
    with exporting(LOCAL) as running:
        idle = socket.create_connection(("127.0.0.1", running.ports[0]))
        scraping = HTTPConnection("127.0.0.1", running.ports[0], timeout=5)
        scraping.request("GET", "/-/healthy")
        scraping.getresponse().read()
        code, seconds = running.end(number)
        idle.close()
        scraping.close()
    assert code == 0
    assert seconds < 2


def test_it_answers_and_ends_though_no_file_is_one(tmp_path: Path) -> None:
    """A FIFO for each file that it reads: to open one for reading would wait for ever."""
    pod = tmp_path / "pods/kube-system_kube-flannel-ds-x_1/kube-flannel"
    odd = ("root/etc/network/interfaces", "root/etc/netplan/x.yaml", "root/etc/dhcpcd.conf", "kubeconfig", "subnet.env")
    for path in (*(tmp_path / name for name in odd), pod / "3.log"):
        path.parent.mkdir(parents=True, exist_ok=True)
        os.mkfifo(path)
    paths = (f"--path.rootfs={tmp_path}/root", f"--path.pod-logs={tmp_path}/pods", f"--path.flannel-run={tmp_path}")
    api = ("--source.kubernetes=on", f"--kubernetes.kubeconfig={tmp_path}/kubeconfig")
    with exporting(LOCAL, *paths, *api, command=PROGRAM) as running:
        told = {f'uplink_source_up{{source="{source}"}} 1.0' for source in ("host", "pod-logs", "netlink", "load")}
        eventually(lambda: told <= set(running.get("/metrics")[1].splitlines()))
        assert running.get("/-/healthy")[0] == 200
        assert running.end(signal.SIGTERM)[0] == 0


def test_it_ends_at_once_where_nobody_is() -> None:
    with exporting(LOCAL) as running:
        assert running.end(signal.SIGTERM)[0] == 0
        assert running.process.stderr is not None
        assert "msg=ending" in running.process.stderr.read()


def test_a_port_that_is_taken_is_refused_with_the_name_of_its_holder() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        refused = run(f"--web.listen-address={address}")
    assert refused.returncode == 2
    assert re.fullmatch(
        rf"uplink-exporter: --web.listen-address: '{address}': the port is taken by \S+ "
        rf"\(process {os.getpid()}\); stop that, or choose another port\n",
        refused.stderr,
    )


def test_a_bad_setting_is_one_line_and_exit_code_2() -> None:
    refused = run(UPLINK_EXPORTER_LOG_LEVEL="loud")
    assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (2, "", 1)
    assert "UPLINK_EXPORTER_LOG_LEVEL" in refused.stderr


def test_help_is_no_failure() -> None:
    told = run("--help")
    assert (told.returncode, told.stderr) == (0, "")
    assert "--web.listen-address" in told.stdout


def test_the_doctor_answers_without_a_running_exporter() -> None:
    answered = run("doctor", "--output=json", "--uplink.require-family=none")
    assert (answered.returncode, answered.stderr) == (0, "")
    assert json.loads(answered.stdout)["verdict"] == "healthy"


def test_the_node_has_the_name_that_kubernetes_gives_it() -> None:
    answered = run("doctor", "--kubernetes.node=pi-worker7", "--output=json", "--uplink.require-family=none")
    assert json.loads(answered.stdout)["node"] == "pi-worker7"
    with exporting(LOCAL, "--kubernetes.node=pi-worker7", "--uplink.require-family=none") as running:
        while "<h1>uplink-exporter on this node</h1>" in (page := running.get("/")[1]):
            time.sleep(0.01)
    assert "<h1>uplink-exporter on pi-worker7</h1>" in page


def test_the_doctor_s_answer_is_text_for_a_person() -> None:
    answered = run("doctor", "--uplink.device=nosuch0", "--uplink.require-family=ipv4")
    assert answered.returncode in (0, 1)
    assert answered.stdout.startswith(f"{socket.gethostname()}: ")
    assert not answered.stdout.startswith("{")


def test_the_doctor_says_so_where_it_cannot_read_a_source(tmp_path: Path) -> None:
    answered = run("doctor", "--output=json", f"--path.procfs={tmp_path}", "--uplink.require-family=none")
    assert answered.returncode == 2
    assert json.loads(answered.stdout)["sources"]["load"]["reason"] == "io"


@pytest.mark.parametrize(
    ("environment", "colours"),
    [({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False), ({}, False)],
)
def test_colour_is_for_terminals_whose_owner_takes_it(environment: dict[str, str], colours: bool) -> None:
    ours, its = os.openpty()
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        subprocess.run([*COMMAND, "doctor"], stdout=its, env={**ENVIRONMENT, **environment}, check=False)
        os.close(its)
        assert terminal.read(65536).startswith(b"\x1b[1;3") is colours
    assert "\x1b" not in run("doctor", **environment).stdout


@pytest.mark.parametrize("command", ["doctor", "--help"])
def test_who_reads_only_the_beginning_gets_no_traceback(command: str) -> None:
    given = (*COMMAND, command)
    with subprocess.Popen(given, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        said = process.stderr.read()
    assert (said, process.returncode) == (b"", run(command).returncode)


@pytest.mark.parametrize("command", ["doctor", "--help"])
def test_an_answer_that_cannot_be_written_is_no_good_one(command: str) -> None:
    with Path("/dev/full").open("w") as full:
        given = (*COMMAND, command)
        done = subprocess.run(given, stdout=full, stderr=subprocess.PIPE, env=ENVIRONMENT, text=True, check=False)
    assert done.returncode == (run(command).returncode or 2)
    assert done.stderr == "uplink-exporter: the answer cannot be written: No space left on device\n"


@pytest.mark.parametrize("command", ["doctor", "--help"])
def test_a_closed_output_is_told_of(command: str) -> None:
    given = ("sh", "-c", 'exec "$@" >&-', "sh", *COMMAND, command)
    done = subprocess.run(given, stderr=subprocess.PIPE, env=ENVIRONMENT, text=True, check=False)
    assert done.returncode == (run(command).returncode or 2)
    assert done.stderr == "uplink-exporter: the answer cannot be written: standard output is closed\n"


def test_a_process_that_encrypts_nothing_holds_no_openssl(exporter: Exporter) -> None:
    assert "libcrypto" not in Path(f"/proc/{exporter.process.pid}/maps").read_text()
