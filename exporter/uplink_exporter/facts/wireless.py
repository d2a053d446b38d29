"""The node's radios, as nl80211 has them: what each has joined, and how each connection ended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import ClassVar

from uplink_exporter.facts.fact import Instant, Reason

ROAMING = 2.0
"""Seconds within which a station that left one access point joins another of its own accord, if it roams."""

MOST_KNOWN = 16


class Mode(StrEnum):
    """What a wireless interface is for (enum nl80211_iftype)."""

    STATION = "station"
    ACCESS_POINT = "access_point"
    MONITOR = "monitor"
    OTHER = "other"


class End(StrEnum):
    """Why a connection, or the attempt at one, ended; the closed set of `uplink_wireless_disconnects_total`."""

    HANDSHAKE = "handshake"
    """The handshake failed: a wrong passphrase, as WPA2 tells it."""
    REFUSED = "refused"
    """The access point refused to let it in: a wrong passphrase, as WPA3 tells it."""
    SIGNAL_LOST = "signal_lost"
    """The access point was not heard any more."""
    ACCESS_POINT = "access_point"
    """The access point ended it: it was stopped, or it sent the station away."""
    LOCAL = "local"
    """This node ended it: its supplicant, its user, or its regulatory domain."""
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """One end: of which device, when (seconds since boot), and why."""

    device: str
    at: float
    end: End


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """The access point that a station is connected to, if it was let in. `signal` is in dBm."""

    bssid: str
    ssid: str = ""
    authorized: bool = False
    signal: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Radio:
    """A wireless interface. `heard` are the networks of the last scan, whoever asked for it."""

    device: str
    mode: Mode
    joined: Joined | None = None
    heard: frozenset[str] = frozenset()
    scanned: bool = False
    """Whether the last scan is recent enough for a network that is not in it to be out of reach."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """What an event of nl80211 told of a device: it joined an access point, or, with an `end`, it did not stay."""

    device: str
    bssid: str = ""
    end: End | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wireless:
    """The radios, and what happened to them since the last look; `following` keeps the counts.

    Empty where the kernel has no cfg80211, and in a network namespace that is not the host's.
    """

    source: ClassVar[str] = "wireless"
    max_age: ClassVar[float] = 180.0
    reasons: ClassVar[tuple[Reason, ...]] = ()

    radios: tuple[Radio, ...] = ()
    happened: tuple[Happened, ...] = ()
    last: Mapping[str, Ended] = field(default_factory=lambda: MappingProxyType({}))
    """How each device's last connection ended."""
    ends: Mapping[tuple[str, End], int] = field(default_factory=lambda: MappingProxyType({}))
    roams: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    known: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """The network that each device joined last."""
    leaving: tuple[tuple[Ended, str], ...] = ()
    """Ends of this node's own doing that may turn out to be roaming, with the access point that was left."""

    def radio(self, device: str) -> Radio | None:
        """The wireless interface of that name."""
        return next((radio for radio in self.radios if radio.device == device), None)

    def following(self, previous: Wireless | None, now: Instant) -> Wireless:
        """This look with the counts carried on."""
        before = previous or Wireless()
        known = {r.device: r.joined.ssid for r in self.radios if r.joined and r.joined.authorized and r.joined.ssid}
        carried = replace(
            self,
            last=before.last,
            ends=before.ends,
            roams=before.roams,
            known=_newest({**before.known, **known}),
            leaving=before.leaving,
        )
        bssids = {radio.device: radio.joined.bssid for radio in before.radios if radio.joined}
        for happened in self.happened:
            carried = carried._after(happened, bssids.get(happened.device, ""), now)
            bssids[happened.device] = happened.bssid if happened.end is None else ""
        return carried._settled(now)

    def _after(self, happened: Happened, left: str, now: Instant) -> Wireless:
        if happened.end is None:
            return self._joined(happened)
        ended = Ended(device=happened.device, at=now.uptime, end=happened.end)
        if happened.end is End.LOCAL and left:
            return replace(self, leaving=(*self.leaving, (ended, left)))
        return self._counted((ended,))

    def _joined(self, happened: Happened) -> Wireless:
        """Joined after it left another access point a moment ago: it roamed, and nothing ended."""
        left = next((left for ended, left in self.leaving if ended.device == happened.device), "")
        if not left or left == happened.bssid:
            return self
        others = tuple(entry for entry in self.leaving if entry[0].device != happened.device)
        roams = {**self.roams, happened.device: self.roams.get(happened.device, 0) + 1}
        return replace(self, leaving=others, roams=MappingProxyType(roams))

    def _settled(self, now: Instant) -> Wireless:
        """With those ends counted that were no roaming after all."""
        over = tuple(ended for ended, _ in self.leaving if now.uptime - ended.at > ROAMING)
        waiting = tuple(entry for entry in self.leaving if now.uptime - entry[0].at <= ROAMING)
        return replace(self._counted(over), leaving=waiting) if over else self

    def _counted(self, over: Iterable[Ended]) -> Wireless:
        ends, last = dict(self.ends), dict(self.last)
        for ended in over:
            ends[ended.device, ended.end] = ends.get((ended.device, ended.end), 0) + 1
            last[ended.device] = ended
        return replace(self, ends=MappingProxyType(ends), last=MappingProxyType(last))


def _newest(known: Mapping[str, str]) -> Mapping[str, str]:
    return MappingProxyType(dict(list(known.items())[-MOST_KNOWN:]))
