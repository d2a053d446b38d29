"""How many requests are answered: a bucket of tokens, as the toolkit's."""

from __future__ import annotations

from dataclasses import dataclass

from uplink_exporter.web.config import RateLimit


@dataclass(slots=True)
class Bucket:
    """`tokens` are left of `limit` as of `time`."""

    limit: RateLimit
    tokens: float
    time: float

    def take(self, now: float) -> bool:
        """Whether one more request may be answered now."""
        self.tokens = min(self.limit.burst, self.tokens + (now - self.time) / self.limit.interval)
        self.time = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True
