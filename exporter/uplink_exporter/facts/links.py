"""Network interfaces and their addresses."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar


class Family(StrEnum):
    """Address families, in the order in which flannel and the kubelet ask for them."""

    IPV4 = "ipv4"
    IPV6 = "ipv6"


class Operstate(StrEnum):
    """The states of RFC 2863 as the kernel spells them (Documentation/networking/operstates.rst)."""

    UNKNOWN = "unknown"
    NOTPRESENT = "notpresent"
    DOWN = "down"
    LOWERLAYERDOWN = "lowerlayerdown"
    TESTING = "testing"
    DORMANT = "dormant"
    UP = "up"


# Drivers that never report an operstate (tun, wireguard, some Wi-Fi) stay "unknown" and carry traffic all the same.
CARRYING = frozenset({Operstate.UP, Operstate.UNKNOWN})


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A network interface. `kind` is rtnetlink's link kind, empty for a physical device."""

    index: int
    name: str
    operstate: Operstate
    admin_up: bool
    carrier: bool
    carrier_changes: int = 0
    kind: str = ""
    loopback: bool = False
    mtu: int = 1500
    wireless: bool = False
    driver: str = ""

    @property
    def carries(self) -> bool:
        """Whether traffic can leave by it, as far as the kernel knows."""
        return self.admin_up and self.operstate in CARRYING


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """An address on a link, in the kernel's dump order. `flags` are IFA_F_*, `scope` is RT_SCOPE_*."""

    index: int
    family: Family
    address: str
    prefix_length: int
    scope: int = 0
    flags: int = 0

    # linux/if_addr.h
    TEMPORARY: ClassVar[int] = 0x01
    DADFAILED: ClassVar[int] = 0x08
    DEPRECATED: ClassVar[int] = 0x20
    TENTATIVE: ClassVar[int] = 0x40
    PERMANENT: ClassVar[int] = 0x80

    @property
    def usable(self) -> bool:
        """Whether it can be the source of traffic that leaves the link."""
        unready = self.flags & (self.TENTATIVE | self.DADFAILED)
        local = self.address.startswith(("169.254.", "fe80:", "127.")) or self.address == "::1"
        return not unready and not local
