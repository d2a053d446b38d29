"""Network interfaces and their addresses."""

from __future__ import annotations

import re
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

# Docker names the bridge of a network br- and 12 digits; br-lan and br-ex are uplinks.
_OF_PODS = re.compile(r"veth|cali|lxc|cilium|cni|flannel|docker|br-[0-9a-f]{12}$|virbr|kube-")
_IMAGINARY = frozenset({"dummy", "ifb"})


class Rfkill(StrEnum):
    """What holds a radio off, if anything (Documentation/driver-api/rfkill.rst)."""

    NONE = "none"
    SOFTWARE = "software"
    HARDWARE = "hardware"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A network interface. `kind` is rtnetlink's link kind, empty for a physical device.

    `carrier_ups` counts how often its carrier came. `supplicant` tells that its link mode is dormant: that it is up is
    said by a supplicant, which is health. `raw` is one that takes 802.11 frames, a monitor: no uplink.
    `master` is the index of the bridge, bond or team that it is a port of, `lower` that of the link on which it stands.
    """

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
    master: int = 0
    lower: int = 0
    altnames: tuple[str, ...] = ()
    carrier_ups: int = 0
    supplicant: bool = False
    raw: bool = False
    rfkill: Rfkill = Rfkill.NONE

    @property
    def carries(self) -> bool:
        """Whether traffic can leave by it, as far as the kernel knows.

        The operstate follows the carrier up to a second late (net/core/link_watch.c).
        """
        return self.admin_up and self.carrier and self.operstate in CARRYING

    @property
    def serves_pods(self) -> bool:
        """Whether it is a container's or an overlay's, by its name: no uplink, whatever a DHCP client put on it."""
        return _OF_PODS.match(self.name) is not None

    @property
    def imaginary(self) -> bool:
        """Whether what is sent into it goes nowhere: it stands in for an uplink where there is none by design."""
        return self.kind in _IMAGINARY


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
        return not self.unready and goes_far(self.address)

    @property
    def unready(self) -> bool:
        """Whether the kernel has not found it to be its own yet."""
        return bool(self.flags & (self.TENTATIVE | self.DADFAILED))


def goes_far(source: str) -> bool:
    """Whether what comes from this address is forwarded beyond the link, so that an answer can come back."""
    return not source.startswith(_NEAR) and source not in ("", "0.0.0.0", "::", "::1")


_NEAR = ("169.254.", "127.", "fe8", "fe9", "fea", "feb")
