"""The metrics page: families to text, kept per family while what they read stays the same."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from logging import getLogger

from uplink_exporter.families import FAMILIES, MetricFamily, Scene
from uplink_exporter.lean import bare_package

with bare_package("prometheus_client"):
    from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
    from prometheus_client.openmetrics import exposition as openmetrics

ERRORS = MetricFamily(
    name="uplink_exporter_errors_total",
    help="Times that a metric family could not be made, and so was left out of the page.",
    labels=("family",),
    samples=lambda scene: (),
)
OPENMETRICS = openmetrics.CONTENT_TYPE_LATEST
TEXT = "text/plain; version=0.0.4; charset=utf-8"
END = b"# EOF\n"
# No name of ours needs escaping; with this scheme the encoder does not go through them letter by letter.
encode: Callable[..., bytes] = partial(openmetrics.generate_latest, escaping=openmetrics.ALLOWUTF8)

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
        content_type = negotiate(accept)
        parts = [self._family(family, scene, content_type) for family in self.families]
        parts.append(_text(ERRORS, (((name,), count) for name, count in self.errors.items()), content_type))
        end = END if content_type == OPENMETRICS else b""
        return b"".join([*parts, end]), content_type

    def _family(self, family: MetricFamily, scene: Scene, content_type: str) -> bytes:
        kept = self.kept.setdefault(content_type, {})
        try:
            # What a family without `reads` shows is small: its samples themselves are compared.
            samples = None if family.reads else tuple(family.samples(scene))
            read = family.reads(scene) if family.reads else samples
            before, text = kept.get(family.name, (None, b""))
            if read is None or read != before:
                text = _text(family, family.samples(scene) if samples is None else samples, content_type)
                kept[family.name] = read, text
        except Exception:  # whatever fails here, the other families are still true
            log.exception("metric family failed", extra={"family": family.name})
            self.errors[family.name] = self.errors.get(family.name, 0) + 1
            return b""
        return text


def negotiate(accept: str) -> str:
    """The content type for an Accept header: OpenMetrics if it is named there, as Prometheus does, else plain text."""
    return OPENMETRICS if acceptable("application/openmetrics-text", accept) else TEXT


def acceptable(name: str, header: str) -> bool:
    """Whether an Accept or Accept-Encoding header names this, other than to refuse it (RFC 9110, section 12.4.2)."""
    for item in header.lower().split(","):
        named, *parameters = (part.replace(" ", "") for part in item.split(";"))
        if named == name:
            return not any(re.fullmatch(r"q=0(\.0{0,3})?", parameter) for parameter in parameters)
    return False


def _text(family: MetricFamily, samples: Iterable[tuple[tuple[str, ...], float]], content_type: str) -> bytes:
    made = metric(family, samples)
    if content_type == TEXT:
        # For gauges and counters the two formats differ in this alone: OpenMetrics leaves `_total` out of the metadata.
        # prometheus_client's own encoder for text comes with HTTP servers, a push client and OpenSSL.
        made.name = family.name
    return encode(One(made)).removesuffix(END)


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
