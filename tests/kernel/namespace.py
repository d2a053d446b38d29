"""Fresh network namespaces, with real links, routes and rtnetlink in them, and the exporter at work inside."""

from __future__ import annotations

import asyncio
import ctypes
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, ParamSpec, TypeVar

from prometheus_client.parser import text_string_to_metric_families

from uplink_exporter.clock import system_clock
from uplink_exporter.commands.doctor import as_text
from uplink_exporter.commands.looking import Looked
from uplink_exporter.facts import Family, Network, NodeState, Policy, Reason, RouteHistory
from uplink_exporter.families import BuildInfo, Scene, Showing
from uplink_exporter.sources import netlink
from uplink_exporter.store import Store
from uplink_exporter.supervisor import supervise
from uplink_exporter.web.listen import parse_listening
from uplink_exporter.web.page import Page as MetricsPage

NAMESPACES = Path("/run/netns")
PREFIX = "uplink-exporter-test"
SOURCES = Path(netlink.__file__).parents[3]
PORT = 9077
# Whatever runs on this machine is not part of the test.
ALONE = ("--source.kubernetes=off", "--source.pod-logs=off", "--source.units=off", "--source.journal=off")
PATIENCE = 10.0
NO_POLICY = Policy()
SHOWING = Showing(sources=(Network,), build=BuildInfo(version="1.2.3", revision="abcdef0", python_version="3.11.2"))
_CLONE_NEWNET = 0x40000000

# wlan0 is the uplink; veth0, its other end, has a name that no page shows.
WLAN0 = ("link add wlan0 type veth peer name veth0", "link set veth0 up")
UP = "link set wlan0 up"
ADDRESS = "address add 192.0.2.2/24 dev wlan0"
ROUTE = "route add default via 192.0.2.1"
CONNECTED = (UP, ADDRESS, ROUTE)
CONNECTED_IPV6 = ("address add 2001:db8::2/64 dev wlan0 nodad", "route add ::/0 via 2001:db8::1")

T = TypeVar("T")
P = ParamSpec("P")
Page = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Namespace:
    """A network namespace of its own; what runs in `threads` is inside."""

    name: str
    threads: Executor

    def ip(self, *commands: str) -> None:
        """Run ip(8) commands as one batch: they follow one another within microseconds."""
        _run("ip", "-netns", self.name, "-batch", "-", text="\n".join(commands))

    def ip6(self, *commands: str) -> None:
        """Run ip(8) commands as one batch, of IPv6 where they do not say of what."""
        _run("ip", "-6", "-netns", self.name, "-batch", "-", text="\n".join(commands))

    def start(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Begin to call a function inside."""
        return self.threads.submit(function, *args, **kwargs)

    def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What a function returns inside. A socket that it makes stays inside for good."""
        return self.start(function, *args, **kwargs).result()

    def sysctl(self, name: str, value: int) -> None:
        """Set one of this network's kernel parameters."""
        self.call((Path("/proc/sys/net") / name).write_text, str(value))


@contextmanager
def fresh_namespace() -> Iterator[Namespace]:
    """A namespace with nothing in it but the loopback, which is up. Its links go with it."""
    name = f"{PREFIX}-{os.getpid()}-{secrets.token_hex(4)}"
    _run("ip", "netns", "add", name)
    try:
        with ThreadPoolExecutor(initializer=_enter, initargs=(name,)) as threads:
            namespace = Namespace(name, threads)
            namespace.ip("link set lo up")
            yield namespace
    finally:
        _run("ip", "netns", "del", name)


def _enter(name: str) -> None:
    with (NAMESPACES / name).open() as file:
        # os.setns() comes with Python 3.12. It moves the calling thread only.
        if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"cannot enter the network namespace {name}")


def remove_leftovers() -> None:
    """Delete the namespaces of test runs that were killed."""
    for path in NAMESPACES.glob(f"{PREFIX}-*"):
        if not Path("/proc", path.name.split("-")[-2]).exists():
            _run("ip", "netns", "del", path.name)


def unavailable() -> str:
    """Why this machine cannot run these tests; nothing if it can."""
    if shutil.which("ip") is None:
        return "there is no ip(8): apt-get install iproute2"
    try:
        with fresh_namespace() as namespace:
            namespace.ip(*WLAN0)
    except RuntimeError as error:
        return f"network namespaces cannot be made here (it takes root): {error}"
    return ""


def _run(*command: str, text: str = "") -> None:
    done = subprocess.run(command, input=text, text=True, capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")


def eventually(check: Callable[[], object], within: float = PATIENCE) -> None:
    """Wait until it holds; fail if it does not within so many seconds."""
    deadline = time.monotonic() + within
    while not check():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within:g} s")
        time.sleep(0.005)


@dataclass(frozen=True, slots=True)
class Exporter:
    """The exporter as a process inside the namespace."""

    namespace: Namespace
    process: subprocess.Popen[bytes]
    log: IO[bytes]

    def get(self, path: str, host: str = "127.0.0.1") -> str:
        """The body of an answer."""
        connection = HTTPConnection(host, PORT)
        connection.sock = self.namespace.call(socket.create_connection, (host, PORT), timeout=PATIENCE)
        try:
            connection.request("GET", path)
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    def page(self) -> Page:
        """The samples of the metrics page, by name and labels as they are written there."""
        return samples(self.get("/metrics"))

    def shows(self, expected: Mapping[str, object], within: float = PATIENCE) -> Page:
        """The first page with all of these samples; None for one that must not be there. Fails with what differs."""
        return _page_with(expected, within, self.page, self.read_log)

    def listens(self) -> bool:
        """Whether it has come so far as to listen."""
        if self.process.poll() is not None:
            raise AssertionError(f"the exporter ended with {self.process.returncode}\n{self.read_log()}")
        return any(parse_listening(Path(f"/proc/{self.process.pid}/net/tcp").read_text(), PORT))

    def read_log(self) -> str:
        """What it logged so far."""
        return os.pread(self.log.fileno(), 1 << 20, 0).decode()


def _page_with(
    expected: Mapping[str, object], within: float, look: Callable[[], Page], explain: Callable[[], str]
) -> Page:
    deadline = time.monotonic() + within
    while True:
        page = look()
        wrong = {key: page.get(key) for key in expected if page.get(key) != expected[key]}
        if not wrong:
            return page
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within:g} s: {wrong}\nexpected: {expected}\n{explain()}")
        time.sleep(0.005)


def samples(page: str) -> Page:
    """The samples of a metrics page, by name and labels as they are written there."""
    families = text_string_to_metric_families(page)
    return {_key(sample.name, sample.labels): sample.value for family in families for sample in family.samples}


def _key(name: str, labels: Mapping[str, str]) -> str:
    inner = ",".join(f'{label}="{value}"' for label, value in labels.items())
    return f"{name}{{{inner}}}" if inner else name


@contextmanager
def exporting(
    namespace: Namespace,
    *flags: str,
    listen: str = "127.0.0.1",
    through: Sequence[str] = (sys.executable,),
    alone: Sequence[str] = ALONE,
) -> Iterator[Exporter]:
    """The exporter, started inside by `through`, from when it listens on. It must end well when told to."""
    command = ["ip", "netns", "exec", namespace.name, *through, "-m", "uplink_exporter", *alone]
    with TemporaryFile() as log:
        process = subprocess.Popen(
            [*command, f"--web.listen-address={listen}:{PORT}", *flags],
            stdin=subprocess.DEVNULL,
            stderr=log,
            env={**os.environ, "PYTHONPATH": str(SOURCES)},
        )
        try:
            exporter = Exporter(namespace, process, log)
            eventually(exporter.listens)
            yield exporter
            process.terminate()
            assert process.wait(PATIENCE) == 0
        finally:
            process.kill()
            process.wait()


@dataclass(frozen=True, slots=True)
class Watched:
    """The netlink source inside the namespace, with the real supervisor and store, in a thread of this process."""

    namespace: Namespace
    store: Store
    facts: list[Network]
    dumps: list[None]
    """One for each dump that got so far as to ask for the ways out."""
    loop: asyncio.AbstractEventLoop

    @property
    def network(self) -> Network:
        """What is known now."""
        network = self.store.state.last(Network)
        assert network is not None
        return network

    def scene(self) -> Scene:
        """The node as it is known now."""
        return Scene(state=self.store.state, now=self.store.clock(), showing=SHOWING)

    def page(self) -> Page:
        """The samples of the metrics page, as it would be given now."""
        text, _ = MetricsPage().render(self.scene(), "text/plain")
        return samples(text.decode())

    def shows(self, expected: Mapping[str, object], within: float = PATIENCE) -> Page:
        """The first page with all of these samples; None for one that must not be there. Fails with what differs."""
        return _page_with(expected, within, self.page, self.told)

    def told(self) -> str:
        """What doctor would say now, with single blanks between its words."""
        scene = self.scene()
        return " ".join(as_text(scene.diagnosis, scene.state, scene.now, Looked()).split())

    def history(self, family: Family = Family.IPV4) -> RouteHistory:
        """What became of the family's default route."""
        return self.network.history[family]

    def usable(self, family: Family = Family.IPV4) -> bool:
        """Whether there is a usable default route."""
        return self.network.usable(family)

    def errors(self) -> Mapping[Reason, int]:
        """The source's failures so far."""
        return self.store.state.health["netlink"].errors

    def catch_up(self) -> None:
        """Wait until a dump was told that began after all that has happened so far: the last but one of three."""
        enough = len(self.dumps) + 3
        eventually(lambda: self._asked_for_a_dump() >= enough)

    def _asked_for_a_dump(self) -> int:
        loopback = self.network.link("lo")
        assert loopback is not None
        self.namespace.ip(f"link set lo mtu {loopback.mtu - 1}")
        return len(self.dumps)

    def stall(self, seconds: float) -> None:
        """Keep the loop from doing anything for so long, from now on."""
        begun: Future[None] = Future()

        def block() -> None:
            begun.set_result(None)
            time.sleep(seconds)

        self.loop.call_soon_threadsafe(block)
        begun.result()


@contextmanager
def at_work(namespace: Namespace, work: Coroutine[None, None, None]) -> Iterator[asyncio.AbstractEventLoop]:
    """What goes on inside, on a loop of its own, until the end of the context."""
    begun: Future[tuple[asyncio.AbstractEventLoop, asyncio.Task[None]]] = Future()

    async def main() -> None:
        task = asyncio.create_task(work)
        begun.set_result((asyncio.get_running_loop(), task))
        await asyncio.wait([task])
        if not task.cancelled():
            task.result()

    ended = namespace.start(asyncio.run, main())
    loop, task = begun.result(PATIENCE)
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(task.cancel)
        ended.result(PATIENCE)


@contextmanager
def watching(namespace: Namespace, *, policy: Policy = NO_POLICY, **settings: Any) -> Iterator[Watched]:
    """The netlink source at work, from its first fact on."""
    store = Store(state=NodeState(policy=policy), clock=system_clock())
    facts: list[Network] = []
    dumps: list[None] = []
    asked: Callable[[], tuple[str, ...]] = settings.pop("targets", tuple)

    def targets() -> tuple[str, ...]:
        dumps.append(None)
        return asked()

    async def watch() -> AsyncGenerator[Network, None]:
        async with aclosing(netlink.watch(NAMESPACES, targets, named=policy.devices, **settings)) as networks:
            async for network in networks:
                yield network
                facts.append(network)

    with at_work(namespace, supervise({"netlink": watch}, store)) as loop:
        eventually(lambda: facts)
        yield Watched(namespace, store, facts, dumps, loop)


@dataclass(frozen=True, slots=True)
class Ear:
    """An rtnetlink socket that hears all that the kernel says to some multicast groups."""

    socket: socket.socket

    def heard(self) -> list[int]:
        """The message types since the last call."""
        types: list[int] = []
        while True:
            try:
                message = self.socket.recv(65536, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return types
            types.append(int.from_bytes(message[4:6], sys.byteorder))


@contextmanager
def listening(namespace: Namespace, groups: int) -> Iterator[Ear]:
    """A plain listener, to know what the kernel really said."""
    with namespace.call(socket.socket, socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as ear:
        ear.bind((0, groups))
        yield Ear(ear)
