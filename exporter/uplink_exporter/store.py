"""The one mutable cell: what is known of the node now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from logging import getLogger

from uplink_exporter.diagnosis import Diagnosis, diagnose
from uplink_exporter.facts import Fact, Instant, NodeState, Reason
from uplink_exporter.history import telling
from uplink_exporter.history.memory import changed

log = getLogger(__name__)


@dataclass(slots=True)
class Store:
    """Holds the current NodeState; `clock` says when, `on_diagnosis` is told of each change of verdict.

    `sources` are those whose first word is waited for until a verdict is written down; `on_history` is told when there
    is more to be left to the next run.
    """

    state: NodeState
    clock: Callable[[], Instant]
    on_diagnosis: Callable[[Diagnosis, Diagnosis | None], None] = lambda now, before: None
    on_history: Callable[[], None] = lambda: None
    sources: frozenset[str] = frozenset()
    _last: Diagnosis | None = None

    def observe(self, fact: Fact) -> None:
        """Take in what a source yielded."""
        now = self.clock()
        self._become(telling.told(self.state, fact, now), now)

    def fail(self, source: str, reason: Reason) -> None:
        """Take in that a source failed."""
        self._become(self.state.fail(source, reason), self.clock())

    def end(self) -> None:
        """Take in that nobody watches any more."""
        self.state = telling.ended(self.state, self.clock())

    def _become(self, state: NodeState, now: Instant) -> None:
        before, self.state = self.state, state
        self._judge(now)
        if changed(before, self.state):
            self.on_history()

    def _judge(self, now: Instant) -> None:
        try:
            diagnosis = diagnose(self.state, now)
            if self.sources <= self.state.health.keys():
                self.state = telling.judged(self.state, diagnosis, now)
            self._tell(diagnosis)
        except Exception:  # a fault of ours in judging: what was observed is true all the same
            log.exception("no verdict")

    def _tell(self, diagnosis: Diagnosis) -> None:
        if self._last is None or diagnosis.verdict is not self._last.verdict:
            self.on_diagnosis(diagnosis, self._last)
        self._last = diagnosis
