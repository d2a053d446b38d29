"""Flannel as the kubelet's log directories tell it, on real files and with real inotify."""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import tempfile
import threading
import tracemalloc
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uplink_exporter.facts import Reason, SourceError
from uplink_exporter.flannel.causes import LONGEST_FLAGS_LINE, LONGEST_LINE
from uplink_exporter.flannel.observed import Cause, ContainerRestarts, FlannelLogs, LastWords, Selection
from uplink_exporter.flannel.re2 import compile_pattern
from uplink_exporter.sources.inotify import hints
from uplink_exporter.sources.pod_logs import watch
from uplink_exporter.sources.pod_logs.attempt import HEAD, TAIL, Attempt, parse_attempt_log, read_attempt
from uplink_exporter.sources.pod_logs.names import PodDirectory, parse_attempt, parse_pod_directory
from uplink_exporter.sources.pod_logs.runtime_log import parse_time
from uplink_exporter.sources.pod_logs.scan import Scan, scan

FIXTURES = Path(__file__).parents[1] / "fixtures/pods"
UID = "0b7c1f1e-5f0a-4f9e-9d53-6a1d0c7c2f11"
POD = f"kube-system_kube-flannel-ds-jqgsm_{UID}"
NO_ROUTE = "v0.14-no-default-route.log"
STARTED = "v0.14-started.log"


class Kubelet:
    """Lays out pod logs as the kubelet does."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def directory(self, pod: str = POD, container: str = "kube-flannel") -> Path:
        path = self.root / pod / container
        path.mkdir(parents=True, exist_ok=True)
        return path

    def log(self, name: str | int, text: bytes | str = b"", *, pod: str = POD, container: str = "kube-flannel") -> Path:
        """Write one log: bytes, or those of a fixture."""
        path = self.directory(pod, container) / (name if isinstance(name, str) else f"{name}.log")
        path.write_bytes(text if isinstance(text, bytes) else (FIXTURES / text).read_bytes())
        return path


@pytest.fixture
def kubelet(tmp_path: Path) -> Kubelet:
    root = tmp_path / "pods"
    root.mkdir()
    return Kubelet(root)


def look(root: Path, selection: Selection | None = None, subnet_file: Path | None = None) -> Scan:
    """What is seen, less when: each run of the tests has its own."""
    seen = scan(root, subnet_file or root.parent / "subnet.env", selection or Selection(), read_attempt)
    return replace(seen, fact=replace(seen.fact, written=None))


def fact(root: Path, selection: Selection | None = None) -> FlannelLogs:
    seen = look(root, selection)
    assert seen.fault is None
    return seen.fact


def flannel(count: int, *, uid: str = UID, pod: str = "kube-flannel-ds-jqgsm") -> ContainerRestarts:
    return ContainerRestarts(uid=uid, namespace="kube-system", pod=pod, container="kube-flannel", count=count)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (POD, PodDirectory(namespace="kube-system", name="kube-flannel-ds-jqgsm", uid=UID)),
        (
            "kube-system_etcd-pi-master1_9f1b5d3c2a8e4f60718293a4b5c6d7e8",
            PodDirectory(namespace="kube-system", name="etcd-pi-master1", uid="9f1b5d3c2a8e4f60718293a4b5c6d7e8"),
        ),
        ("default_a.b.c_1", PodDirectory(namespace="default", name="a.b.c", uid="1")),
        (UID, None),
        ("kube-system_kube-flannel-ds-jqgsm", None),
        ("a_b_c_d", None),
        ("__", None),
        ("kube-system_kube-flannel\n_1", None),
        ("kube-system_kube-flannel_1\n", None),
        ("Kube-System_x_1", None),
        ("kube-system_x_" + "1" * 65, None),
        ("\udcff_x_1", None),
        ("", None),
    ],
)
def test_names_of_pod_directories(name: str, expected: PodDirectory | None) -> None:
    assert parse_pod_directory(name) == expected


@pytest.mark.parametrize(
    ("name", "attempt"),
    [
        ("0.log", 0),
        ("1244.log", 1244),
        ("1244.log.20210827-094841", 1244),
        ("1244.log.20210827-094841.gz", 1244),
        ("2147483647.log", 2147483647),
        ("1244.log.20210827-094841.tmp", None),
        ("1244.log.tmp", None),
        ("2147483648.log", None),
        ("9" * 200 + ".log", None),
        ("-1.log", None),
        ("1.log\n", None),
        ("1\n.log", None),
        ("1.logs", None),
        ("x1.log", None),
        ("٣.log", None),
        (".log", None),
        ("", None),
    ],
)
def test_names_of_log_files(name: str, attempt: int | None) -> None:
    assert parse_attempt(name) == attempt


@given(st.text())
def test_any_name_is_a_name_or_none(name: str) -> None:
    attempt, pod = parse_attempt(name), parse_pod_directory(name)

    assert attempt is None or 0 <= attempt < 2**31
    assert pod is None or f"{pod.namespace}_{pod.name}_{pod.uid}" == name


@pytest.mark.parametrize(
    ("log", "attempt"),
    [
        ("v0.14-no-default-route.log", (Cause.NO_DEFAULT_ROUTE, "2021-08-27T09:48:41.912029Z", False, "")),
        ("v0.14-no-default-route.docker.log", (Cause.NO_DEFAULT_ROUTE, "2021-08-27T09:48:41.912029Z", False, "")),
        ("v0.14-started.log", (None, None, True, "")),
        ("v0.20-no-route-to-service.log", (Cause.NO_DEFAULT_ROUTE, "2023-04-02T07:15:03.41802Z", False, "iface:[] ")),
        ("v0.20-interface-missing.log", (Cause.IFACE_MISSING, "2023-04-02T07:20:44.300544Z", False, "iface:[wlan9] ")),
        ("v0.20-panic.log", (Cause.PANIC, "2023-04-02T07:31:10.20115Z", False, "iface:[] ")),
        ("v0.28-no-default-route.log", (Cause.NO_DEFAULT_ROUTE, "2026-08-20T05:00:02.1021Z", False, "iface:[] ")),
        ("v0.28-stopped.log", (Cause.CLEAN, "2026-08-20T09:30:00.0024Z", True, "iface:[] ")),
    ],
)
def test_what_a_log_tells(log: str, attempt: tuple[Cause | None, str | None, bool, str]) -> None:
    cause, ended, started, flag = attempt

    told = parse_attempt_log(b"", (FIXTURES / log).read_bytes(), ended=False)

    assert (told.words.cause if told.words else None) is cause
    assert told.ended == (parse_time(ended) if ended else None)
    assert told.started is started
    assert told.flags_line.startswith("CLI flags config: {") if flag else told.flags_line == ""
    assert flag in told.flags_line


def test_every_log_of_flannel_says_where_it_is_from() -> None:
    readme = (FIXTURES / "README.md").read_text()

    assert [path.name for path in FIXTURES.iterdir() if f"`{path.name}`" not in readme] == ["README.md"]


def test_the_incident_on_disk(kubelet: Kubelet) -> None:
    kubelet.log(1243, NO_ROUTE)
    kubelet.log(1244, NO_ROUTE)
    kubelet.log(
        13,
        b"",
        pod="kube-system_kube-scheduler-pi-master1_9f1b5d3c2a8e4f60718293a4b5c6d7e8",
        container="kube-scheduler",
    )

    words = LastWords(
        uid=UID,
        container="kube-flannel",
        attempt=1244,
        cause=Cause.NO_DEFAULT_ROUTE,
        line="Failed to find any valid interface to use: failed to get default interface: Unable to find default route",
        at=parse_time("2021-08-27T09:48:41.912029Z"),
        began=parse_time("2021-08-27T09:48:41.911302Z"),
    )
    assert fact(kubelet.root) == FlannelLogs(
        found=True,
        restarts=(flannel(1244),),
        last_words=(replace(words, attempt=1243), words),
        ended=words,
        started=False,
    )


@pytest.mark.parametrize(
    ("names", "count"),
    [
        (["0.log"], 0),
        (["1243.log", "1244.log"], 1244),
        (["9.log", "10.log"], 10),
        (["3.log", "3.log.20210827-094841", "3.log.20210827-094700.gz"], 3),
        (["3.log", "4.log.20210827-094841"], 4),
        (["3.log", "4.log.20210827-094841.tmp", "99999999999999999999.log", "x.log", "4.log\n"], 3),
    ],
)
def test_the_highest_number_counts_and_not_how_many_there_are(kubelet: Kubelet, names: list[str], count: int) -> None:
    for name in names:
        kubelet.log(name)
    (kubelet.directory() / "77.log").mkdir()

    assert [restarts.count for restarts in fact(kubelet.root).restarts] == [count]


@pytest.mark.parametrize(
    ("selection", "pods"),
    [
        (Selection(), {"kube-flannel-ds-a", "kube-flannel-ds-b", "canal-c"}),
        (Selection(namespaces=("kube-flannel",)), {"kube-flannel-ds-b"}),
        (Selection(namespaces=("kube-flannel", "kube-system")), {"kube-flannel-ds-a", "kube-flannel-ds-b", "canal-c"}),
        (Selection(pod=compile_pattern("^canal")), {"canal-c"}),
        (Selection(containers=("calico-node",)), {"canal-c"}),
        (Selection(containers=("flanneld",)), set()),
    ],
)
def test_what_counts_as_flannel(kubelet: Kubelet, selection: Selection, pods: set[str]) -> None:
    kubelet.log(1, pod="kube-system_kube-flannel-ds-a_1")
    kubelet.log(2, pod="kube-flannel_kube-flannel-ds-b_2")
    kubelet.log(3, pod="kube-system_canal-c_3")
    kubelet.log(4, pod="kube-system_canal-c_3", container="calico-node")
    kubelet.log(5, pod="kube-system_kube-flannel-ds-a_1", container="install-cni")

    assert {restarts.pod for restarts in fact(kubelet.root, selection).restarts} == pods


def test_the_container_whose_log_was_written_last_tells_whether_flannel_started(kubelet: Kubelet) -> None:
    old = kubelet.log(3, STARTED, pod="kube-system_kube-flannel-ds-old_1")
    new = kubelet.log(0, NO_ROUTE, pod="kube-system_kube-flannel-ds-new_2")
    os.utime(old, (2000, 2000))
    os.utime(new, (3000, 3000))
    assert fact(kubelet.root).started is False

    os.utime(old, (4000, 4000))
    assert fact(kubelet.root).started is True


def test_an_attempt_that_a_later_one_followed_is_over_whatever_it_said(kubelet: Kubelet) -> None:
    kubelet.log(4, STARTED)
    assert fact(kubelet.root).last_words == ()

    kubelet.log(5)
    (words,) = fact(kubelet.root).last_words
    assert (words.attempt, words.cause, words.line) == (4, Cause.UNKNOWN, "Running backend.")


def test_a_line_that_is_being_written_is_not_told_yet(kubelet: Kubelet) -> None:
    whole = (FIXTURES / NO_ROUTE).read_bytes()
    kubelet.log(0, whole[:-20])
    assert fact(kubelet.root).last_words == ()

    kubelet.log(0, whole)
    assert [words.cause for words in fact(kubelet.root).last_words] == [Cause.NO_DEFAULT_ROUTE]


def test_no_directory_is_no_flannel_and_no_error(tmp_path: Path) -> None:
    assert fact(tmp_path / "nowhere") == FlannelLogs(found=False, listed=False)


def test_a_node_without_a_flannel_pod(kubelet: Kubelet) -> None:
    kubelet.log(3, container="kube-proxy")
    (kubelet.root / "a file").write_text("")
    (kubelet.root / "kube-system_a-file_1").write_text("")
    (kubelet.root / "kube-system_newline\n_1").mkdir()
    (kubelet.root / "kube-system_no-log-yet_1" / "kube-flannel").mkdir(parents=True)

    assert fact(kubelet.root) == FlannelLogs(found=False)


def test_a_root_that_is_no_directory_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "pods").write_text("")

    with pytest.raises(SourceError, match="Not a directory") as caught:
        look(tmp_path / "pods")

    assert caught.value.reason is Reason.IO


def test_the_subnet_file_is_dated(kubelet: Kubelet, tmp_path: Path) -> None:
    subnet_file = tmp_path / "flannel" / "subnet.env"
    assert look(kubelet.root, subnet_file=subnet_file).fact.subnet_file is None

    subnet_file.parent.mkdir()
    subnet_file.write_text("FLANNEL_NETWORK=10.244.0.0/16\n")
    os.utime(subnet_file, (1630057721.5, 1630057721.5))
    assert look(kubelet.root, subnet_file=subnet_file).fact.subnet_file == 1630057721.5


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
def test_what_is_no_file_is_no_subnet_file(kubelet: Kubelet, tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "subnet.env")
    assert look(kubelet.root, subnet_file=tmp_path / "subnet.env").fact.subnet_file is None


def test_a_log_on_a_bad_sector_blinds_only_itself(kubelet: Kubelet) -> None:
    """Reading the first byte of one's own memory is an input/output error, as a bad disk gives it."""
    sound = kubelet.log(2, NO_ROUTE)
    broken = kubelet.log(7, pod="kube-flannel_kube-flannel-ds-broken_1")
    broken.unlink()
    broken.symlink_to("/proc/self/mem")
    seen = look(kubelet.root)
    assert sorted(restarts.count for restarts in seen.fact.restarts) == [2, 7]
    assert [words.cause for words in seen.fact.last_words] == [Cause.NO_DEFAULT_ROUTE], sound
    assert seen.fault is not None
    assert seen.fault.reason is Reason.IO
    assert str(seen.fault) == f"{broken}: Input/output error"


@pytest.mark.parametrize(
    ("written", "stack"),
    [
        ("FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.1.1/24\nFLANNEL_MTU=1450\n", "ipv4"),
        ("FLANNEL_IPV6_NETWORK=fd00::/48\nFLANNEL_IPV6_SUBNET=fd00::1/64\nFLANNEL_MTU=1430\n", "ipv6"),
        ("FLANNEL_SUBNET=10.244.1.1/24\nFLANNEL_IPV6_SUBNET=fd00::1/64\n", "dual"),
        ("FLANNEL_MTU=1450\n", ""),
        ("FLANNEL_SUBNET=\n", ""),
    ],
)
def test_the_subnet_file_tells_the_stack(kubelet: Kubelet, tmp_path: Path, written: str, stack: str) -> None:
    (tmp_path / "subnet.env").write_text(written)
    assert look(kubelet.root).fact.stack == stack


def test_a_log_knows_better_than_a_subnet_file(kubelet: Kubelet, tmp_path: Path) -> None:
    (tmp_path / "subnet.env").write_text("FLANNEL_SUBNET=10.244.1.1/24\n")
    said = b"2026-08-20T05:00:02Z stderr F I0820 05:00:02.0 1 kube.go:1] Creating the node lease for IPv6. This is x\n"
    kubelet.log(0, said)
    assert look(kubelet.root).fact.stack == "ipv6"


@pytest.mark.parametrize("kind", ["fifo", "device", "directory behind a link"])
def test_a_subnet_file_that_is_none_is_not_read(kubelet: Kubelet, tmp_path: Path, kind: str) -> None:
    odd_file(tmp_path, kind)
    assert look(kubelet.root, subnet_file=tmp_path / "7.log").fact.stack == ""


def test_the_newest_log_is_dated(kubelet: Kubelet, tmp_path: Path) -> None:
    def written() -> float | None:
        return scan(kubelet.root, tmp_path / "subnet.env", Selection(), read_attempt).fact.written

    assert written() is None
    os.utime(kubelet.log(2, NO_ROUTE), (5, 1630057721.5))
    assert written() == 1630057721.5
    kubelet.log(3).unlink()
    (kubelet.directory() / "3.log").symlink_to("/nowhere")
    assert written() is None, "a link that leads nowhere was not written"


def test_docker_links_its_logs(kubelet: Kubelet, tmp_path: Path) -> None:
    target = tmp_path / "docker" / "ID-json.log"
    target.parent.mkdir()
    target.write_bytes((FIXTURES / "v0.14-no-default-route.docker.log").read_bytes())
    (kubelet.directory() / "7.log").symlink_to(target)
    (kubelet.directory() / "6.log").symlink_to(tmp_path / "docker" / "gone-json.log")

    told = fact(kubelet.root)

    assert told.restarts == (flannel(7),)
    assert [(words.attempt, words.cause) for words in told.last_words] == [(7, Cause.NO_DEFAULT_ROUTE)]


CONTAINERS = "/var/lib/docker/containers"
"""Where Docker keeps its logs by default, and where the kubelet's links lead."""


class Mounted:
    """A node whose root is seen in a directory, and whose runtime is Docker."""

    def __init__(self, rootfs: Path) -> None:
        self.rootfs = rootfs
        self.kubelet = Kubelet(rootfs / "var/log/pods")

    def log(self, attempt: int, target: str = f"{CONTAINERS}/aaaa/aaaa-json.log") -> None:
        (self.kubelet.directory() / f"{attempt}.log").symlink_to(target)

    def docker(self, directory: str = CONTAINERS) -> Path:
        path = self.rootfs / directory.lstrip("/") / "aaaa" / "aaaa-json.log"
        path.parent.mkdir(parents=True)
        path.write_bytes((FIXTURES / "v0.14-no-default-route.docker.log").read_bytes())
        return path

    def look(self) -> Scan:
        root = self.kubelet.root
        return scan(root, root.parent / "subnet.env", Selection(), read_attempt, self.rootfs)


@pytest.fixture
def mounted(tmp_path: Path) -> Mounted:
    return Mounted(tmp_path / "host")


def causes_told(seen: Scan) -> list[Cause]:
    assert seen.fault is None
    return [words.cause for words in seen.fact.last_words]


def test_an_absolute_link_leads_to_the_nodes_own_root(mounted: Mounted) -> None:
    mounted.docker()
    mounted.log(7)

    assert causes_told(mounted.look()) == [Cause.NO_DEFAULT_ROUTE]


def test_dockers_directory_may_be_a_link_itself(mounted: Mounted) -> None:
    mounted.docker("/data/docker/containers")
    (mounted.rootfs / "var/lib").mkdir(parents=True)
    (mounted.rootfs / "var/lib/docker").symlink_to("../../../../../../data/docker")  # ends at the root, as cd does
    mounted.log(7)

    assert causes_told(mounted.look()) == [Cause.NO_DEFAULT_ROUTE]


def test_the_kubelets_directory_may_be_a_link_too(mounted: Mounted) -> None:
    mounted.docker()
    mounted.log(7)
    pods = mounted.rootfs / "data/pods"
    pods.parent.mkdir(exist_ok=True)
    mounted.kubelet.root.rename(pods)
    mounted.kubelet.root.symlink_to("/data/pods")

    assert causes_told(mounted.look()) == [Cause.NO_DEFAULT_ROUTE]


@pytest.mark.parametrize("target", [f"{CONTAINERS}/gone/gone-json.log", "/var/log/pods/loop", "/etc/hostname/x"])
def test_a_newest_log_that_cannot_be_followed_is_said(mounted: Mounted, target: str) -> None:
    mounted.log(6, f"{CONTAINERS}/bbbb/bbbb-json.log")  # the one before may be gone with its container
    mounted.log(7, target)
    (mounted.kubelet.root / "loop").symlink_to("loop")
    (mounted.rootfs / "etc").mkdir()
    (mounted.rootfs / "etc/hostname").write_text("pi\n")

    seen = mounted.look()

    assert seen.fact == FlannelLogs(found=True, restarts=(flannel(7),))
    assert seen.fault is not None
    assert seen.fault.reason is Reason.IO
    assert f"7.log: a link to {target}, which is not there under {mounted.rootfs};" in str(seen.fault)
    assert "hostMounts.dockerContainers" in str(seen.fault)


async def test_what_cannot_be_followed_is_raised_after_the_fact_that_does_without(kubelet: Kubelet) -> None:
    (kubelet.directory() / "7.log").symlink_to(f"{CONTAINERS}/none/none-json.log")
    async with watching(kubelet.root, rescan=0.3) as facts:
        assert (await within_a_second(facts)).restarts == (flannel(7),)
        with pytest.raises(SourceError, match=r"7\.log: a link to .*none-json\.log, which is not there") as caught:
            await within_a_second(facts)

    assert caught.value.reason is Reason.IO


def odd_file(directory: Path, kind: str) -> None:
    path = directory / "7.log"
    match kind:
        case "fifo":
            os.mkfifo(path)
        case "device":
            path.symlink_to("/dev/zero")
        case "directory behind a link":
            path.symlink_to(directory)


@pytest.mark.parametrize("kind", ["fifo", "device", "directory behind a link"])
def test_what_is_no_file_counts_by_its_name_and_is_not_read(kubelet: Kubelet, kind: str) -> None:
    odd_file(kubelet.directory(), kind)

    assert fact(kubelet.root) == FlannelLogs(found=True, restarts=(flannel(7),))


def test_links_that_loop_are_no_pods(kubelet: Kubelet) -> None:
    (kubelet.root / "kube-system_loop_1").symlink_to(kubelet.root / "kube-system_loop_1")

    assert fact(kubelet.root) == FlannelLogs(found=False)


def test_of_gigabytes_only_the_ends_are_read(kubelet: Kubelet) -> None:
    whole = (FIXTURES / "v0.20-interface-missing.log").read_bytes().splitlines(keepends=True)
    path = kubelet.log(1, whole[0])
    with path.open("r+b") as file:
        file.seek(3 * 2**30)
        file.write(b"\n" + b"".join(whole[1:]))

    tracemalloc.start()
    told = fact(kubelet.root)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert [words.cause for words in told.last_words] == [Cause.IFACE_MISSING]
    assert "iface:[wlan9]" in told.flags_line
    assert peak < 16 * (HEAD + TAIL)


@given(st.binary(max_size=300), st.binary(max_size=300), st.booleans())
def test_rubbish_in_a_log_tells_nothing_that_is_not_fit_to_print(head: bytes, tail: bytes, ended: bool) -> None:
    envelope = b"2021-08-27T09:48:41Z stderr F "
    for data in (tail, envelope + tail, envelope + b"CLI flags config: {" + tail, envelope + b"panic: " + tail):
        told = parse_attempt_log(head, data, ended=ended)
        line = told.words.line if told.words else ""
        assert line.isprintable()
        assert told.flags_line.isprintable()
        assert len(line) <= LONGEST_LINE
        assert len(told.flags_line) <= LONGEST_FLAGS_LINE


def test_a_directory_that_disappears_while_it_is_read(kubelet: Kubelet) -> None:
    kubelet.log(1, NO_ROUTE)

    def vanishing(path: str, ended: bool, version: tuple[int, int, int]) -> Attempt:
        shutil.rmtree(kubelet.root / POD, ignore_errors=True)
        return read_attempt(path, ended, version)

    seen = scan(kubelet.root, kubelet.root / "subnet.env", Selection(), vanishing)

    assert (seen.fact.found, seen.fact.restarts, seen.fact.last_words) == (True, (flannel(1),), ())
    assert fact(kubelet.root) == FlannelLogs(found=False)


def test_a_kubelet_that_makes_and_removes_pods_meanwhile(kubelet: Kubelet) -> None:
    over = threading.Event()

    def churn() -> None:
        while not over.is_set():
            kubelet.log(1, NO_ROUTE)
            shutil.rmtree(kubelet.root / POD)

    churning = threading.Thread(target=churn)
    churning.start()
    try:
        seen = [fact(kubelet.root) for _ in range(300)]
    finally:
        over.set()
        churning.join()

    assert {restarts for told in seen for restarts in told.restarts} <= {flannel(1)}


def test_ten_thousand_pods(kubelet: Kubelet) -> None:
    for number in range(10_000):
        (kubelet.root / f"default_pod-{number}_{number}").mkdir()
    kubelet.log(5, NO_ROUTE)

    assert fact(kubelet.root).restarts == (flannel(5),)


@pytest.fixture
def shared_root() -> Iterator[Path]:
    """A directory that every user may enter; pytest's own are for its user alone."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        root = Path(name) / "pods"
        root.mkdir()
        yield root


@contextmanager
def nobody() -> Iterator[None]:
    """As root, become a user that owns nothing; root may read everything."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


def test_a_root_that_must_not_be_read_is_an_error_that_names_the_cure(shared_root: Path) -> None:
    shared_root.chmod(0)
    try:
        with nobody(), pytest.raises(SourceError, match=f"{shared_root}: permission denied.*group 0") as caught:
            look(shared_root)
    finally:
        shared_root.chmod(0o755)

    assert caught.value.reason is Reason.PERMISSION


def test_a_log_that_must_not_be_read_is_counted_and_named(shared_root: Path) -> None:
    log = Kubelet(shared_root).log(9, NO_ROUTE)
    log.chmod(0)
    with nobody():
        seen = look(shared_root)

    assert seen.fact == FlannelLogs(found=True, restarts=(flannel(9),))
    assert str(seen.fault).startswith(f"{log}: permission denied")


def test_a_pod_directory_that_must_not_be_read_is_named(shared_root: Path) -> None:
    directory = Kubelet(shared_root).log(9, NO_ROUTE).parent
    directory.chmod(0)
    try:
        with nobody():
            seen = look(shared_root)
    finally:
        directory.chmod(0o755)

    assert seen.fact == FlannelLogs(found=False)
    assert str(seen.fault).startswith(f"{directory}: permission denied")


def watching(root: Path, *, rescan: float = 60.0) -> aclosing[AsyncGenerator[FlannelLogs, None]]:
    return aclosing(watch(root, root.parent / "flannel" / "subnet.env", Selection(), rescan=rescan))


async def within_a_second(facts: AsyncGenerator[FlannelLogs, None]) -> FlannelLogs:
    async with asyncio.timeout(1):
        return await anext(facts)


async def test_the_first_fact_comes_at_once(kubelet: Kubelet) -> None:
    kubelet.log(1244, NO_ROUTE)

    async with watching(kubelet.root) as facts:
        first = await within_a_second(facts)
    assert replace(first, written=None) == fact(kubelet.root)


async def test_each_restart_shows_within_a_second_of_its_file(kubelet: Kubelet) -> None:
    kubelet.log(0, NO_ROUTE)
    async with watching(kubelet.root) as facts:
        await within_a_second(facts)
        for attempt in range(1, 5):
            kubelet.log(attempt, NO_ROUTE)
            told = await within_a_second(facts)
            while told.restarts != (flannel(attempt),) or len(told.last_words) < 2:
                told = await within_a_second(facts)


async def test_a_pod_that_is_made_anew_shows_within_a_second(kubelet: Kubelet) -> None:
    kubelet.log(1244, NO_ROUTE)
    async with watching(kubelet.root) as facts:
        await within_a_second(facts)

        shutil.rmtree(kubelet.root / POD)
        while (await within_a_second(facts)).found:
            pass

        pod = kubelet.root / "kube-system_kube-flannel-ds-tq9x5_2"
        pod.mkdir()
        await asyncio.sleep(0.5)  # the image of an init container is pulled
        kubelet.log(0, NO_ROUTE, pod=pod.name)
        while (await within_a_second(facts)).restarts != (flannel(0, uid="2", pod="kube-flannel-ds-tq9x5"),):
            pass


async def test_last_words_and_the_subnet_file_show_within_a_second(kubelet: Kubelet, tmp_path: Path) -> None:
    (tmp_path / "flannel").mkdir()
    lines = (FIXTURES / "v0.14-started.log").read_bytes()
    log = kubelet.log(3, lines)
    async with watching(kubelet.root) as facts:
        assert (await within_a_second(facts)).last_words == ()

        (tmp_path / "flannel" / "subnet.env").write_text("FLANNEL_MTU=1450\n")
        assert (await within_a_second(facts)).subnet_file is not None

        with log.open("ab") as file:
            file.write(b"2021-08-27T11:00:00Z stderr F I0827 11:00:00.000000       1 main.go:376] ")
            file.write(b"shutdownHandler sent cancel signal...\n")
        told = await within_a_second(facts)
        assert [words.cause for words in told.last_words] == [Cause.CLEAN]


async def test_what_no_hint_tells_the_rescan_finds(kubelet: Kubelet, tmp_path: Path) -> None:
    # Docker writes to the target of the link, in a directory that is not watched.
    target = tmp_path / "ID-json.log"
    target.write_bytes(b"")
    (kubelet.directory() / "7.log").symlink_to(target)
    async with watching(kubelet.root, rescan=0.3) as facts:
        assert (await within_a_second(facts)).last_words == ()
        target.write_bytes((FIXTURES / "v0.14-no-default-route.docker.log").read_bytes())
        while not (await within_a_second(facts)).last_words:
            pass


async def test_quiet_is_not_stale(kubelet: Kubelet) -> None:
    async with watching(kubelet.root, rescan=0.3) as facts:
        assert [await within_a_second(facts) for _ in range(3)] == [FlannelLogs(found=False)] * 3


async def test_a_root_that_appears_later_is_found(tmp_path: Path) -> None:
    root = tmp_path / "pods"
    async with watching(root, rescan=0.3) as facts:
        assert await within_a_second(facts) == FlannelLogs(found=False, listed=False)
        Kubelet(root).log(2, NO_ROUTE)
        while not (await within_a_second(facts)).found:
            pass


async def test_what_is_not_allowed_is_raised_after_the_fact_that_does_without(shared_root: Path) -> None:
    Kubelet(shared_root).log(9, NO_ROUTE).chmod(0)
    async with watching(shared_root, rescan=0.3) as facts:
        with nobody():
            assert (await within_a_second(facts)).restarts == (flannel(9),)
            with pytest.raises(SourceError, match=r"9\.log: permission denied") as caught:
                await within_a_second(facts)

    assert caught.value.reason is Reason.PERMISSION


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_it_leaves_no_descriptor_behind(kubelet: Kubelet) -> None:
    kubelet.log(1, NO_ROUTE)
    async with watching(kubelet.root) as facts:  # the first one starts the executor's thread
        await anext(facts)
    before = open_descriptors()

    async with watching(kubelet.root) as facts:
        await anext(facts)
        assert open_descriptors() == before + 1

    assert open_descriptors() == before


def replace_directory(path: Path) -> None:
    path.rename(path.with_name(f"{path.name}-old"))
    path.mkdir()


async def test_a_directory_that_is_watched_for_the_first_time_is_told(tmp_path: Path) -> None:
    # What came into it between the look and the watch gave no event.
    with hints(asyncio.Event()) as hint_at:
        assert hint_at([str(tmp_path)])
        assert not hint_at([str(tmp_path), str(tmp_path / "nowhere")])
        replace_directory(tmp_path)
        assert hint_at([str(tmp_path)])


async def test_a_kernel_that_grants_no_inotify_is_no_error(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)
    os.close(free)
    changed = asyncio.Event()
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
    try:
        given = hints(changed)
        hint_at = given.__enter__()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert not hint_at([str(tmp_path)])
    (tmp_path / "file").write_text("")
    await asyncio.sleep(0)
    given.__exit__(None, None, None)

    assert not changed.is_set()
