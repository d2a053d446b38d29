"""What nl80211 answers: the interfaces, what each has joined, and what was heard in the last scan."""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from uplink_exporter.facts import Joined, Mode, Radio
from uplink_exporter.sources.wire import Message, Wire
from uplink_exporter.sources.wireless import requests
from uplink_exporter.sources.wireless.codec import (
    MOST_HEARD,
    Generic,
    Heard,
    Interface,
    parse_family,
    parse_heard,
    parse_interface,
    parse_station,
)

RECENT = 60.0
"""Seconds for which a scan tells what is in reach; the kernel forgets what it did not hear for 30."""

# ENODEV: the interface went since it was listed.
_GONE = (errno.ENODEV, errno.ENOENT, errno.EOPNOTSUPP)


async def family(wire: Wire) -> Generic | None:
    """The kernel's nl80211; None if it has no cfg80211."""
    answers = await wire.ask(requests.family_request, absent=(errno.ENOENT,))
    return parse_family(answers[0].body) if answers else None


@dataclass(slots=True)
class Asking:
    """Asks for all that there is to know of the radios."""

    wire: Wire
    nl80211: Generic
    names: dict[int, str] = field(default_factory=dict)
    """The interfaces of the last look, by index, and those before it."""

    async def radios(self, scanned: Callable[[int], bool]) -> tuple[Radio, ...]:
        """Every wireless interface. `scanned` tells whether a scan of that interface ended lately."""
        answers = await self.wire.ask(lambda sequence: requests.interfaces_request(sequence, self.nl80211))
        interfaces = [found for answer in answers if (found := parse_interface(answer.body)) is not None]
        self.names = {interface.index: interface.name for interface in interfaces}
        return tuple([await self._radio(interface, scanned) for interface in interfaces])

    async def _radio(self, interface: Interface, scanned: Callable[[int], bool]) -> Radio:
        if interface.mode is not Mode.STATION:
            return Radio(device=interface.name, mode=interface.mode)
        answers = await self._of(interface, requests.scan_request)
        heard = [parse_heard(answer.body) for answer in answers[:MOST_HEARD]]
        recent = [one for one in heard if one.age < RECENT]
        return Radio(
            device=interface.name,
            mode=interface.mode,
            joined=await self._joined(interface, heard),
            heard=frozenset(one.ssid for one in recent if one.ssid),
            scanned=bool(recent) or scanned(interface.index),
        )

    async def _joined(self, interface: Interface, heard: list[Heard]) -> Joined | None:
        answers = await self._of(interface, requests.stations_request)
        if not answers:
            return None
        station = parse_station(answers[0].body)
        ssids: Mapping[str, str] = {one.bssid: one.ssid for one in heard if one.associated}
        return Joined(
            bssid=station.bssid,
            ssid=ssids.get(station.bssid, ""),
            authorized=station.authorized,
            signal=station.signal,
        )

    async def _of(self, interface: Interface, request: Callable[[int, Generic, int], bytes]) -> list[Message]:
        return await self.wire.ask(lambda sequence: request(sequence, self.nl80211, interface.index), absent=_GONE)
