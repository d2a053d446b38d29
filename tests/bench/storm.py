"""10,000 route changes at once, and in their midst a default route that goes and comes back."""

from __future__ import annotations

import time
from pathlib import Path

from tests.bench.exporters import running, uplink_exporter
from tests.bench.nodes import DEFAULT_ROUTE, Size, node, routes
from tests.bench.report import Goal, Report, ms

SIZE = Size(5, 10)
CHANGES = 10_000
OVER = 2.0

OVERFLOWS = 'uplink_source_errors_total{reason="overflow",source="netlink"}'
LOSSES = 'uplink_default_route_losses_total{family="ipv4"}'


def measure(*, quick: bool) -> Report:
    """What the storm costs, and whether anything of it was lost. It takes seconds, quick or not."""
    added = list(routes(CHANGES // 2, first="11.0.0.0"))
    storm = [*(f"route add {route}" for route in added), *(f"route del {route}" for route in added)]
    storm[CHANGES // 2 : CHANGES // 2] = [DEFAULT_ROUTE.replace("add", "del"), DEFAULT_ROUTE]
    with node(SIZE) as namespace, running(uplink_exporter(), namespace) as us:
        before, started = us.cpu(), time.perf_counter()
        namespace.ip(*storm)
        took = time.perf_counter() - started
        time.sleep(OVER)
        cpu, samples, dropped = us.cpu() - before, us.connection.samples(), drops(us.pid)
    overflows, losses = samples[OVERFLOWS], samples[LOSSES]
    return Report(
        title=f"A storm of {CHANGES:,} route changes; between two of them the default route is gone",
        head=("", "took ms", "messages dropped", "overflows", "losses seen", "CPU ms"),
        rows=[("uplink-exporter", ms(took), f"{dropped:,}", f"{overflows:g}", f"{losses:g} of 1", ms(cpu))],
        goals=[
            Goal(text="storm: overflows of the default socket buffer", value=overflows + dropped, limit=0),
            Goal(text="storm: losses of the default route that were missed", value=1 - losses, limit=0),
        ],
    )


def drops(pid: int) -> int:
    """Messages for which there was no room in the buffers of the namespace's netlink sockets."""
    lines = Path("/proc", str(pid), "net/netlink").read_text().splitlines()[1:]
    return sum(int(line.split()[8]) for line in lines)
