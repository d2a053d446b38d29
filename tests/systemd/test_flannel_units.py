"""Flannel without a pod: units that crash-loop as k3s does, against systemctl and journalctl of the same machine."""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

import pytest

from tests.kernel.namespace import eventually
from tests.systemd.k3s import StandIn
from tests.systemd.machine import Machine
from uplink_exporter.clock import boot_id
from uplink_exporter.flannel.observed import Cause, LastWords
from uplink_exporter.flannel.units import UNITS, FlannelJournal, UnitState
from uplink_exporter.sources import journal, units

pytestmark = pytest.mark.systemd

STAND_INS = (
    StandIn(unit="k3s.service", words="v1.21-no-default-route.log", every="50ms"),
    StandIn(unit="k3s-agent.service", words="v1.36-flannel-exited.log", exits=0, every="1500ms"),
    StandIn(unit="k3s-edge.service", words="v1.28-no-default-route.log", every="2s"),
    StandIn(unit="rke2-server.service", words="v1.36-agent-no-default-route.log", every="1s", type="notify"),
    StandIn(unit="rke2-agent.service", words="v1.36-interface-missing.log", exits=None),
    StandIn(unit="snap.microk8s.daemon-flanneld.service", words="flanneld-started.log", exits=None),
)
LOOPING = STAND_INS[:4]
BURST = "k3s.service"


@pytest.fixture
def looping(installed: Path, machine: Machine) -> Iterator[Machine]:
    """That machine, on which the stand-ins are started."""
    for unit in STAND_INS:
        unit.install(installed)
    machine("systemctl", "daemon-reload")
    machine("systemctl", "start", "--no-block", *(unit.unit for unit in STAND_INS))
    yield machine
    for unit in STAND_INS:
        unit.uninstall(installed)
    shutil.rmtree(installed / "var/log/journal", ignore_errors=True)


def inside(machine: Machine, path: str) -> Path:
    """A path of the machine's, as it is seen from here."""
    return Path(f"/proc/{machine.pid}/root{path}")


class Watcher:
    """Reads the machine's journal and links for a while, with our sources."""

    def __init__(self, machine: Machine) -> None:
        self.roots = [inside(machine, "/run/log/journal"), inside(machine, "/var/log/journal")]
        self.units, self.boot = [inside(machine, "/run/systemd/units")], boot_id(Path("/proc"))
        self.words: dict[tuple[str, int], LastWords] = {}
        self.fact = FlannelJournal(boot="")
        self.seen: dict[str, int] = {}

    async def read(self, until: asyncio.Event) -> None:
        tasks = [asyncio.create_task(self._journal()), asyncio.create_task(self._links())]
        await until.wait()
        for task in tasks:
            task.cancel()
        for task in tasks:
            with pytest.raises(asyncio.CancelledError):
                await task

    async def _journal(self) -> None:
        async with aclosing(journal.watch(self.roots, self.units, UNITS, self.boot, set(), rescan=2.0)) as facts:
            async for fact in facts:
                self.fact = fact
                for log in fact.units:
                    self.words |= {(log.unit, words.attempt): words for words in log.last_words}

    async def _links(self) -> None:
        async with aclosing(units.watch(self.units, UNITS, self.boot)) as facts:
            async for fact in facts:
                self.seen = {unit.unit: unit.restarts for unit in fact.units}


def counted(machine: Machine) -> dict[str, int]:
    """systemd's own counters, after which it begins anew."""
    names = [unit.unit for unit in LOOPING]
    machine("systemctl", "stop", *names)
    counters = {name: int(machine.show(name, "NRestarts")) for name in names}
    machine("systemctl", "reset-failed", *names)
    return counters


def start(machine: Machine) -> None:
    machine("systemctl", "start", "--no-block", *(unit.unit for unit in LOOPING))


def told(watcher: Watcher) -> dict[str, int]:
    looping = {unit.unit for unit in LOOPING}
    return {log.unit: log.restarts for log in watcher.fact.units if log.unit in looping}


def said(machine: Machine, unit: str) -> list[str]:
    """What the runs of a unit said that tells of their end, by journalctl."""
    shown = machine("journalctl", "--output=json", "--all", "--quiet", "--boot", f"_SYSTEMD_UNIT={unit}")
    messages = [json.loads(line)["MESSAGE"] for line in shown.splitlines()]
    telling = [message for message in messages if "level=fatal" in message or "request received: " in message]
    return [json.loads(message.partition(" msg=")[2]) for message in telling]


async def test_restarts_and_words_are_systemds_own(looping: Machine) -> None:
    """While the journal is rotated, flushed to the disk and vacuumed, and units are stopped and started by hand."""
    watcher, until, run = Watcher(looping), asyncio.Event(), asyncio.to_thread
    watching = asyncio.create_task(watcher.read(until))
    await asyncio.sleep(3)
    await run(looping, "journalctl", "--rotate")
    await asyncio.sleep(2)
    before = await run(counted, looping)
    await run(start, looping)
    await asyncio.sleep(1)
    await run(looping, "mkdir", "/var/log/journal")
    await run(looping, "systemd-tmpfiles", "--create", "--prefix=/var/log/journal")
    await run(looping, "journalctl", "--flush")
    await asyncio.sleep(1)
    words = {unit.unit: await run(said, looping, unit.unit) for unit in LOOPING}
    vacuumed = time.time()
    await run(looping, "journalctl", "--rotate", "--vacuum-files=1")
    await asyncio.sleep(4)
    after = await run(counted, looping)
    await asyncio.sleep(6)
    until.set()
    await watching

    assert told(watcher) == {unit: before[unit] + after[unit] for unit in before}
    assert min(after.values()) > 1
    late, until = Watcher(looping), asyncio.Event()
    asyncio.get_running_loop().call_later(1, until.set)
    await late.read(until)
    # The counter in the first restart that is left tells of those before it. A unit that only a pattern names is known
    # by its link, so one that is stopped is not found again.
    assert told(late) == {unit: count for unit, count in after.items() if unit in UNITS}

    for unit, restarts in told(watcher).items():
        heard = {attempt: words for (of, attempt), words in watcher.words.items() if of == unit}
        known = [words for words in heard.values() if words.cause is not Cause.UNKNOWN]
        assert {words.line for words in known} == set(words[unit])
        assert {words.cause for words in known} == {Cause.NO_DEFAULT_ROUTE}
        if unit != BURST:  # of runs that follow each other within a moment, journald does not tell who said what
            assert set(range(restarts)) <= heard.keys() <= set(range(restarts + 1))
            unheard = [words for words in heard.values() if words.cause is Cause.UNKNOWN]
            assert all(abs(vacuumed - (words.at or 0)) < 2 for words in unheard), "only what is gone is not known"


async def test_a_unit_that_waits_is_not_well(looping: Machine) -> None:
    watcher, until = Watcher(looping), asyncio.Event()
    asyncio.get_running_loop().call_later(3, until.set)
    await watcher.read(until)
    logs = {log.unit: log for log in watcher.fact.units}
    waits = logs["rke2-agent.service"]
    assert (waits.state, waits.started, waits.waits and waits.waits.cause) == (
        UnitState.RUNNING,
        False,
        Cause.IFACE_MISSING,
    )
    well = logs["snap.microk8s.daemon-flanneld.service"]
    assert (well.state, well.started) == (UnitState.RUNNING, True)


FETCH = "import sys, urllib.request as r; sys.stdout.write(r.urlopen(sys.argv[1], timeout=5).read().decode())"
PYTHON = "/opt/pipx/venvs/uplink-exporter/bin/python"
# Which exporter listens where: the hardened unit, and such containers as the chart makes, with and without group adm.
OURS, WITH_ADM, WITHOUT = 10077, 10078, 10079
SLOW = StandIn(unit="k3s.service", words="v1.21-no-default-route.log", every="1s")
NOBODY = ("--uid=65534", "--gid=65534", "--property=CapabilityBoundingSet=", "--property=NoNewPrivileges=yes")
# Of the node they see what the chart mounts: /run with nothing in it but these two.
MOUNTS = ("--property=TemporaryFileSystem=/run:ro", "--property=BindReadOnlyPaths=/run/systemd/units /run/log/journal")


def page(machine: Machine, port: int) -> dict[str, float]:
    """What the exporter there says of flannel and of its sources."""
    shown = machine.run(PYTHON, "-c", FETCH, f"http://127.0.0.1:{port}/metrics").stdout.splitlines()
    told = (line.rpartition(" ") for line in shown if line.startswith(("uplink_flannel", "uplink_source_")))
    return {name: float(value) for name, _, value in told}


RESTARTS = 'uplink_flannel_container_restarts{container="k3s.service",namespace="",pod=""}'
TOTAL = "uplink_flannel_restarts_total"
DIED = 'uplink_flannel_crashes_total{cause="no_default_route"}'
REFUSED = 'uplink_source_errors_total{reason="permission",source="journal"}'
JOURNAL = 'uplink_source_up{source="journal"}'


def settled(machine: Machine, port: int, wanted: dict[str, float]) -> None:
    """The exporter there comes to say this."""
    deadline = time.monotonic() + 30
    while (seen := page(machine, port)) and (told := {name: seen.get(name) for name in wanted}) != wanted:
        assert time.monotonic() < deadline, f"{port}: {told}, wanted {wanted}: {seen}"


def test_whoever_may_read_the_journal_knows_why(installed: Path, machine: Machine) -> None:
    def run(port: int, *groups: str) -> None:
        listen = f"--web.listen-address=127.0.0.1:{port}"
        machine("systemd-run", "--quiet", *NOBODY, *groups, *MOUNTS, "/usr/local/bin/uplink-exporter", listen)
        eventually(lambda: page(machine, port), 30)

    run(WITH_ADM, "--property=SupplementaryGroups=4")
    SLOW.install(installed)
    try:
        machine("systemctl", "daemon-reload")
        machine("systemctl", "start", "--no-block", SLOW.unit)
        eventually(lambda: int(machine.show(SLOW.unit, "NRestarts")) >= 1, 30)
        run(WITHOUT)
        eventually(lambda: int(machine.show(SLOW.unit, "NRestarts")) >= 6, 30)
        machine("systemctl", "stop", SLOW.unit)
        restarts = int(machine.show(SLOW.unit, "NRestarts"))
        for port in (OURS, WITH_ADM):
            settled(machine, port, {RESTARTS: restarts, TOTAL: restarts, JOURNAL: 1})
            # The run that was stopped may have died of itself just before.
            assert page(machine, port)[DIED] in (restarts, restarts + 1)
        blind = page(machine, WITHOUT)
        assert 0 < blind[TOTAL] <= restarts, "by the links alone, since it looks"
        assert blind[DIED] == 0
        assert blind[REFUSED] > 0, "and it says that it may not look"
    finally:
        SLOW.uninstall(installed)
