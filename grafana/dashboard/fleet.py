"""The row for all nodes: which of them, since when, by which device, and whether flannel suffers."""

from __future__ import annotations

from grafana_foundation_sdk.builders import stat, table, timeseries
from grafana_foundation_sdk.builders.common import StackingConfig
from grafana_foundation_sdk.models import common

from grafana.dashboard import links, queries, states, tables
from grafana.dashboard.alerts import alerts, firing
from grafana.dashboard.panels import Says, fixed_colour, instant, judged, lines, listing, ranged, rows
from grafana.dashboard.queries import FLEET, TARGETS
from grafana.dashboard.states import Meaning, State, mapping, mapping_of_labels, words_of_labels

NOBODY = "no exporter is scraped"
REQUIRED = f"uplink_default_route_required{{{FLEET}}}"
SEEN = f"uplink_default_route_seen_since_boot{{{FLEET}}}"
UP = f"max by (cluster, node) (up{{{FLEET},{TARGETS}}})"


def without_route() -> stat.Panel:
    """How many nodes lack what they must have."""
    says = Says(
        title="No default route",
        answers="Nodes that must have a default route and have none that is usable now.",
        empty=NOBODY,
    )
    missing = f"({REQUIRED} == bool 1) * (uplink_default_route_usable{{{FLEET}}} == bool 0)"
    return judged(says, instant(f"sum(max by (cluster, node) ({missing}))"), 1, Meaning.BAD)


def never_since_boot() -> stat.Panel:
    """How many nodes never had it."""
    says = Says(
        title="None since boot",
        answers="Of these, nodes that have not had one since they booted: nothing on them tries again by itself.",
        empty=NOBODY,
    )
    never = f"({REQUIRED} == bool 1) * ({SEEN} == bool 0)"
    return judged(says, instant(f"sum(max by (cluster, node) ({never}))"), 1, Meaning.BAD)


def not_scraped() -> stat.Panel:
    """How many nodes nobody can see."""
    says = Says(
        title="Not scraped",
        answers="Targets that do not answer. So does a node that is reached only by its uplink, when that is gone.",
        empty="no target is known",
    )
    return judged(says, instant(f"sum(1 - {UP})"), 1, Meaning.UNSEEN)


def alerts_firing() -> stat.Panel:
    """How many alerts fire."""
    says = Says(
        title="Alerts firing",
        answers="Alerts of uplink.rules.yml that fire now, also those that Alertmanager mutes by their cause.",
        empty="the rules are not loaded",
    )
    count = f"count(max by (cluster, node, alertname, severity) ({firing(FLEET)}))"
    loaded = f"0 * max(instance:uplink_exporter:up{{{FLEET}}})"
    return judged(says, instant(f"{count} or {loaded}"), 1, Meaning.BAD)


def restarts() -> stat.Panel:
    """How often flannel restarted just now."""
    says = Says(
        title="flannel restarts, 15 min",
        answers="Restarts of flannel on all nodes. One flannel that always fails restarts 3 times or more.",
        empty="not measured",
    )
    return judged(says, instant(f"sum({queries.restarts(FLEET)})"), 1, Meaning.RISKY)


def slowest_boot() -> stat.Panel:
    """Which node took longest."""
    says = Says(
        title="Slowest boot to route",
        answers="The node that took longest from its boot to its default route; one that still waits counts so far.",
        empty="no boot was watched",
        unit="s",
    )
    waiting = f"uplink_default_route_absent_seconds_total{{{FLEET}}} and {SEEN} == 0"
    delay = f"(uplink_boot_to_default_route_seconds{{{FLEET}}} or {waiting}) and {REQUIRED} == 1"
    query = instant(f"topk(1, max by (cluster, node) ({delay}))", "{{node}}")
    # The alert UplinkDownSinceBoot waits as long.
    return judged(says, query, 300, Meaning.RISKY).text_mode(common.BigValueTextMode.VALUE_AND_NAME)


COLUMNS = {
    "cluster": "Cluster",
    "node": "Node",
    "Value #verdict": "Verdict",
    "Value #lost": "No route since",
    "device": "Uplink",
    "operstate": "State of the uplink",
    "Value #restarts": "flannel restarts, 15 min",
    "Value #start": "flannel, if it started now",
    "cause": "flannel died of, 1 h",
}
# For the link of the node: its cluster and its name.
LINK = "link"
# Of these, only the labels say something.
DROPPED = ("Time", "Value #device", "Value #died")


def verdicts() -> table.Panel:
    """The fleet, the worst first."""
    says = Says(
        title="Nodes, the worst first",
        answers="Which node has what, since when, by which device, and what flannel makes of it. "
        "A click on a node shows it below.",
        empty=NOBODY,
    )
    panel = listing(
        says,
        rows(f'label_join({queries.verdict(FLEET)}, "{LINK}", "&var-node=", "cluster", "node")', "verdict"),
        rows(f"{queries.route_lost(FLEET)} * 1000", "lost"),
        rows(_uplink(), "device"),
        rows(queries.restarts(FLEET), "restarts"),
        rows(queries.would_start(FLEET), "start"),
        rows(_died_of(), "died"),
    )
    for transformation in (
        tables.merged(),
        tables.sorted_by("node"),
        tables.sorted_by("Value #verdict", descending=True),
        tables.named({**COLUMNS, LINK: LINK}, DROPPED),
    ):
        panel.with_transformation(transformation)
    return _styled(panel)


def _styled(panel: table.Panel) -> table.Panel:
    tables.column(panel, "Node", links=[tables.link("Show this node", links.NODE)])
    verdict = mapping(*states.VERDICTS)
    tables.coloured(panel, "Verdict", verdict, links=[tables.link("What it means", links.VERDICTS)])
    tables.column(panel, "No route since", unit="dateTimeFromNow")
    tables.coloured(panel, "State of the uplink", mapping_of_labels(*states.OPERSTATES), noValue="not known")
    tables.column(panel, "flannel restarts, 15 min", unit="short", decimals=0, **tables.NUMERIC)
    tables.coloured(panel, "flannel, if it started now", mapping(*states.BLOCKED), noValue="not known")
    tables.column(panel, "flannel died of, 1 h", mappings=words_of_labels(*states.CAUSES))
    for name in ("Cluster", "Uplink"):
        tables.column(panel, name)
    return tables.hidden(panel, LINK)


def _uplink() -> str:
    """Each node's expected uplink and its operstate, as labels; of several the one that is worst off."""
    up = f'uplink_interface_operstate{{{FLEET},operstate=~"up|unknown"}} == 1'
    down = f'(uplink_interface_operstate{{{FLEET},operstate!~"up|unknown"}} == 1) + 1'
    expected = f"and on (cluster, node, device) uplink_interface_expected{{{FLEET}}}"
    absent = f'label_replace(uplink_interface_present{{{FLEET}}} == 0, "operstate", "missing", "", "") + 3'
    worst = f"topk by (cluster, node) (1, ({up} or {down}) {expected} or {absent})"
    return f"max by (cluster, node, device, operstate) ({worst})"


def _died_of() -> str:
    """What flannel died of most within the hour. By a recording rule: for all nodes at once it would be dear."""
    crashes = f"topk by (cluster, node) (1, instance_cause:uplink_flannel_crashes:last1h{{{FLEET}}} > 0)"
    return f"max by (cluster, node, cause) ({crashes})"


def alerts_by_node() -> table.Panel:
    """Which alerts fire, and since when."""
    says = Says(
        title="Alerts that fire",
        answers="Which alert fires on which node, and since when its condition holds. A click on it opens its runbook.",
        empty="none fires",
    )
    return alerts(says, FLEET)


def _with(meaning: Meaning) -> tuple[State, ...]:
    return tuple(state for state in states.VERDICTS if state.label and state.meaning is meaning)


# What is counted together has one colour.
TROUBLES = {
    "no default route that works": _with(Meaning.BAD),
    "flannel fails": _with(Meaning.FAILING),
    "flannel would not start": _with(Meaning.RISKY),
    "recovering": _with(Meaning.MENDING),
    "unknown": _with(Meaning.UNSEEN),
}


def troubles() -> timeseries.Panel:
    """When it began, how many it has, and whether it is over."""
    says = Says(
        title="Nodes that are not healthy",
        answers="How many nodes are in which trouble: when it began, whether it spreads, whether it is over.",
        empty=NOBODY,
    )
    panel = lines(
        says,
        *(ranged(_having(group), words, group[0].label) for words, group in TROUBLES.items()),
        ranged(f"sum(1 - {UP})", states.NOT_SCRAPED.words, "unseen"),
    )
    for words, group in TROUBLES.items():
        panel.override_by_name(words, [fixed_colour(group[0].meaning)])
    panel.override_by_name(states.NOT_SCRAPED.words, [fixed_colour(Meaning.UNSEEN)])
    panel.stacking(StackingConfig().mode(common.StackingMode.NORMAL).group("A")).fill_opacity(60).line_width(1)
    # The one panel that asks for all nodes over time: a third of the usual points is enough to see when it began.
    panel.max_data_points(150)
    return panel.line_interpolation(common.LineInterpolation.STEP_AFTER).decimals(0).axis_soft_max(5)


def _having(verdicts: tuple[State, ...]) -> str:
    labels = "|".join(verdict.label for verdict in verdicts)
    nodes = f'count by (cluster, node) (uplink_diagnosis{{{FLEET},verdict=~"{labels}"}} == 1)'
    return f"count({nodes}) or 0 * max({UP})"
