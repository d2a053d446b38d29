"""Which links could be the uplink, where none is known to be."""

from __future__ import annotations

from uplink_exporter.facts import Family, Link, Network


def routed(network: Network, family: Family) -> bool:
    """Whether there is a way by an uplink, be it dead."""
    given = [hop for route in network.default_routes(family) for hop in route.next_hops]
    taken = [way.hop for way in network.ways_out(family) if way.hop is not None and way.obstacle is not None]
    links = [network.link_at(hop.index) for hop in (*given, *taken)]
    return any(link is None or not (link.serves_pods or network.outranked(family, link)) for link in links)


def candidates(network: Network) -> tuple[Link, ...]:
    """The links that could be an uplink, where none is known to be: those that are down first, and radios."""
    uplinks = (link for link in network.links if _could_be_uplink(link) and not _carries_others(network, link))
    return tuple(sorted(uplinks, key=lambda link: (link.carries, not link.wireless, link.kind != "")))


def _could_be_uplink(link: Link) -> bool:
    return not (link.loopback or link.raw) and link.kind in _KINDS_OF_UPLINKS and not link.serves_pods


def _carries_others(network: Network, link: Link) -> bool:
    """Whether it is a port, or what another one stands on, or a bridge of virtual machines and containers."""
    master = network.link_at(link.master)
    if master is not None and master.kind in _OF_PORTS:
        return True
    if any(other.lower == link.index for other in network.links):
        return not any(address.index == link.index and address.usable for address in network.addresses)
    ports = [other for other in network.links if other.master == link.index]
    return bool(ports) and all(port.serves_pods or port.kind == "tun" for port in ports)


def suspects(network: Network, family: Family) -> tuple[Link, ...]:
    """The candidates that are down, where none of those that are up can be the uplink.

    A link that has an address and brought no route is a LAN's: an uplink would have brought one with it.
    """
    links = candidates(network)
    if routed(network, family) or not all(addressed(network, link, family) for link in links if link.carries):
        return ()
    return tuple(link for link in links if not link.carries)


def addressed(network: Network, link: Link, family: Family) -> bool:
    """Whether the link has a usable address of the family."""
    addresses = (a for a in network.addresses if a.index == link.index and a.family is family)
    return any(address.usable for address in addresses)


_KINDS_OF_UPLINKS = frozenset({"", "bond", "team", "vlan", "macvlan", "ipvlan", "bridge", "veth", "wwan"})
_OF_PORTS = frozenset({"bridge", "bond", "team", "openvswitch"})
