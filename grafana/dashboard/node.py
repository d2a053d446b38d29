"""The row for one node, in the order of the questions: since when, which device, what flannel says, is it over."""

from __future__ import annotations

from dataclasses import replace

from grafana_foundation_sdk.builders import stat, statetimeline, table, timeseries
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models.dashboard import DynamicConfigValue

from grafana.dashboard import alerts, queries, states, tables
from grafana.dashboard.panels import (
    AXIS_WIDTH,
    Says,
    in_words,
    instant,
    lines,
    listing,
    number,
    patterned,
    ranged,
    rows,
    small,
    timeline,
    worded,
)
from grafana.dashboard.queries import NODE
from grafana.dashboard.states import Meaning

UNSEEN = "not scraped, or no such node"
NO_FLANNEL = "no flannel on this node"


def verdict() -> stat.Panel:
    """What it has."""
    says = Says(title="Verdict", answers="What is wrong with this node now, as the exporter judges it.", empty=UNSEEN)
    return worded(says, states.VERDICTS, instant(queries.verdict(NODE)))


def since() -> stat.Panel:
    """Since when."""
    says = Says(
        title="Since",
        answers="When the verdict became what it is (to the minute, if within the time shown), when the default route "
        "was lost or came, and when the node booted.",
        empty="longer than shown",
        unit="dateTimeFromNow",
    )
    route = f"{queries.route_lost(NODE)} or {queries.route_back(NODE)}"
    booted = f"max by (cluster, node) (uplink_boot_time_seconds{{{NODE}}})"
    panel = number(
        says,
        instant(f"{queries.verdict_began(NODE)} * 1000", "verdict", "verdict"),
        instant(f"({route}) * 1000", "default route", "route"),
        instant(f"{booted} * 1000", "boot", "boot"),
    )
    return small(panel)


def uplink() -> stat.Panel:
    """Which device."""
    says = Says(
        title="Uplink",
        answers="The device that should carry the default route, and the operstate that it is in.",
        empty="no uplink is known",
    )
    panel = worded(says, states.OPERSTATES, instant(queries.expected_operstate(NODE), "{{device}}"))
    return panel.text_mode(common.BigValueTextMode.VALUE_AND_NAME)


def died_of() -> stat.Panel:
    """What flannel said."""
    says = Says(
        title="flannel died of, last hour",
        answers="The causes in flannel's last words, how often each within the last hour, and when it last died.",
        empty="nothing",
    )
    causes = f"max by (cause) (round(increase(uplink_flannel_crashes_total{{{NODE}}}[1h])))"
    last = f"max by (cluster, node) (uplink_flannel_last_crash_timestamp_seconds{{{NODE}}}) * 1000"
    panel = number(says, instant(f"topk(2, {causes} > 0)", "{{cause}}"), instant(last, "last crash", "last"))
    panel.override_by_query("last", [DynamicConfigValue(id_val="unit", value="dateTimeFromNow")])
    return small(in_words(panel, states.CAUSES))


def over() -> stat.Panel:
    """Is it over."""
    says = Says(
        title="Is it over",
        answers="Yes once the verdict is healthy; and when it last was not, if within the time shown.",
        empty=UNSEEN,
    )
    panel = worded(
        says,
        (*states.OVER, states.IN_TROUBLE),
        instant(queries.verdict(NODE), "over"),
        instant(queries.trouble_seen(NODE), "last trouble", "trouble"),
    )
    panel.override_by_query("trouble", [DynamicConfigValue(id_val="unit", value="dateTimeFromNow")])
    return small(panel)


def verdicts() -> statetimeline.Panel:
    """The verdict over time."""
    says = Says(
        title="Verdict over time",
        answers="What was wrong with this node, and when. A gap is a time in which Prometheus had no target for it.",
        empty=UNSEEN,
    )
    return timeline(says, states.VERDICTS, queries.verdict(NODE), "verdict")


def routes() -> statetimeline.Panel:
    """The default route over time."""
    says = Says(
        title="Default route over time",
        answers="Was there a default route, and did it leave by a link that is alive? One line for each family.",
        empty=UNSEEN,
    )
    return timeline(says, states.ROUTES, queries.route(NODE), "{{family}}")


def boot() -> table.Panel:
    """The boot in one look."""
    says = Says(
        title="Boot milestones",
        answers="How long after its boot the node had its link, an address, the default route, and flannel. "
        "What was there when the exporter first looked came at most so late: that is an upper bound.",
        empty="the exporter does not tell",
    )
    panel = listing(says, rows(_milestones()))
    tables.column(panel, "Milestone", mappings=states.words_of_labels(*states.MILESTONES))
    tables.column(panel, "How it is known")
    unseen = states.words_of_labels(replace(states.NOT_REACHED, label=str(states.NOT_REACHED.code)))
    tables.column(panel, "After the boot", unit="s", mappings=unseen)
    columns = {"milestone": "Milestone", "known": "How it is known", "Value": "After the boot"}
    return panel.with_transformation(tables.sorted_by("rank")).with_transformation(
        tables.named(columns, ("Time", "rank"))
    )


def _milestones() -> str:
    """Seconds from boot to each milestone, with its rank; -1 for those that were not seen."""
    reached = f"max by (cluster, node, milestone) (uplink_boot_milestone_seconds{{{NODE}}})"
    watched = f"max by (cluster, node) (uplink_boot_watched_since_seconds{{{NODE}}})"
    exact = f'label_replace({reached} > on (cluster, node) group_left {watched}, "known", "exactly", "", "")'
    bound = f'label_replace({reached} <= on (cluster, node) group_left {watched}, "known", "at most", "", "")'
    unseen = " or ".join(
        f'label_replace({watched} * 0 + {states.NOT_REACHED.code}, "milestone", "{each.label}", "", "")'
        for each in states.MILESTONES
    )
    ranked = f"{exact} or {bound} or on (cluster, node, milestone) ({unseen})"
    for each in states.MILESTONES:
        ranked = f'label_replace({ranked}, "rank", "{each.code}", "milestone", "{each.label}")'
    return f"max by (milestone, known, rank) ({ranked})"


def absent() -> stat.Panel:
    """How much of this boot was lost."""
    says = Says(
        title="Time without a route",
        answers="For how long in all this boot was without a usable default route, and how often it was lost.",
        empty=UNSEEN,
        unit="s",
    )
    required = f"uplink_default_route_required{{{NODE}}} == 1"
    seconds = f"max by (family) (uplink_default_route_absent_seconds_total{{{NODE}}} and {required})"
    losses = f"max by (family) (uplink_default_route_losses_total{{{NODE}}} and {required})"
    panel = number(says, instant(seconds, "{{family}}"), instant(losses, "{{family}} lost", "losses"))
    panel.override_by_query("losses", [DynamicConfigValue(id_val="unit", value="short")])
    return small(panel)


def expected_uplink() -> statetimeline.Panel:
    """The device that matters, over time."""
    says = Says(
        title="Uplink over time",
        answers="The operstate of the device that should carry the default route; it need not exist.",
        empty="no uplink is known",
    )
    return timeline(says, states.OPERSTATES, queries.expected_operstate(NODE), "{{device}}")


def other_devices() -> statetimeline.Panel:
    """The other devices, over time."""
    says = Says(
        title="Other devices over time",
        answers="The operstates of the devices from which nobody expects the default route. They may be down.",
        empty="no other device",
    )
    others = f"{queries.operstate(NODE)} unless {queries.expected(NODE)}"
    return timeline(says, states.UNEXPECTED, others, "{{device}}", states.NO_OTHER)


def routes_now() -> table.Panel:
    """The default routes that are there."""
    says = Says(
        title="Default routes now",
        answers="Each default route of the main table: by which device and gateway, from whom, with which metric.",
        empty="none",
    )
    labels = ("family", "device", "gateway", "protocol", "metric")
    panel = listing(says, rows(f"max by ({', '.join(labels)}) (uplink_default_route_info{{{NODE}}})"))
    return tables.of_labels(panel, labels)


def interface() -> table.Panel:
    """What flannel would take."""
    says = Says(
        title="flannel would take",
        answers="Which interface and address flannel would choose if it started now, and by which of its methods.",
        empty="none",
    )
    labels = ("device", "address", "method")
    panel = listing(says, rows(f"max by ({', '.join(labels)}) (uplink_flannel_interface_info{{{NODE}}})"))
    return tables.of_labels(panel, labels)


def would_start() -> statetimeline.Panel:
    """flannel's own question, over time."""
    says = Says(
        title="flannel, if it started now",
        answers="flannel looks at its uplink only when it starts. Would it find it, and if not, why not?",
        empty=NO_FLANNEL,
    )
    return timeline(says, states.BLOCKED, queries.would_start(NODE), "flannel")


def flannel() -> statetimeline.Panel:
    """How flannel is, over time."""
    says = Says(
        title="flannel over time",
        answers="Is flannel ready, does it run, and if it waits, for which reason of the kubelet's?",
        empty=UNSEEN,
    )
    return timeline(says, (*states.FLANNEL, *states.WAITING), queries.flannel(NODE), "flannel")


def crashes() -> timeseries.Panel:
    """How often flannel restarted, and why."""
    says = Says(
        title="flannel's restarts and crashes within 15 minutes",
        answers="How often flannel restarted in the 15 minutes before each moment (line), "
        "and what it died of by its last words (areas).",
        empty=NO_FLANNEL,
    )
    causes = f"max by (cause) (round(increase(uplink_flannel_crashes_total{{{NODE}}}[15m]))) > 0"
    panel = lines(says, ranged(queries.restarts(NODE), "restarts", "restarts"), ranged(causes, "{{cause}}", "causes"))
    areas = {
        "custom.fillOpacity": 40,
        "color": {"mode": "shades", "fixedColor": Meaning.FAILING},
    }
    panel.override_by_query("causes", [DynamicConfigValue(id_val=key, value=value) for key, value in areas.items()])
    in_words(panel, states.CAUSES)
    return panel.line_interpolation(common.LineInterpolation.STEP_AFTER).decimals(0).axis_width(AXIS_WIDTH)


def load() -> timeseries.Panel:
    """What the outage does to the node."""
    says = Says(
        title="Load per CPU",
        answers="Load averages and processes that wait for I/O, by CPU. Above 1, more wants to run than can.",
        empty="the load is not known",
    )
    names = {
        "uplink_load1": "1 min",
        "uplink_load5": "5 min",
        "uplink_load15": "15 min",
        "uplink_processes_blocked": "wait for I/O",
    }
    panel = lines(says, *(_per_cpu(metric, legend) for metric, legend in names.items()))
    return patterned(panel, *names.values()).axis_width(AXIS_WIDTH)


def _per_cpu(metric: str, legend: str) -> Dataquery:
    cpus = f"max by (cluster, node) (uplink_cpus{{{NODE}}})"
    return ranged(f"max by (cluster, node) ({metric}{{{NODE}}}) / {cpus}", legend, metric)


def pressure() -> timeseries.Panel:
    """What the load waits for."""
    says = Says(
        title="Pressure",
        answers="The share of time in which some tasks waited for CPU, I/O or memory (PSI): what the load above is.",
        empty="no PSI in this kernel",
        unit="percentunit",
    )
    stalled = f'rate(uplink_pressure_stalled_seconds_total{{{NODE},share="some"}}[$__rate_interval])'
    panel = lines(says, ranged(f"max by (resource) ({stalled})", "{{resource}}"))
    return patterned(panel, "cpu", "io", "memory").axis_width(AXIS_WIDTH).max(1)


def waiting_pods() -> statetimeline.Panel:
    """Which pods hang."""
    says = Says(
        title="Waiting pods over time",
        answers="System pods of this node with a container that waits, and the kubelet's reason. Most want the uplink.",
        empty="none waits, or the API server cannot be asked",
    )
    pods = (states.NONE_WAITS, states.NOT_ASKED, *states.WAITING)
    return timeline(says, pods, queries.waiting_pods(), "{{pod}}")


def alerts_now() -> table.Panel:
    """Which alerts fire on it."""
    says = Says(
        title="Alerts on this node",
        answers="Which alert fires on this node, and since when its condition holds. A click on it opens its runbook.",
        empty="none fires",
    )
    return alerts.alerts(says, NODE)


def sources() -> statetimeline.Panel:
    """How the exporter itself fares."""
    says = Says(
        title="Sources of the exporter over time",
        answers="Does the exporter see? What a stale source told is left out above, and reads neither good nor bad.",
        empty=UNSEEN,
    )
    return timeline(says, states.SOURCES, f"max by (source) (uplink_source_up{{{NODE}}})", "{{source}}")


def api_path() -> statetimeline.Panel:
    """By which way the API server is reached."""
    says = Says(
        title="Way to the API server over time",
        answers="By which address the API server answers the exporter. Without a default route the service's does not.",
        empty="the API server is not asked",
    )
    return timeline(says, (states.NOT_ASKED, *states.API_PATHS), queries.api_path(), "API server")
