"""What a metric is: a name, a help text, label names, and a pure function from what is known to samples.

Names are API; a closed set is given whole, zeros included; nothing is remembered here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from uplink_exporter.diagnosis import Diagnosis, View, judged
from uplink_exporter.facts import Fact, Family, Health, Instant, Link, Network, NodeState, RouteHistory
from uplink_exporter.history.memory import Recorded

Sample = tuple[tuple[str, ...], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildInfo:
    """What this exporter is; the labels of `uplink_exporter_build_info`."""

    version: str
    revision: str
    python_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Showing:
    """What is shown, beside the state: which devices, which sources run, and who we are."""

    sources: tuple[type[Fact], ...]
    build: BuildInfo
    include: Callable[[str], bool] | None = None
    exclude: Callable[[str], bool] | None = None

    def shows(self, name: str) -> bool:
        """Whether a device of that name is shown even if it is no expected uplink."""
        wanted = self.include is None or self.include(name)
        return wanted and (self.exclude is None or not self.exclude(name))


@dataclass(frozen=True, kw_only=True)
class Scene:
    """One look at the node: the state at a moment, with what several families need of it."""

    state: NodeState
    now: Instant
    showing: Showing

    @cached_property
    def view(self) -> View:
        """The state as the rules of the verdict see it."""
        return View(state=self.state, now=self.now)

    @property
    def network(self) -> Network | None:
        """The network, unless its source is stale."""
        return self.view.seen

    @cached_property
    def diagnosis(self) -> Diagnosis:
        """The verdict now."""
        return judged(self.view)

    @cached_property
    def links(self) -> tuple[Link, ...]:
        """The links that are shown."""
        names = {expected.device for expected in self.view.expected}
        links = self.network.links if self.network else ()
        return tuple(link for link in links if link.name in names or self.showing.shows(link.name))

    def up(self, kind: type[Fact]) -> bool:
        """Whether the source of that kind of fact is up; the recorder, only while what it has to write gets written."""
        health = self.state.health.get(kind.source, Health())
        fresh = self.state.up(kind.source, kind.max_age, self.now)
        return fresh and not (kind is Recorded and health.failing)

    def histories(self) -> Iterator[tuple[Family, RouteHistory]]:
        """Both families' route histories, unless their source is stale."""
        return iter(self.network.history.items()) if self.network else iter(())


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricFamily:
    """One metric. `samples` gives label values, in the order of `labels`, with their number.

    `reads` gives the parts of the state that the samples are a function of, so that the text need not be made anew
    while those stay the same; None if the samples change with time itself.
    """

    name: str
    help: str
    samples: Callable[[Scene], Iterable[Sample]]
    labels: tuple[str, ...] = ()
    reads: Callable[[Scene], object] | None = None

    @property
    def counter(self) -> bool:
        """Whether it is a counter; every other one is a gauge."""
        return self.name.endswith("_total")
