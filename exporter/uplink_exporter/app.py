"""The composition root: the only file that knows everyone."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Awaitable, Callable
from functools import partial
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING

from uplink_exporter import __version__, logs
from uplink_exporter.build import build_info
from uplink_exporter.clock import boot_id, system_clock
from uplink_exporter.commands import doctor, history
from uplink_exporter.commands.knowing import kept_in, looked_up
from uplink_exporter.commands.layout import coloured
from uplink_exporter.commands.looking import AFTERTHOUGHT, look
from uplink_exporter.commands.output import takes_colour, written
from uplink_exporter.diagnosis import diagnose
from uplink_exporter.facts import Fact, Host, Instant, Load, Network, NodeState, SourceError, Wireless
from uplink_exporter.families import Scene, Showing
from uplink_exporter.flannel.goip import parse_ip
from uplink_exporter.flannel.observed import FlannelLogs, NodePods, Selection
from uplink_exporter.flannel.question import options
from uplink_exporter.flannel.units import FlannelJournal, FlannelUnits
from uplink_exporter.history.chronicle import Chronicle
from uplink_exporter.history.memory import Recorded
from uplink_exporter.history.milestones import Milestones, reached
from uplink_exporter.history.telling import begun
from uplink_exporter.settings import Command, ListenAddress, Mode, Output, Settings, SettingsError
from uplink_exporter.sources import host, journal, kubernetes, load, netlink, pod_logs, units, wireless
from uplink_exporter.store import Store
from uplink_exporter.supervisor import Watch, supervise
from uplink_exporter.threads import in_thread
from uplink_exporter.web.listen import listen
from uplink_exporter.web.server import serving
from uplink_exporter.web.site import Site

if TYPE_CHECKING:
    from uplink_exporter.web.secure import Guard

log = logging.getLogger(__name__)

GRACE = 5.0
"""Seconds for the first look at the record, and for the last write: of the 30 that the kubelet and systemd give."""


def run(settings: Settings, access: kubernetes.Access | None) -> int:
    """Run the command that was asked for; the exit code. Raises SettingsError."""
    if not settings.rootfs.is_dir():
        raise SettingsError(
            f"--path.rootfs: '{settings.rootfs}' is no directory here; give where the node's root is seen"
        )
    if settings.command is Command.DOCTOR:
        return written(*asyncio.run(run_doctor(settings, access)))
    if settings.command is Command.HISTORY:
        return written(*run_history(settings))
    asyncio.run(serve(settings, access))
    return 0


def sources(
    settings: Settings,
    access: kubernetes.Access | None,
    state: Callable[[], NodeState],
    *,
    rescan: float = inf,
) -> dict[type[Fact], Watch]:
    """Every source, by the fact that it yields. A new source is a line here.

    `state` closes the one loop: to which address flannel is told to look, the kernel can only be asked once flannel's
    flags are known. `rescan` is the longest that a source of directories waits for a hint.
    """
    found: dict[type[Fact], Watch] = {
        Load: partial(load.watch, settings.procfs),
        Host: partial(host.watch, settings.node or host.host_name(), settings.rootfs, Path("/etc/hosts")),
        Wireless: wireless.watch,
        Network: partial(netlink.watch, settings.rootfs / "sys", lambda: _targets(state()), settings.policy.devices),
    }
    chosen = Selection(
        containers=settings.flannel_containers, namespaces=settings.flannel_namespaces, pod=settings.flannel_pod
    )
    if settings.pod_logs is not Mode.OFF:
        where = (settings.pod_logs_path, settings.flannel_run_path / "subnet.env", chosen, settings.rootfs)
        often = min(rescan, pod_logs.RESCAN)
        found[FlannelLogs] = partial(pod_logs.watch, *where, required=settings.pod_logs_required, rescan=often)
    homes = (settings.units_path, settings.flannel_units, boot_id(settings.procfs))
    if settings.units is not Mode.OFF:
        found[FlannelUnits] = partial(units.watch, *homes, rescan=min(rescan, units.RESCAN))
    if settings.journal is not Mode.OFF:
        often = min(rescan, journal.RESCAN)
        found[FlannelJournal] = partial(journal.watch, settings.journal_path, *homes, set(), rescan=often)
    if access is not None:
        pods = state().last(NodePods)
        node, endpoints = settings.node or host.host_name().lower(), pods.endpoints if pods else ()
        found[NodePods] = kubernetes.watcher(access, node, chosen, endpoints)
    return found


def _targets(state: NodeState) -> tuple[str, ...]:
    asked = options(state)
    address = parse_ip(asked.can_reach) if asked else None
    return () if address is None else (str(address),)


async def serve(settings: Settings, access: kubernetes.Access | None) -> None:
    """Serve until SIGTERM or SIGINT."""
    clock = system_clock()
    guard = await _guard(settings.web_config) if settings.web_config else None
    sockets = [listen(address, settings.procfs) for address in settings.listen]
    store = Store(state=await recalled(settings, clock()), clock=clock, on_diagnosis=logs.tell)
    watches = sources(settings, access, lambda: store.state)
    store.sources = frozenset(kind.source for kind in watches)
    last_write = _record(settings.state_directory, store, watches) if settings.state_directory else None
    showing = Showing(sources=tuple(watches), build=build_info(), include=settings.include, exclude=settings.exclude)
    site = Site(
        telemetry_path=settings.telemetry_path,
        scene=lambda: Scene(state=store.state, now=clock(), showing=showing),
    )
    async with serving(site, sockets, guard):
        running = asyncio.create_task(supervise({kind.source: watch for kind, watch in watches.items()}, store))
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, running.cancel)
        listening = (str(ListenAddress(*sock.getsockname()[:2])) for sock in sockets)
        guarded_by = guard.summary if guard else "nothing"
        log.info("serving", extra={"version": __version__, "guard": guarded_by, "listen": ", ".join(listening)})
        if last_write is None:
            log.info("no --state.directory is given, so nothing is remembered over a restart")
        await asyncio.wait([running])
        log.info("ending")
        if not running.cancelled():
            running.result()
    if last_write is not None:
        await last_write()


async def _guard(path: Path) -> Guard:
    from uplink_exporter.web.secure import as_set  # bcrypt comes with it

    return await as_set(path)


async def recalled(settings: Settings, now: Instant) -> NodeState:
    """The state to begin with: what earlier runs left, as far as it can be read."""
    if settings.state_directory is None:
        return begun(settings.policy, None, Chronicle(), boot_id(settings.procfs), now)
    from uplink_exporter import record

    try:
        async with asyncio.timeout(GRACE):
            found = await in_thread(record.begin, settings.state_directory)
        return begun(settings.policy, found.memory, found.chronicle, boot_id(settings.procfs), now)
    except TimeoutError:
        log.error("nothing is remembered of earlier runs", extra={"error": "the disk stalls"})
    except SourceError as error:
        log.error("nothing is remembered of earlier runs", extra={"error": str(error)})
    except Exception:  # whatever earlier runs left, this one starts
        log.exception("nothing is remembered of earlier runs")
    return begun(settings.policy, None, Chronicle(), boot_id(settings.procfs), now)


def _record(directory: Path, store: Store, watches: dict[type[Fact], Watch]) -> Callable[[], Awaitable[None]]:
    """Add the recorder to what runs; it gives the last write, for when all else has ended."""
    from uplink_exporter import record  # SQLite comes with it

    progress = record.Progress()
    store.on_history = progress.changed.set
    watches[Recorded] = partial(record.watch, directory, lambda: store.state, store.clock, progress)

    async def last_write() -> None:
        store.end()
        try:
            async with asyncio.timeout(GRACE):
                await record.finish(directory, store.state, store.clock(), progress)
        except (SourceError, TimeoutError) as error:
            log.error("the last moments are not remembered", extra={"error": str(error) or "the disk stalls"})

    return last_write


async def run_doctor(settings: Settings, access: kubernetes.Access | None) -> tuple[str, int]:
    """Look once: the answer, and the exit code."""
    clock: Callable[[], Instant] = system_clock()
    store = Store(state=looked_up(settings, clock()), clock=clock)
    watches = sources(settings, access, lambda: store.state, rescan=AFTERTHOUGHT / 2)
    # The network last: what flannel is told decides on what the kernel is asked.
    network = watches.pop(Network)
    partial_sources = frozenset({FlannelLogs, FlannelJournal})
    waits: dict[type[Fact], Callable[[], bool]] = {
        Network: lambda: not (store.state.last(Network) or Network()).resolving
    }
    looked = await look(watches, {Network: network}, store=store, partial=partial_sources, waits=waits)
    seen = store.state.last(FlannelUnits)
    if settings.journal is Mode.AUTO and not (seen and seen.units):
        looked = looked.without(FlannelJournal.source)  # no unit is flannel's home: whose words would be missed?
    diagnosis = diagnose(store.state, clock(), watched=False)
    code = doctor.exit_code(diagnosis.verdict, looked)
    if settings.output is Output.JSON:
        return f"{doctor.as_json(diagnosis, store.state, clock(), looked)}\n", code
    text = doctor.as_text(diagnosis, store.state, clock(), looked)
    return f"{coloured(text, code) if takes_colour(os.environ) else text}\n", code


def run_history(settings: Settings) -> tuple[str, int]:
    """What the record tells: the answer, and the exit code. Raises SettingsError."""
    directory = kept_in(settings)
    if directory is None:
        raise SettingsError("history: --state.directory is not set; give the directory that the exporter was given")
    from uplink_exporter import record

    try:
        found = record.read(directory)
    except SourceError as error:
        raise SettingsError(f"history: {error}") from error
    now = system_clock()()
    state = begun(settings.policy, found.memory, found.chronicle, boot_id(settings.procfs), now)
    chronicle, milestones = state.last(Chronicle) or found.chronicle, state.last(Milestones)
    answer = history.answer(
        chronicle,
        settings.node or host.host_name(),
        settings.output,
        now,
        required=settings.policy.required,
        reached=reached(state, milestones) if milestones else None,
    )
    return f"{answer}\n", 0
