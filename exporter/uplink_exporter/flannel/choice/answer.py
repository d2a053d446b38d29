"""What flannel's question can be answered with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from uplink_exporter.facts import Reached


class Method(StrEnum):
    """By what flannel finds its interface."""

    DEFAULT_ROUTE = "default_route"
    IFACE = "iface"
    IFACE_REGEX = "iface_regex"
    CAN_REACH = "can_reach"
    PUBLIC_IP = "public_ip"


class Blocked(StrEnum):
    """Why flannel would not start; the closed set of `uplink_flannel_start_blocked`."""

    NODE_IP = "node_ip"
    """k3s and its kin find no address of this node, which they ask for before flannel's own question."""
    NO_DEFAULT_ROUTE = "no_default_route"
    NO_DEFAULT_ROUTE6 = "no_default_route6"
    DEFAULT_ROUTE_NO_OIF = "default_route_no_oif"
    DEFAULT_IFACE_MISMATCH = "default_iface_mismatch"
    IFACE_NO_ADDRESS = "iface_no_address"
    IFACE_MISSING = "iface_missing"
    IFACE_IP_MISSING = "iface_ip_missing"
    IFACE_NO_MATCH = "iface_no_match"
    UNREACHABLE = "unreachable"
    MTU = "mtu"
    CONFIG = "config"
    PANIC = "panic"
    UNDECIDED = "undecided"
    """It cannot be told here: a pattern too costly to try, or a route that was not looked up."""


Reach = Callable[[str], Reached | None]
"""The kernel's route lookup for an address; None if it was not made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What flannel would take. Addresses are those it logs, empty if it logs none."""

    device: str
    address: str = ""
    address6: str = ""
    method: Method


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why flannel would die."""

    reason: Blocked
    inner: str
    """The words of the search that failed, of the last one if there were several."""
    error: str
    """The line with which flannel ends."""
    lookback: tuple[str, ...] = ()
    """The lines before it, where they tell the cause and it does not."""
