"""The dashboard over a fleet of 200: every query answers, the counts are right, and each node is there once."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence

import pytest

from tests.grafana.documents import document
from tests.grafana.live.dashboard import marks, panels
from tests.grafana.live.fleet import Node, scrapes
from tests.grafana.live.look import Look, Seen, choose
from tests.grafana.live.prometheus import Prometheus
from tests.grafana.live.variables import Times
from uplink_exporter.diagnosis import Verdict

HOUR, WEEK = 3600, 7 * 24 * 3600
WORDS = {
    Verdict.UPLINK_MISSING: "uplink missing",
    Verdict.UPLINK_DOWN: "uplink down",
    Verdict.ROUTE_MISSING: "no default route",
    Verdict.ROUTE_DEAD: "route leads nowhere",
    None: "not scraped",
    Verdict.FLANNEL_FAILING: "flannel fails",
    Verdict.FLANNEL_REFUSES: "flannel would not start",
    Verdict.UNKNOWN: "unknown",
    Verdict.RECOVERING: "recovering",
    Verdict.HEALTHY: "healthy",
}
"""The verdicts in the dashboard's words, the worst first."""
WITHOUT_ROUTE = (Verdict.UPLINK_MISSING, Verdict.UPLINK_DOWN, Verdict.ROUTE_MISSING, Verdict.ROUTE_DEAD)
NODES = "Fleet / Nodes, the worst first (table)"
REQUIRED, USABLE, SEEN = (
    f'uplink_default_route_{name}{{family="ipv4"}}' for name in ("required", "usable", "seen_since_boot")
)

Rows = Sequence[Mapping[str, object]]


def look(prometheus: Prometheus, shown: float = 6 * HOUR, **chosen: str) -> Look:
    """The dashboard as it is now."""
    times = Times(start=time.time() - shown, end=time.time())
    return Look(prometheus=prometheus, times=times, values=choose(document(), prometheus, times, **chosen))


@pytest.fixture(scope="package")
def seen(prometheus: Prometheus) -> Mapping[str, Seen]:
    """What is seen of the fleet."""
    looking = look(prometheus, node="rebooted")
    return {panel.where: looking.panel(panel) for panel in panels(document()) if panel.row == "Fleet"}


@pytest.fixture
def table(seen: Mapping[str, Seen]) -> Rows:
    """The table of nodes."""
    found = seen[NODES]
    assert not isinstance(found, Mapping)
    return found


def told(node: Node) -> Mapping[str, float]:
    """The node's page now, empty if it cannot be scraped."""
    *_, last = scrapes(node)
    return last.page


def verdict(node: Node) -> str:
    """How it is, in the dashboard's words."""
    return WORDS[node.case.verdict if node.case else None]


def test_each_node_is_in_the_table_once_with_its_verdict(nodes: Sequence[Node], table: Rows) -> None:
    listed = [(row["Cluster"], row["Node"], row["Verdict"]) for row in table]
    assert sorted(map(str, listed)) == sorted(str((node.cluster, node.name, verdict(node))) for node in nodes)


def test_the_worst_come_first(table: Rows) -> None:
    order = [*WORDS.values()]
    places = [order.index(str(row["Verdict"])) for row in table]
    assert places == sorted(places)


def test_the_table_tells_of_each_node_what_its_page_tells(nodes: Sequence[Node], table: Rows) -> None:
    rows = {(row["Cluster"], row["Node"]): row for row in table}
    for node in nodes:
        row, page = rows[node.cluster, node.name], told(node)
        assert row.get("flannel restarts, 15 min") == page.get('uplink_flannel_restart_delta{window="15m"}'), node.name
        assert ("No route since" in row) == lacks(page), node.name
        uplinks = {key.split('"')[1] for key in page if key.startswith("uplink_interface_present{")}
        assert row.get("Uplink") in uplinks or not uplinks, node.name


def lacks(page: Mapping[str, float]) -> bool:
    """Whether the node must have a default route, and has none that is usable."""
    return page.get(REQUIRED) == 1 and page.get(USABLE) == 0


def test_the_counts_are_right(nodes: Sequence[Node], seen: Mapping[str, Seen]) -> None:
    pages = [told(node) for node in nodes]
    restarts = (page.get('uplink_flannel_restart_delta{window="15m"}', 0) for page in pages)
    counts = {
        "No default route": sum(map(lacks, pages)),
        "None since boot": sum(lacks(page) and page[SEEN] == 0 for page in pages),
        "Not scraped": sum(not page for page in pages),
        "flannel restarts, 15 min": sum(restarts),
    }
    assert {title: seen[f"Fleet / {title} (stat)"] for title in counts} == {
        title: {"": count} for title, count in counts.items()
    }
    assert all(counts.values()), "there is something to count"


def test_the_verdicts_are_counted(nodes: Sequence[Node], seen: Mapping[str, Seen]) -> None:
    counted = Counter(map(verdict, nodes))
    del counted[WORDS[Verdict.HEALTHY]]
    counted["no default route that works"] = sum(counted.pop(WORDS[each]) for each in WITHOUT_ROUTE)
    assert seen["Fleet / Nodes that are not healthy (timeseries)"] == counted


def test_the_alerts_are_those_that_fire(prometheus: Prometheus, seen: Mapping[str, Seen]) -> None:
    firing = {
        (alert["labels"]["alertname"], alert["labels"]["severity"], alert["labels"]["cluster"], alert["labels"]["node"])
        for alert in prometheus.get("/api/v1/alerts")["data"]["alerts"]
        if alert["state"] == "firing" and alert["labels"]["severity"] != "none"
    }
    table = seen["Fleet / Alerts that fire (table)"]
    assert not isinstance(table, Mapping)
    listed = [(row["Alert"], row["Severity"], row["Cluster"], row["Node"]) for row in table]
    assert len(listed) == len(firing)
    assert {*listed} == firing
    assert seen["Fleet / Alerts firing (stat)"] == {"": len(firing)}
    assert [row["Severity"] for row in table] == sorted(str(row["Severity"]) for row in table), "critical, then warning"


def test_one_cluster_can_be_chosen(prometheus: Prometheus) -> None:
    looking = look(prometheus, cluster="attic", node="namesake")
    (nodes,) = (looking.panel(panel) for panel in panels(document()) if panel.where == NODES)
    assert [(row["Node"], row["Verdict"]) for row in nodes if isinstance(row, Mapping)] == [("namesake", "uplink down")]


def test_every_case_can_be_looked_at_and_every_query_answers_for_one(
    prometheus: Prometheus, nodes: Sequence[Node]
) -> None:
    of_node = [panel for panel in panels(document()) if panel.row != "Fleet"]
    silent = {f"{panel.where} / {query.ref}" for panel in of_node for query in panel.queries}
    for node in (node for node in nodes if node.name.startswith("case-") and node.name.endswith("-a")):
        looking = look(prometheus, node=node.name)
        answers = {panel.where: looking.answers(panel) for panel in of_node}
        silent -= {f"{where} / {ref}" for where, of in answers.items() for ref, found in of.items() if found}
        shown = {panel.where: looking.shown(panel, answers[panel.where]) for panel in of_node}
        assert shown["Node $node / Verdict (stat)"] == {"": verdict(node)}, node.name
    assert silent == set()


@pytest.mark.parametrize("shown", [6 * HOUR, WEEK], ids=["6 h", "7 d"])
def test_annotations_mark_reboots_verdicts_and_lost_routes(
    prometheus: Prometheus, nodes: Sequence[Node], shown: float
) -> None:
    looking = look(prometheus, shown, node="rebooted")
    reboots, changes = (looking.series(marks(document())[name]) for name in ("Reboots", "Verdict changes"))
    assert {one.labels["node"] for one in reboots} == {"rebooted"}
    assert len({value for one in reboots for value in one.values.values()}) == 2
    assert [len(one.values) for one in changes if one.labels["verdict"] == "uplink_down"] == [1]
    outage, *_ = (node for node in nodes if node.case and node.case.name.startswith("an outage of ten minutes is over"))
    losses = look(prometheus, shown, node=outage.name).series(marks(document())["Route losses"])
    assert {one.labels["family"] for one in losses} == {"ipv4"}
