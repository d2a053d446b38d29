"""The metrics page: families to text, kept per family while what they read stays the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from logging import getLogger

from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, choose_encoder, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from uplink_exporter.families import FAMILIES, MetricFamily, Scene

ERRORS = MetricFamily(
    name="uplink_exporter_errors_total",
    help="Times that a metric family could not be made, and so was left out of the page.",
    labels=("family",),
    samples=lambda scene: (),
)
END = b"# EOF\n"
FORMATS_KEPT = 4

Encoder = Callable[["One"], bytes]
log = getLogger(__name__)


@dataclass(frozen=True, slots=True)
class One:
    """A registry of one metric, as prometheus_client's encoders ask for."""

    metric: Metric

    def collect(self) -> Iterable[Metric]:
        """The metric."""
        return (self.metric,)


@dataclass(slots=True)
class Page:
    """Renders the families. Keeps each one's text, by format, with what it was made from; counts those that fail."""

    families: tuple[MetricFamily, ...] = FAMILIES
    errors: dict[str, int] = field(default_factory=dict)
    kept: dict[str, dict[str, tuple[object, bytes]]] = field(default_factory=dict)

    def render(self, scene: Scene, accept: str) -> tuple[bytes, str]:
        """The page and its content type, by the Accept header: OpenMetrics or Prometheus' text."""
        encoder, content_type = negotiate(accept)
        kept = self.kept.setdefault(content_type, {})
        while len(self.kept) > FORMATS_KEPT:  # the header is the client's word, and it may have many
            del self.kept[next(iter(self.kept))]
        parts = [self._family(family, scene, encoder, kept) for family in self.families]
        parts.append(_text(metric(ERRORS, (((name,), count) for name, count in self.errors.items())), encoder))
        end = END if content_type.startswith("application/openmetrics-text") else b""
        return b"".join([*parts, end]), content_type

    def _family(
        self, family: MetricFamily, scene: Scene, encoder: Encoder, kept: dict[str, tuple[object, bytes]]
    ) -> bytes:
        try:
            read = family.reads(scene) if family.reads else tuple(family.samples(scene))
            before, text = kept.get(family.name, (None, b""))
            if read is None or read != before:
                text = _text(metric(family, family.samples(scene)), encoder)
                kept[family.name] = read, text
        except Exception:  # whatever fails here, the other families are still true
            log.exception("metric family failed", extra={"family": family.name})
            self.errors[family.name] = self.errors.get(family.name, 0) + 1
            return b""
        return text


def negotiate(accept: str) -> tuple[Encoder, str]:
    """The encoder and the content type that the Accept header asks for; plain text if it makes no sense."""
    try:
        return choose_encoder(accept)
    except ValueError:
        return generate_latest, CONTENT_TYPE_PLAIN_0_0_4


def _text(made: Metric, encoder: Encoder) -> bytes:
    return encoder(One(made)).removesuffix(END)


def metric(family: MetricFamily, samples: Iterable[tuple[tuple[str, ...], float]]) -> Metric:
    """A family with its samples, as prometheus_client has them. Raises ValueError for labels that do not fit."""
    kind = CounterMetricFamily if family.counter else GaugeMetricFamily
    made = kind(family.name, family.help, labels=family.labels)
    for labels, value in _distinct(samples):
        # add_metric() zips labels with values, and so would drop what is missing without a word.
        if len(labels) != len(family.labels):
            raise ValueError(f"{family.name} has labels {family.labels}, not {labels}")
        made.add_metric(labels, float(value))
    return made


def _distinct(samples: Iterable[tuple[tuple[str, ...], float]]) -> Iterator[tuple[tuple[str, ...], float]]:
    # Two default routes may differ in nothing that is a label; a duplicate would make Prometheus refuse the page.
    return iter(dict(samples).items())
