"""Each case that the verdict is tested against drives the rules too, over its real pages: its alerts, and no other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.alerts.history import Question, Samples, ask, columns
from tests.scenarios import CASES, SHOWING, Case, page, scenes

SCRAPE = 60

Columns = Mapping[str, Samples]


@pytest.fixture(scope="module")
def nodes() -> Mapping[str, tuple[Case, Columns]]:
    """Each case on a node of its own."""
    targets = {target(number): case for number, case in enumerate(CASES)}
    return {node: (case, columns(scrapes(case, node))) for node, case in targets.items()}


def test_each_has_its_alerts_and_no_other(
    nodes: Mapping[str, tuple[Case, Columns]], promtool: Path, tmp_path: Path
) -> None:
    series = {name: samples for _, history in nodes.values() for name, samples in history.items()}
    questions = [question(node, case) for node, (case, _) in nodes.items()]
    objection = ask(promtool, tmp_path, series, SCRAPE, *questions)
    names = "\n".join(f"{node}: {case.name}" for node, (case, _) in nodes.items())
    assert not objection, f"{objection}\n{names}"


def target(number: int) -> str:
    """The labels of a target of its own."""
    return f'instance="case-{number}:10077",job="uplink-exporter"'


def question(node: str, case: Case) -> Question:
    """Which alerts fire at the end; UplinkRecovering is none to anybody, Alertmanager mutes by it."""
    firing = f'ALERTS{{alertstate="firing",severity!="none",{node}}}'
    return Question(
        expr=f"count by (alertname) ({firing}) > bool 0",
        at=case.until // SCRAPE * SCRAPE,
        answer={f'{{alertname="{alert}"}}': 1.0 for alert in case.alerts},
    )


def scrapes(case: Case, node: str) -> Iterator[Mapping[str, float]]:
    """What Prometheus has after each scrape, from boot on."""
    played = list(scenes(case.moments, case.until, case.policy))
    for uptime in range(0, int(case.until) + 1, SCRAPE):
        told = [scene for scene in played if scene.now.uptime <= uptime]
        silent = case.unscraped is not None and case.unscraped[0] <= uptime < case.unscraped[1]
        samples = page(told[-1]) if told and not silent else {}
        yield {f"up{{{node}}}": float(bool(samples))} | {
            targeted(name, node): value for name, value in samples.items() if name not in set(unused(case))
        }


def unused(case: Case) -> Iterator[str]:
    """How the sources fare that the case does not mention: on its node they are turned off."""
    mentioned = {kind for moment in case.moments for kind in (*map(type, moment.tells), *moment.fails)}
    return (f'uplink_source_up{{source="{kind.source}"}}' for kind in {*SHOWING.sources} - mentioned)


def targeted(sample: str, node: str) -> str:
    """The sample with the labels of its target."""
    name, _, labels = sample.partition("{")
    return f"{name}{{{node},{labels}" if labels else f"{name}{{{node}}}"
