"""Flannel: from a restart's log file to the page, memory with the API source at work, and what its question costs."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench.exporters import Memory, Running, running, uplink_exporter
from tests.bench.report import Goal, Report, ms, percentile
from tests.kernel.control_plane import control_plane, kubeconfig
from tests.kernel.kubelet import V0_14_NO_ROUTE, V0_14_STARTED, Kubelet
from tests.kernel.namespace import Namespace, eventually, fresh_namespace
from uplink_exporter.facts import Address, Family, Link, Network, NextHop, Operstate, Route
from uplink_exporter.flannel.choice import would_start
from uplink_exporter.flannel.options import Options

TIMES = 30
QUICK_TIMES = 5
# Longer than the pause between two scans, and never in step with anything periodic.
QUIET = 0.61
QUESTIONS = 2_000
DEVICES = range(1, 51)

POD = Path(__file__).parents[1] / "fixtures/api/flannel.json"
RESTARTS = "uplink_flannel_restarts_total"
BY_API = 'uplink_api_path{path="configured"}'


def measure(*, quick: bool) -> Report:
    """A node with a kubelet and an API server, both stand-ins, and the exporter that asks both paths."""
    with (
        TemporaryDirectory() as directory,
        node(Path(directory)) as (namespace, kubelet, flags),
        running(uplink_exporter(*flags), namespace) as us,
    ):
        eventually(lambda: us.connection.samples()[BY_API] == 1)
        times = [time_one(us, kubelet) for _ in range(QUICK_TIMES if quick else TIMES)]
        held = us.memory()
    median = percentile(times, 0.5)
    return Report(
        title="Flannel, by the pod logs and by the API server",
        head=("from N.log to the page", "median ms", "p99 ms", "PSS MiB", "RSS MiB", "a question ms"),
        rows=[(f"{len(times)} times", ms(median), ms(percentile(times, 0.99)), *shown(held), ms(cost_of_a_question()))],
        goals=[
            Goal(text="from a restart's log file to the page, median", value=median * 1000, limit=1000, unit=" ms"),
            Goal(text="memory (RSS) with the API source at work", value=held.rss, limit=64, unit=" MiB"),
        ],
    )


def shown(held: Memory) -> tuple[str, str]:
    """PSS and RSS as they are printed."""
    return f"{held.pss:.1f}", f"{held.rss:.1f}"


@contextmanager
def node(directory: Path) -> Iterator[tuple[Namespace, Kubelet, tuple[str, ...]]]:
    """The namespace, its kubelet, and what the exporter is told there."""
    logs, run, account = (directory / name for name in ("pods", "flannel", "serviceaccount"))
    for made in (logs, run, account):
        made.mkdir()
    with fresh_namespace() as namespace, control_plane(namespace, account) as plane:
        kubelet = Kubelet(logs, run / "subnet.env", tell=plane.put, untell=plane.delete)
        kubelet.create(json.loads(POD.read_text()), restarts=1239)
        kubelet.starts(V0_14_STARTED)
        (directory / "kubeconfig").write_text(kubeconfig(account))
        paths = (f"--path.pod-logs={logs}", f"--path.flannel-run={run}")
        asks = (f"--kubernetes.kubeconfig={directory / 'kubeconfig'}", "--kubernetes.node=pi-master1")
        yield namespace, kubelet, (*paths, *asks)


def time_one(us: Running, kubelet: Kubelet) -> float:
    """Wait until all is old news, let flannel restart and die, and look until that is counted."""
    time.sleep(QUIET)
    counted = us.connection.samples()[RESTARTS]
    started = time.perf_counter()
    kubelet.begins(*V0_14_NO_ROUTE)  # which the API server is not told of
    while us.connection.samples()[RESTARTS] == counted:
        pass
    return time.perf_counter() - started


def cost_of_a_question() -> float:
    """Seconds to answer what flannel would do, on a node with 50 interfaces and a pattern for its own."""
    network = Network(
        links=tuple(
            Link(index=i, name=f"net{i}", operstate=Operstate.UP, admin_up=True, carrier=True) for i in DEVICES
        ),
        addresses=tuple(
            Address(index=i, family=Family.IPV4, address=f"10.0.{i}.5", prefix_length=24, flags=Address.PERMANENT)
            for i in DEVICES
        ),
        routes=(Route(family=Family.IPV4, next_hops=(NextHop(index=50, gateway="10.0.50.1"),)),),
    )
    asked = Options(regexes=("^10[.]0[.]50[.]",))
    started = time.perf_counter()
    for _ in range(QUESTIONS):
        would_start(network, asked)
    return (time.perf_counter() - started) / QUESTIONS
