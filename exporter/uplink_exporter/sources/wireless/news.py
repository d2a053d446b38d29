"""What was heard of the radios between two looks at them, and when the next look is due."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from uplink_exporter.facts import ROAMING, End, Happened, Mode, Radio
from uplink_exporter.sources.wire import Message
from uplink_exporter.sources.wireless.codec import Command, parse_event, parse_index

SHORTEST = 0.1
"""Seconds between two looks, however much happens."""

SEARCHING = 15.0
"""Seconds between two looks at what was heard while a station has joined nobody, and its supplicant scans."""

SCANNED = 60.0

_SCANNED = Command.NEW_SCAN_RESULTS
_CHANGED = frozenset({Command.NEW_INTERFACE, Command.DEL_INTERFACE, Command.SET_INTERFACE})


@dataclass(slots=True)
class News:
    """The events since the last look."""

    period: float
    last: float = field(default_factory=lambda: asyncio.get_running_loop().time())
    events: list[tuple[int, Happened]] = field(default_factory=list)
    scans: dict[int, float] = field(default_factory=dict)
    searching: bool = False
    changed: bool = False
    settling: bool = False
    """Whether something ended that may turn out to be roaming, for which the next look is not to wait long."""

    def heard(self, messages: Iterable[Message]) -> None:
        """Take in events."""
        for message in messages:
            command = message.body[0]
            if command == _SCANNED:
                self.scans[parse_index(message.body)] = asyncio.get_running_loop().time()
            self.changed |= command in _CHANGED
            if (event := parse_event(message.body)) is not None:
                self.events.append(event)

    def looked(self, radios: Iterable[Radio]) -> None:
        """Take in that the radios were looked at."""
        self.last = asyncio.get_running_loop().time()
        stations = [radio for radio in radios if radio.mode is Mode.STATION]
        self.searching = any(radio.joined is None for radio in stations)
        self.changed = False

    def told(self, names: Mapping[int, str]) -> tuple[Happened, ...]:
        """What happened since the last look, by the names of the devices, and begin anew."""
        told = tuple(replace(happened, device=names[index]) for index, happened in self.events if index in names)
        self.settling = any(happened.end is End.LOCAL for happened in told)
        self.events.clear()
        return told

    def scanned(self, index: int) -> bool:
        """Whether a scan of that interface ended lately."""
        ended = self.scans.get(index)
        return ended is not None and asyncio.get_running_loop().time() - ended < SCANNED

    @property
    def wait(self) -> float:
        """Seconds until the next look is due, if nothing more happens."""
        return max(0.0, self.last + self._pause - asyncio.get_running_loop().time())

    @property
    def _pause(self) -> float:
        if self.events or self.changed:
            return SHORTEST
        if self.settling:
            return ROAMING + SHORTEST
        return SEARCHING if self.searching and self.scans else self.period
