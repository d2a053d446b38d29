"""The page: whatever the node, it parses; whatever the client asks, it answers; one family's fault is its own."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families as text_families

from tests.builders import HOST, LOAD, NETWORK, SHOWING, WLAN0, at, node, scene, with_links
from tests.feeding import Happening
from tests.strategies import after, gaps, policies, timelines
from uplink_exporter.facts import Host, Load, Network, NodeState, Policy
from uplink_exporter.families import FAMILIES, MetricFamily, Scene
from uplink_exporter.flannel.observed import FlannelLogs, NodePods
from uplink_exporter.web.page import Page, metric

OPENMETRICS = "application/openmetrics-text"
TEXT = "text/plain; version=0.0.4; charset=utf-8"
SHOWN = replace(SHOWING, sources=(Network, Load, Host, FlannelLogs, NodePods))


def scenes(timeline: list[tuple[float, Happening]], policy: Policy, gap: float) -> list[Scene]:
    """Looks at a node, after each thing that happened and a while later."""
    state, seen = NodeState(policy=policy), []
    for uptime, happening in timeline:
        state = after(state, at(uptime), happening)
        seen += [Scene(state=state, now=at(when), showing=SHOWN) for when in (uptime, uptime + gap)]
    return seen


def families(page: Page, scene: Scene, accept: str) -> list[Metric]:
    text = page.render(scene, accept)[0].decode()
    return list(openmetrics_families(text) if accept else text_families(text))  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("accept", ["", OPENMETRICS])
@given(timelines(), policies, gaps)
def test_any_node_s_page_parses_without_a_duplicate_and_its_state_sets_are_one_hot(
    accept: str, timeline: list[tuple[float, Happening]], policy: Policy, gap: float
) -> None:
    page = Page()
    for look in scenes(timeline, policy, gap):
        samples = [sample for family in families(page, look, accept) for sample in family.samples]
        series = Counter((sample.name, tuple(sorted(sample.labels.items()))) for sample in samples)
        assert series.most_common(1)[0][1] == 1
        verdicts = [sample.value for sample in samples if sample.name == "uplink_diagnosis"]
        assert sum(verdicts) == 1
        for link in look.links:
            states = [s for s in samples if s.name == "uplink_interface_operstate" and s.labels["device"] == link.name]
            assert sum(sample.value for sample in states) == 1
    assert page.errors == {}


@given(timelines(), policies, gaps, st.lists(st.sampled_from(["", OPENMETRICS])))
def test_what_is_kept_from_page_to_page_is_what_would_be_made_anew(
    timeline: list[tuple[float, Happening]], policy: Policy, gap: float, accepts: list[str]
) -> None:
    page = Page()
    for number, look in enumerate(scenes(timeline, policy, gap)):
        accept = accepts[number % len(accepts)] if accepts else ""
        assert page.render(look, accept) == Page().render(look, accept)


@given(timelines(), gaps)
def test_counters_never_fall(timeline: list[tuple[float, Happening]], gap: float) -> None:
    before: dict[tuple[str, str], float] = {}
    for look in scenes(timeline, Policy(), 0.0):
        for family in families(Page(), look, ""):
            # The kernel's own counters begin anew with a device; everything that is counted here goes on.
            if family.type != "counter" or family.name in (
                "uplink_interface_carrier_changes",
                "uplink_pressure_stalled",
            ):
                continue
            for sample in family.samples:
                key = (sample.name, str(sorted(sample.labels.items())))
                assert sample.value >= before.get(key, 0)
                before[key] = sample.value


BROKEN = MetricFamily(name="uplink_broken", help="Raises.", samples=lambda scene: [((), 1 / 0)])
MISLABELLED = MetricFamily(
    name="uplink_mislabelled", help="Drops a label.", samples=lambda scene: [(("a",), 1.0)], labels=("one", "two")
)
UNREADABLE = MetricFamily(
    name="uplink_unreadable", help="Raises.", samples=lambda scene: [], reads=lambda scene: 1 // 0
)


@pytest.mark.parametrize("broken", [BROKEN, MISLABELLED, UNREADABLE], ids=lambda family: str(family.name))
def test_a_family_that_raises_is_left_out_counted_and_logged_and_the_others_stay(
    broken: MetricFamily, caplog: pytest.LogCaptureFixture
) -> None:
    page = Page(families=(*FAMILIES[:3], broken, *FAMILIES[3:]))
    whole = Page().render(scene(node(NETWORK)), "")[0]
    with caplog.at_level(logging.ERROR):
        first = page.render(scene(node(NETWORK)), "")[0]
        second = page.render(scene(node(NETWORK)), "")[0]
    counted = f'uplink_exporter_errors_total{{family="{broken.name}"}} '.encode()
    assert first == whole + counted + b"1.0\n"
    assert second == whole + counted + b"2.0\n"
    assert broken.name.encode() + b" " not in first
    assert [record.__dict__["family"] for record in caplog.records] == [broken.name] * 2


def test_a_family_that_raised_is_back_when_it_no_longer_does() -> None:
    fine = replace(BROKEN, samples=lambda look: [((), 1.0 / look.now.uptime)])
    page = Page(families=(fine,))
    assert b"uplink_broken " not in page.render(scene(node(), uptime=0), "")[0]
    assert b"uplink_broken 0.5" in page.render(scene(node(), uptime=2), "")[0]


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        pytest.param("", TEXT, id="nothing"),
        pytest.param("*/*", TEXT, id="curl"),
        pytest.param("text/html,application/xhtml+xml,*/*;q=0.8", TEXT, id="a browser"),
        pytest.param(
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
            "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            f"{OPENMETRICS}; version=1.0.0; charset=utf-8",
            id="Prometheus 2",
        ),
        pytest.param(
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;"
            "version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2",
            f"{OPENMETRICS}; version=1.0.0; charset=utf-8",
            id="Prometheus 3",
        ),
    ],
)
def test_the_format_is_the_one_that_is_asked_for(accept: str, content_type: str) -> None:
    body, answered = Page().render(scene(node(NETWORK)), accept)
    assert answered == content_type
    assert body.endswith(b"# EOF\n") is answered.startswith(OPENMETRICS)


tokens = st.sampled_from(
    [OPENMETRICS, "text/plain", ";", ",", "version=", "1.0.0", "x.y", "99", "", "q=0", "escaping=dots", "=", " ", "٣"]
)


@given(st.lists(tokens | st.text(max_size=5)).map("".join))
def test_no_accept_header_makes_it_raise_or_remember_more_than_two_formats(accept: str) -> None:
    page = Page()
    for header in (accept, OPENMETRICS, ""):
        body, content_type = page.render(scene(node(NETWORK)), header)
        assert body.endswith(b"# EOF\n") is content_type.startswith(OPENMETRICS)
    assert len(page.kept) <= 2


def test_a_quiet_node_s_families_are_made_once() -> None:
    made = Counter[str]()

    def counting(family: MetricFamily) -> MetricFamily:
        def samples(look: Scene) -> list[tuple[tuple[str, ...], float]]:
            made[family.name] += 1
            return list(family.samples(look))

        return replace(family, samples=samples)

    page = Page(families=tuple(counting(family) for family in FAMILIES if family.reads))
    state = node(NETWORK, LOAD, HOST)
    for uptime in range(60, 70):
        state = state.observe(NETWORK, at(uptime))
        page.render(scene(state, uptime), "")
    assert set(made.values()) == {1}


def test_labels_that_do_not_fit_are_an_error() -> None:
    with pytest.raises(ValueError, match="has labels"):
        metric(MISLABELLED, [(("only one",), 1.0)])


def test_a_hostile_device_name_is_a_label_like_any_other() -> None:
    name = 'a"b\\c'
    page = Page().render(scene(node(with_links(NETWORK, replace(WLAN0, name=name)))), "")[0].decode()
    devices = {s.labels.get("device") for family in text_families(page) for s in family.samples}
    assert name in devices
