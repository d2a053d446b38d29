"""From `ip link set wlan0 down` to the page that says so."""

from __future__ import annotations

import socket
import time
from struct import pack

from tests.bench.exporters import Running, running, uplink_exporter
from tests.bench.report import Goal, Report, ms, percentile
from tests.kernel.namespace import Namespace, eventually, fresh_namespace

TIMES = 50
QUICK_TIMES = 10
# Longer than the pause between two dumps, and never in step with anything periodic.
QUIET = 0.31

UP = ("link set wlan0 up", "addr replace 192.0.2.2/24 dev wlan0", "route add default via 192.0.2.1")
USABLE = 'uplink_default_route_usable{family="ipv4"}'
STATE = 'uplink_interface_operstate{device="wlan0",operstate="down"}'
VERDICT = 'uplink_diagnosis{verdict="uplink_down"}'


def measure(*, quick: bool) -> Report:
    """The time from just before the system call to the end of the first answer that tells of it."""
    with fresh_namespace() as namespace:
        namespace.ip("link add wlan0 type veth peer name peer0", "link set peer0 up")
        with namespace.call(route_socket) as kernel, running(uplink_exporter("--uplink.device=wlan0"), namespace) as us:
            index = namespace.call(socket.if_nametoindex, "wlan0")
            times = [time_one(namespace, us, kernel, index) for _ in range(QUICK_TIMES if quick else TIMES)]
    median = percentile(times, 0.5)
    return Report(
        title="From `ip link set wlan0 down` to the page",
        head=("", "times", "median ms", "p99 ms"),
        rows=[("uplink-exporter", str(len(times)), ms(median), ms(percentile(times, 0.99)))],
        goals=[Goal(text="from the event to the page, median", value=median * 1000, limit=5, unit=" ms")],
    )


def time_one(namespace: Namespace, us: Running, kernel: socket.socket, index: int) -> float:
    """Bring the uplink up, wait until that is old news, take it down, and look until it shows."""
    namespace.ip(*UP)
    eventually(lambda: us.connection.samples()[USABLE])
    time.sleep(QUIET)
    started = time.perf_counter()
    kernel.send(link_down(index))
    while not tells(us):
        pass
    return time.perf_counter() - started


def tells(us: Running) -> bool:
    """Whether the page shows the device down, the route gone, and the verdict."""
    samples = us.connection.samples()
    return samples[STATE] == samples[VERDICT] == 1 and samples[USABLE] == 0


def route_socket() -> socket.socket:
    """A plain rtnetlink socket."""
    return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)


def link_down(index: int) -> bytes:
    """What `ip link set DEVICE down` sends: RTM_NEWLINK that clears IFF_UP."""
    return pack("=IHHII BxHiII", 32, 16, 1, 0, 0, 0, 0, index, 0, 1)
