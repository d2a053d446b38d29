"""Kubernetes' own default-route question: which address of this node would it take for the host's?

kubelet, kube-apiserver, k3s and others ask ChooseHostInterface (k8s.io/apimachinery, util/net/interface.go) where they
are not told. It reads /proc/net/route and /proc/net/ipv6_route, which show the kernel's routes in another way than
netlink does, and it looks at other things than flannel: IFF_UP counts and link-local addresses do not, and neither
mask nor metric does.
/proc/net/ipv6_route shows all tables; the others than the main one are known here where that one has no default route.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from uplink_exporter.facts import Family, Link, Network, Route
from uplink_exporter.flannel.goip import is_global_unicast, parse_ip


@dataclass(frozen=True, slots=True, kw_only=True)
class HostIp:
    """The address that Kubernetes would take, and the link that has it."""

    device: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NoHostIp:
    """Why Kubernetes would find none, in its words."""

    error: str


def choose_host_interface(network: Network) -> HostIp | NoHostIp:
    """What ChooseHostInterface would answer now. Total."""
    rows = [(family, link) for family in Family for link in _rows(network, family)]
    if not rows:
        return NoHostIp(error='no default routes found in "/proc/net/route" or "/proc/net/ipv6_route"')
    for family, link in rows:
        if link is None:
            return NoHostIp(error="route ip+net: no such network interface")
        # RFC 5549 set-ups have but link-local addresses on their uplinks, and the global one on the loopback.
        loopbacks = (loopback for loopback in network.links if loopback.loopback)
        for candidate in (link, *loopbacks):
            if candidate.admin_up and (address := _global_address(network, candidate, family)):
                return HostIp(device=candidate.name, address=address)
    return NoHostIp(error="unable to select an IP from default routes.")


def _rows(network: Network, family: Family) -> Iterator[Link | None]:
    """The links of what procfs shows as routes to zero; None where it shows no device, as for a blackhole (`*`)."""
    for route in network.routes:
        if route.family is family and not route.destination:
            indexes = _ipv4_row(route) if family is Family.IPV4 else _ipv6_rows(route)
            yield from (network.link_at(index) for index in indexes)


def _ipv4_row(route: Route) -> list[int]:
    # One row a route, with its first next hop (fib_route_seq_show). 0.0.0.0/1 is a route to zero like any other.
    return [next((hop.index for hop in route.next_hops), 0)]


def _ipv6_rows(route: Route) -> list[int]:
    # One row a next hop (ipv6_route_native_seq_show); those without a gateway are taken for the loopback's.
    return [hop.index for hop in route.next_hops if hop.gateway]


def _global_address(network: Network, link: Link, family: Family) -> str:
    version = 4 if family is Family.IPV4 else 6
    parsed = (parse_ip(address.address) for address in network.addresses if address.index == link.index)
    return next((str(ip) for ip in parsed if ip is not None and ip.version == version and is_global_unicast(ip)), "")
