"""The dashboard over the incident: what each panel shows at each of its moments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import pytest

from tests.alerts.scaled import scaled_query
from tests.grafana.documents import document
from tests.grafana.live.dashboard import marks, panels
from tests.grafana.live.expect import differences
from tests.grafana.live.frames import Cell
from tests.grafana.live.look import Look, Seen, choose
from tests.grafana.live.prometheus import Prometheus
from tests.grafana.live.variables import Times
from tests.stack.configuration import SCALE
from tests.stack.conftest import Told
from tests.stack.incident import Moment, Record
from tests.stack.node import NAME
from tests.stack.seen import EXPECTED, HISTORIES, MARKS, UNSURE

pytestmark = pytest.mark.stack

SHOWN = 2 * 3600
A_TIME = 1e11


def look(told: Told, moment: Moment) -> Look:
    """The dashboard as it is at that moment, with the node of the incident chosen."""
    prometheus = Prometheus(
        get=lambda path: {"data": told.servers.ask(path)},
        scaled=partial(scaled_query, factor=1 / SCALE),
        faster=SCALE,
    )
    at = told.record.moments[moment]
    times = Times(start=at - SHOWN, end=at)
    return Look(prometheus=prometheus, times=times, values=choose(document(), prometheus, times, node=NAME))


def since_boot(seen: Seen, record: Record) -> Seen:
    """With times, which the dashboard has in milliseconds, as seconds since the node's boot."""
    if isinstance(seen, Mapping):
        return {name: _since_boot(cell, record) for name, cell in seen.items()}
    return [{name: _since_boot(cell, record) for name, cell in row.items()} for row in seen]


def _since_boot(cell: Cell, record: Record) -> Cell:
    return cell / 1000 - record.booted if isinstance(cell, float) and cell > A_TIME else cell


@pytest.mark.parametrize("moment", Moment)
def test_each_panel_shows_what_it_promises(told: Told, moment: Moment) -> None:
    looking = look(told, moment)
    seen = {panel.where: since_boot(looking.panel(panel), told.record) for panel in panels(document())}
    expected = {where: story[moment] for where, story in EXPECTED.items()}
    found = [*differences(expected, seen)]
    assert not found, "\n".join(found)


def test_timelines_tell_the_story(told: Told) -> None:
    looking = look(told, Moment.HEALTHY)
    told_by = {panel.where: sure(looking.history(panel)) for panel in panels(document()) if panel.where in HISTORIES}
    assert told_by == HISTORIES


def sure(history: Mapping[str, Sequence[Cell]]) -> Mapping[str, Sequence[Cell]]:
    """Without what was not known, and without what was never known."""
    known = {name: [cell for cell in cells if cell not in UNSURE] for name, cells in history.items()}
    return {name: cells for name, cells in known.items() if cells}


def test_annotations_mark_what_happened(told: Told) -> None:
    looking = look(told, Moment.HEALTHY)
    found = {name: looking.series(mark) for name, mark in marks(document()).items()}
    marked = {name: {min(one.labels.values()) for one in series} - UNSURE for name, series in found.items()}
    assert marked == MARKS


def test_the_node_is_on_offer_before_it_has_told_anything(told: Told) -> None:
    assert look(told, Moment.OFF).values["node"] == NAME
