"""What is true of this node: frozen slices, each complete, and how each follows the one before it.

Rules of this room: no clock, no kernel, no library, no opinion. A source builds a fact from what it read;
`following` is the only place where a counter may grow. Times are seconds since boot (CLOCK_BOOTTIME), because
the wall clock of a node without a network, hence without NTP, may be wrong by decades.
"""

from uplink_exporter.facts.fact import Fact, Health, Instant, Reason, SourceError
from uplink_exporter.facts.host import Host, Load, Pressure
from uplink_exporter.facts.links import CARRYING, Address, Family, Link, Operstate, Rfkill
from uplink_exporter.facts.managers import Claim, Manager
from uplink_exporter.facts.network import Network
from uplink_exporter.facts.outside import OUTSIDE, Obstacle, Way, hops_of, read, ways
from uplink_exporter.facts.policy import FlannelPolicy, Policy
from uplink_exporter.facts.route_history import Device, RouteHistory
from uplink_exporter.facts.routes import (
    LOCAL_TABLE,
    MAIN_TABLE,
    Neighbour,
    NeighbourState,
    NextHop,
    Reached,
    Route,
    RouteType,
    Rule,
)
from uplink_exporter.facts.state import NodeState
from uplink_exporter.facts.wireless import ROAMING, End, Ended, Happened, Joined, Mode, Radio, Wireless

__all__ = [
    "CARRYING",
    "LOCAL_TABLE",
    "MAIN_TABLE",
    "OUTSIDE",
    "ROAMING",
    "Address",
    "Claim",
    "Device",
    "End",
    "Ended",
    "Fact",
    "Family",
    "FlannelPolicy",
    "Happened",
    "Health",
    "Host",
    "Instant",
    "Joined",
    "Link",
    "Load",
    "Manager",
    "Mode",
    "Neighbour",
    "NeighbourState",
    "Network",
    "NextHop",
    "NodeState",
    "Obstacle",
    "Operstate",
    "Policy",
    "Pressure",
    "Radio",
    "Reached",
    "Reason",
    "Rfkill",
    "Route",
    "RouteHistory",
    "RouteType",
    "Rule",
    "SourceError",
    "Way",
    "Wireless",
    "hops_of",
    "read",
    "ways",
]
