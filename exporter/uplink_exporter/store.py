"""The one mutable cell: what is known of the node now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from logging import getLogger

from uplink_exporter.diagnosis import Diagnosis, diagnose
from uplink_exporter.facts import Fact, Instant, NodeState, Reason
from uplink_exporter.flannel.ledger import Ledger
from uplink_exporter.flannel.observed import FlannelLogs, NodePods

log = getLogger(__name__)


@dataclass(slots=True)
class Store:
    """Holds the current NodeState; `clock` says when, `on_diagnosis` is told of each change of verdict."""

    state: NodeState
    clock: Callable[[], Instant]
    on_diagnosis: Callable[[Diagnosis, Diagnosis | None], None] = lambda now, before: None
    _last: Diagnosis | None = None

    def observe(self, fact: Fact) -> None:
        """Take in what a source yielded."""
        now = self.clock()
        self.state = kept(self.state.observe(fact, now), fact, now)
        self._judge()

    def fail(self, source: str, reason: Reason) -> None:
        """Take in that a source failed."""
        self.state = self.state.fail(source, reason)
        self._judge()

    def _judge(self) -> None:
        try:
            self._tell(diagnose(self.state, self.clock()))
        except Exception:  # a fault of ours in judging: what was observed is true all the same
            log.exception("no verdict")

    def _tell(self, diagnosis: Diagnosis) -> None:
        if self._last is None or diagnosis.verdict is not self._last.verdict:
            self.on_diagnosis(diagnosis, self._last)
        self._last = diagnosis


def kept(state: NodeState, fact: Fact, now: Instant) -> NodeState:
    """The state with flannel's ledger carried on, which both paths to flannel feed."""
    if not isinstance(fact, FlannelLogs | NodePods):
        return state
    return state.observe((state.last(Ledger) or Ledger()).after(fact, now), now)
