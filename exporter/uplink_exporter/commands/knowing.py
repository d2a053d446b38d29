"""What is known before a look is taken: what an exporter on this machine has seen, and what it has left."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

from uplink_exporter.clock import boot_id
from uplink_exporter.commands.asking import histories
from uplink_exporter.commands.healthcheck import nearest
from uplink_exporter.facts import Instant, NodeState, SourceError
from uplink_exporter.history.chronicle import Chronicle
from uplink_exporter.history.memory import Memory
from uplink_exporter.history.telling import begun
from uplink_exporter.settings import Settings

log = logging.getLogger(__name__)


def looked_up(settings: Settings, now: Instant) -> NodeState:
    """The state for a look: with what an exporter on this machine has seen and left so far, if there is one."""
    boot = boot_id(settings.procfs)
    memory = _remembered(settings) or Memory(boot=boot, known_until=now.uptime)
    seen = histories(*nearest([(a.host, a.port) for a in settings.listen]), settings.telemetry_path, now)
    if seen:
        earlier = memory if memory.boot == boot else Memory(boot=boot, known_until=now.uptime, uplinks=memory.uplinks)
        memory = replace(earlier, known_until=now.uptime, routes=seen)
    return begun(settings.policy, memory, Chronicle(), boot, now)


def _remembered(settings: Settings) -> Memory | None:
    directory = kept_in(settings)
    if directory is not None:
        from uplink_exporter import record

        try:
            return record.read(directory).memory
        except SourceError as error:
            log.warning("nothing is remembered", extra={"error": str(error)})
        except Exception:  # whatever an exporter left, a look is taken
            log.exception("nothing is remembered")
    return None


def kept_in(settings: Settings) -> Path | None:
    """Where an exporter on this node keeps its record: as given, else where the unit and the chart have it."""
    usual = settings.rootfs / "var/lib/uplink-exporter"
    return settings.state_directory or (usual if usual.is_dir() else None)
