"""What doctor takes from an exporter that runs on this machine."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.builders import NETWORK, at, booted, observed, scene
from uplink_exporter.commands.asking import parse_histories
from uplink_exporter.facts import Family, Network, NodeState
from uplink_exporter.web.page import Page


def history_and_page(*looks: tuple[float, Network], uptime: float) -> tuple[NodeState, str]:
    state = observed(NodeState(), (*looks, (uptime, looks[-1][1])))
    return state, Page().render(scene(state, uptime=uptime), "")[0].decode()


def test_it_is_what_the_exporter_knows() -> None:
    for looks in (
        [(40.0, NETWORK)],
        [(40.0, booted(NETWORK))],
        [(40.0, booted(NETWORK)), (300.0, NETWORK)],
        [(40.0, NETWORK), (100.0, booted(NETWORK))],
        [(40.0, NETWORK), (100.0, booted(NETWORK)), (130.0, NETWORK), (150.0, booted(NETWORK))],
    ):
        state, page = history_and_page(*looks, uptime=350.0)
        network = state.last(Network)
        assert network is not None
        known, told = network.history[Family.IPV4], parse_histories(page, at(350.0))[Family.IPV4]
        assert (told.usable, told.seen, told.losses) == (known.usable, known.seen, known.losses)
        assert told.watched_since == known.watched_since
        assert told.known_until == 350.0
        for uptime in (350.0, 400.0):
            assert abs(told.absent_seconds(uptime) - known.absent_seconds(uptime)) < 0.01


def test_what_is_no_page_of_ours_tells_nothing() -> None:
    _, page = history_and_page((40.0, NETWORK), uptime=50.0)
    assert parse_histories(page.replace("uplink_exporter_build_info", "node_exporter_build_info"), at(50.0)) == {}
    assert parse_histories("", at(50.0)) == {}


def test_a_page_without_all_of_it_tells_nothing_of_that_family() -> None:
    _, page = history_and_page((40.0, NETWORK), uptime=50.0)
    without = "\n".join(line for line in page.splitlines() if "losses_total" not in line)
    assert parse_histories(without, at(50.0)) == {}


@given(st.text(alphabet='uplink_defaroteshbwc{}="46 .+-\n', max_size=200))
def test_rubbish_raises_nothing(rubbish: str) -> None:
    _, page = history_and_page((40.0, NETWORK), uptime=50.0)
    parse_histories(page + rubbish, at(50.0))
