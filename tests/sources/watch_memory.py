"""Watches once, then again, and prints by how many MiB the second time raised the process's peak over what it held.

Run by a test: `watch_memory.py URL SERVICE_ACCOUNT`.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from uplink_exporter.flannel.observed import Selection
from uplink_exporter.sources.kubernetes import pods
from uplink_exporter.sources.kubernetes.access import Access
from uplink_exporter.sources.kubernetes.paths import Memory
from uplink_exporter.sources.kubernetes.terms import Timing


def reset_peak() -> None:
    """Let VmHWM begin anew from VmRSS."""
    Path("/proc/self/clear_refs").write_text("5")


def resident(key: str) -> int:
    """VmRSS, or VmHWM: the highest since it was last reset (proc(5)), in KiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{key}:"))


async def main(url: str, account: Path) -> dict[str, float]:
    """Two lists: the first to have everything loaded, the second to measure."""
    host, _, port = url.removeprefix("https://").rpartition(":")
    environ = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port}
    access = Access(environ=environ, service_account=account)
    subject = pods.Subject(node="pi-master1", selection=Selection())
    facts = pods.watch(access, subject, Memory(), Timing(pace=0.2))
    await anext(facts)
    before = resident("VmRSS")
    reset_peak()
    fact = await anext(facts)
    after = {"flannel": len(fact.flannel), "growth": (resident("VmHWM") - before) / 1024, "resident": before / 1024}
    await facts.aclose()
    return after


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(sys.argv[1], Path(sys.argv[2])))))
