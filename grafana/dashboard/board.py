"""The dashboard: two rows, and what is the same for all of it."""

from __future__ import annotations

from collections.abc import Iterator

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row, TimePicker
from grafana_foundation_sdk.models.dashboard import DashboardCursorSync

from grafana.dashboard import fleet, links, node, variables
from grafana.dashboard.panels import Panel

FLEET_ROW, NODE_ROW = "Fleet", "Node $node"
# Panels side by side: their height, and each panel with its width. Grafana's grid is 24 wide.
Line = tuple[int, tuple[tuple[int, Panel], ...]]


def fleet_lines() -> tuple[Line, ...]:
    """All nodes, the first question first."""
    numbers = (
        fleet.without_route(),
        fleet.never_since_boot(),
        fleet.not_scraped(),
        fleet.alerts_firing(),
        fleet.restarts(),
        fleet.slowest_boot(),
    )
    return (
        (4, tuple((4, panel) for panel in numbers)),
        (10, ((24, fleet.verdicts()),)),
        (8, ((12, fleet.alerts_by_node()), (12, fleet.troubles()))),
    )


def node_lines() -> tuple[Line, ...]:
    """One node: an answer to each question, then what led to it, in the same order."""
    return (
        (6, ((4, node.verdict()), (5, node.since()), (5, node.uplink()), (5, node.died_of()), (5, node.over()))),
        (4, ((24, node.verdicts()),)),
        (4, ((24, node.routes()),)),
        (6, ((7, node.boot()), (8, node.routes_now()), (5, node.interface()), (4, node.absent()))),
        (4, ((24, node.expected_uplink()),)),
        (5, ((24, node.other_devices()),)),
        (4, ((24, node.would_start()),)),
        (4, ((24, node.flannel()),)),
        (7, ((24, node.crashes()),)),
        (7, ((24, node.load()),)),
        (7, ((24, node.pressure()),)),
        (7, ((24, node.waiting_pods()),)),
        (7, ((24, node.alerts_now()),)),
        (5, ((24, node.sources()),)),
        (4, ((24, node.api_path()),)),
    )


def dashboard() -> Dashboard:
    """All of it, but the annotations."""
    board = (
        Dashboard("Uplink")
        .uid(links.UID)
        .description("Which node lost its uplink, since when, which device it is, what flannel says, and is it over.")
        .tags(["uplink-exporter", "kubernetes", "flannel"])
        .timezone("browser")
        .refresh("30s")
        .time("now-6h", "now")
        .timepicker(TimePicker())
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .readonly()
    )
    for link in links.links():
        board.link(link)
    for variable in (variables.datasource(), variables.cluster(), variables.node()):
        board.with_variable(variable)
    ids = iter(range(1, 1000))
    for title, lines in ((FLEET_ROW, fleet_lines()), (NODE_ROW, node_lines())):
        board.with_row(Row(title).id(next(ids)))
        for panel in _placed(lines):
            board.with_panel(panel.id(next(ids)))
    return board


def _placed(lines: tuple[Line, ...]) -> Iterator[Panel]:
    for height, panels in lines:
        for width, panel in panels:
            panel.height(height)
            panel.span(width)
            yield panel
