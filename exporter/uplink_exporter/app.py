"""The composition root: the only file that knows everyone."""

from __future__ import annotations

import asyncio
import logging
import platform
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path

from uplink_exporter import __version__
from uplink_exporter.clock import system_clock
from uplink_exporter.commands import doctor
from uplink_exporter.diagnosis import Diagnosis, Verdict, diagnose
from uplink_exporter.facts import Fact, Host, Instant, Load, Network, NodeState
from uplink_exporter.families import BuildInfo, Scene, Showing
from uplink_exporter.flannel.condition import options
from uplink_exporter.flannel.goip import parse_ip
from uplink_exporter.flannel.observed import FlannelLogs, NodePods, Selection
from uplink_exporter.settings import Command, ListenAddress, Mode, Output, Settings
from uplink_exporter.sources import host, load, netlink, pods_logs
from uplink_exporter.sources.api_access import Access
from uplink_exporter.store import Store
from uplink_exporter.supervisor import Watch, supervise
from uplink_exporter.web.listen import listen
from uplink_exporter.web.server import Site, serving

log = logging.getLogger(__name__)


def run(settings: Settings, access: Access | None) -> int:
    """Run the command that was asked for; the exit code."""
    if settings.command is Command.DOCTOR:
        answer, code = asyncio.run(run_doctor(settings, access))
        print(answer)
        return code
    asyncio.run(serve(settings, access))
    return 0


def sources(settings: Settings, access: Access | None, state: Callable[[], NodeState]) -> dict[type[Fact], Watch]:
    """Every source, by the fact that it yields. A new source is a line here.

    `state` closes the one loop: to which address flannel is told to look, the kernel can only be asked once flannel's
    flags are known.
    """
    found: dict[type[Fact], Watch] = {
        Load: partial(load.watch, settings.procfs),
        Host: partial(host.watch, settings.rootfs, Path("/etc/hosts")),
        Network: partial(netlink.watch, settings.rootfs / "sys", lambda: _targets(state())),
    }
    chosen = Selection(
        containers=settings.flannel_containers, namespaces=settings.flannel_namespaces, pod=settings.flannel_pod
    )
    if settings.pod_logs is not Mode.OFF:
        subnet_file = settings.flannel_run_path / "subnet.env"
        found[FlannelLogs] = partial(pods_logs.watch, settings.pod_logs_path, subnet_file, chosen)
    if access is not None:
        found[NodePods] = _pods_api(access, settings.node or platform.node().lower(), chosen)
    return found


def _pods_api(access: Access, node: str, chosen: Selection) -> Watch:
    # Imported only where it runs: OpenSSL comes with it.
    from uplink_exporter.sources import pods_api
    from uplink_exporter.sources.api_client import Timing
    from uplink_exporter.sources.api_paths import Memory

    return partial(pods_api.watch, access, pods_api.Subject(node=node, selection=chosen), Memory(), Timing())


def _targets(state: NodeState) -> tuple[str, ...]:
    asked = options(state)
    address = parse_ip(asked.can_reach) if asked else None
    return () if address is None else (str(address),)


async def serve(settings: Settings, access: Access | None) -> None:
    """Serve until SIGTERM or SIGINT."""
    clock = system_clock()
    store = Store(state=NodeState(policy=settings.policy), clock=clock, on_diagnosis=_tell)
    watches = sources(settings, access, lambda: store.state)
    showing = Showing(sources=tuple(watches), build=build_info(), include=settings.include, exclude=settings.exclude)
    site = Site(
        telemetry_path=settings.telemetry_path,
        scene=lambda: Scene(state=store.state, now=clock(), showing=showing),
    )
    sockets = [listen(address, settings.procfs) for address in settings.listen]
    async with serving(site, sockets):
        running = asyncio.create_task(supervise({kind.source: watch for kind, watch in watches.items()}, store))
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, running.cancel)
        listening = (str(ListenAddress(*sock.getsockname()[:2])) for sock in sockets)
        log.info("serving", extra={"version": __version__, "listen": ", ".join(listening)})
        await asyncio.wait([running])
        log.info("ending")
        if not running.cancelled():
            running.result()


def _tell(diagnosis: Diagnosis, before: Diagnosis | None) -> None:
    well = diagnosis.verdict is Verdict.HEALTHY
    if before is None and diagnosis.verdict is Verdict.UNKNOWN:
        return  # nothing has been looked at yet
    fields = {
        "verdict": diagnosis.verdict,
        "was": before.verdict if before else "unknown",
        "summary": diagnosis.summary,
        "evidence": "; ".join(f"{e.subject}: {e.observed}" for e in diagnosis.evidence),
        "remedy": "; ".join(diagnosis.remedy),
    }
    log.log(logging.INFO if well else logging.WARNING, "verdict changed", extra=fields)


async def run_doctor(settings: Settings, access: Access | None) -> tuple[str, int]:
    """Look once: the answer, and the exit code."""
    clock: Callable[[], Instant] = system_clock()
    store = Store(state=NodeState(policy=settings.policy), clock=clock)
    watches = sources(settings, access, lambda: store.state)
    # The network last: what flannel is told decides on what the kernel is asked.
    network = watches.pop(Network)
    await doctor.look(watches, store)
    await doctor.look({Network: network}, store)
    diagnosis = diagnose(store.state, clock())
    render = doctor.as_json if settings.output is Output.JSON else doctor.as_text
    return render(diagnosis, store.state, clock()), doctor.exit_code(diagnosis.verdict)


def build_info() -> BuildInfo:
    """What this exporter is. The image's build writes the revision beside this file."""
    revision = Path(__file__).with_name("REVISION")
    return BuildInfo(
        version=__version__,
        revision=revision.read_text().strip() if revision.exists() else "unknown",
        python_version=platform.python_version(),
    )
