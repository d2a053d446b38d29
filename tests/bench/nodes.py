"""Nodes of a size: network namespaces with so many interfaces and so many routes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address

from tests.kernel.namespace import Namespace, fresh_namespace

GATEWAY = "192.0.2.1"
DEFAULT_ROUTE = f"route add default via {GATEWAY}"
SETTLED = 2.0
LINKS_A_SECOND = 100  # more than that the kernel does not let come up (net/core/link_watch.c)


@dataclass(frozen=True, slots=True, order=True)
class Size:
    """How much there is to read on a node."""

    interfaces: int
    routes: int

    def __str__(self) -> str:
        return f"{self.interfaces} / {self.routes:,}"


@contextmanager
def node(size: Size) -> Iterator[Namespace]:
    """A node: `net0` is its uplink, the far ends of its lines are in a namespace of their own."""
    with fresh_namespace() as far, fresh_namespace() as here:
        devices = [f"net{number}" for number in range(size.interfaces)]
        here.ip(*(f"link add {device} type veth peer name {device} netns {far.name}" for device in devices))
        far.ip(*(f"link set {device} up" for device in devices))
        here.ip(
            *(f"link set {device} up" for device in devices),
            "addr add 192.0.2.2/24 dev net0",
            f"neigh add {GATEWAY} lladdr 02:00:00:00:00:01 nud permanent dev net0",
            DEFAULT_ROUTE,
            *(f"route add {route}" for route in routes(size.routes)),
        )
        time.sleep(SETTLED + size.interfaces / LINKS_A_SECOND)
        yield here


def routes(count: int, first: str = "10.0.0.0") -> Iterator[str]:
    """So many routes to single addresses, for ip-route(8)."""
    start = int(IPv4Address(first))
    return (f"{IPv4Address(start + number)} via {GATEWAY}" for number in range(count))
