"""The story as it happens: a line for each thing that changes, with who tells it and the seconds so far."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tests.stack.servers import BrokenReplayError

PATIENCE = 60.0
INDENT = " " * 23

View = Callable[[], Mapping[str, str]]
"""What somebody sees now: a line for each thing, by its name."""


@dataclass(kw_only=True)
class Telling:
    """What was told so far, and who is asked for more."""

    out: Callable[[str], None]
    began: float = field(default_factory=time.monotonic)
    views: dict[str, View] = field(default_factory=dict)
    told: dict[str, Mapping[str, str]] = field(default_factory=dict)
    moments: dict[str, float] = field(default_factory=dict)
    """When the story came how far, in Unix time."""

    def tell(self, who: str, text: str) -> None:
        """One thing; what it says in more than one line is set in."""
        first, *more = text.splitlines()
        self.out(f"{who:<12} {time.monotonic() - self.began:6.1f} s  {first}")
        for line in more:
            self.out(f"{INDENT}{line}".rstrip())

    def look(self) -> None:
        """Tell what changed in any view."""
        for who, view in self.views.items():
            before, now = self.told.get(who, {}), view()
            for name, text in now.items():
                if before.get(name) != text:
                    self.tell(who, text)
            for name in before.keys() - now.keys():
                self.tell(who, f"{name} is over")
            self.told[who] = now

    def until(self, what: str, check: Callable[[], object], within: float = PATIENCE) -> None:
        """Go on telling until it holds. Raises BrokenReplayError if it does not within so many seconds."""
        deadline = time.monotonic() + within
        self.look()
        while not check():
            if time.monotonic() > deadline:
                raise BrokenReplayError(f"not within {within:g} s: {what}")
            time.sleep(0.1)
            self.look()
