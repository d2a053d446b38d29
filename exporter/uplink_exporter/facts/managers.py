"""Who manages a device: one machine may have several network managers, each with devices of its own."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase


class Manager(StrEnum):
    """What configures a device, hence whose command brings it back."""

    NETPLAN = "netplan"
    NETWORK_MANAGER = "NetworkManager"
    NETWORKD = "systemd-networkd"
    IFUPDOWN = "ifupdown"
    IFUPDOWN2 = "ifupdown2"
    DHCPCD = "dhcpcd"
    CONNMAN = "connman"
    WICKED = "wicked"
    PPPD = "pppd"
    WPA_SUPPLICANT = "wpa_supplicant"
    IWD = "iwd"
    TALOS = "Talos"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """That a manager has the devices of this name, as fnmatch(3) matches it, apart from some."""

    manager: Manager
    device: str = "*"
    but: tuple[str, ...] = ()
    running: bool = True
    """False if it is only written down: the manager does not run."""
    file: str = ""
    line: int = 0
    """Where it is written; empty and 0 if that is not known, or if no file names the device."""
    provider: str = ""
    """pppd's peer, in /etc/ppp/peers."""
    ports: tuple[str, ...] = ()
    """The devices that a bridge is to have."""

    def covers(self, device: str) -> bool:
        """Whether this device is meant."""
        return fnmatchcase(device, self.device) and not any(fnmatchcase(device, name) for name in self.but)
