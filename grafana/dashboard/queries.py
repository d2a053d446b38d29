"""PromQL: selectors, and the expressions that several panels share.

All of them go without the recording rules unless they say so, and hold with and without a label `cluster`. They drop
`pod`, `container`, `instance` and the labels of a pair of Prometheis: those change while the node stays the same.
"""

from __future__ import annotations

from collections.abc import Iterable

from grafana.dashboard import states
from grafana.dashboard.states import State

FLEET = 'cluster=~"$cluster"'
NODE = f'{FLEET},node="$node"'
TARGETS = 'job=~".*uplink-exporter.*"'
UP = f"max by (cluster, node) (up{{{NODE},{TARGETS}}})"


def one_hot(metric: str, label: str, numbered: Iterable[State], where: str, at: str = "") -> str:
    """The series that are hot, as the numbers of their states."""
    # Most series are not: without them, `or` and what groups them have little to do.
    return " or ".join(
        f'({metric}{{{where},{label}="{state.label}"}}{at} == 1) * {state.code}' for state in numbered if state.label
    )


def verdict(where: str, at: str = "") -> str:
    """Each node's verdict as a number, by badness; a target that does not answer has one of its own."""
    # The worst first: each `or` carries what stands before it, and most nodes are healthy.
    hot = one_hot("uplink_diagnosis", "verdict", reversed(states.VERDICTS), where, at)
    unseen = f"max by (cluster, node) (up{{{where},{TARGETS}}}{at}) == 0"
    return f"max by (cluster, node) ({hot}) or ({unseen}) + {states.NOT_SCRAPED.code}"


def verdict_began(where: str) -> str:
    """When the verdict of now was last another one, in Unix time; nothing if not in the time that is shown."""
    other = f"({verdict(where)}) != on (cluster, node) ({verdict(where, ' @ end()')})"
    return f"max_over_time(timestamp({other})[$__range:1m])"


def trouble_seen(where: str) -> str:
    """When the node last was not healthy, in milliseconds, or that it is not; nothing if it was all the time shown."""
    healthy = states.VERDICTS[0].code
    trouble = f"max_over_time(timestamp(({verdict(where)}) > {healthy})[$__range:1m]) * 1000"
    return f"(({verdict(where)}) > {healthy}) * 0 + {states.IN_TROUBLE.code} or {trouble}"


def route_lost(where: str) -> str:
    """Since when a required default route is not usable, in Unix time.

    A node that never had one may have the wrong time (no network, no NTP): there its seconds since boot are counted
    back from Prometheus' clock.
    """
    seconds = f"uplink_default_route_absent_seconds_total{{{where}}}"
    never = f"time() - {seconds} and uplink_default_route_seen_since_boot{{{where}}} == 0"
    changed = f"uplink_default_route_last_change_timestamp_seconds{{{where}}}"
    missing = f"uplink_default_route_usable{{{where}}} == 0 and uplink_default_route_required{{{where}}} == 1"
    return f"min by (cluster, node) (({never} or {changed}) and {missing})"


def route_back(where: str) -> str:
    """Since when each required default route is usable, in Unix time, if it came while the exporter looked."""
    changed = f"uplink_default_route_last_change_timestamp_seconds{{{where}}}"
    there = f"uplink_default_route_usable{{{where}}} == 1 and uplink_default_route_required{{{where}}} == 1"
    return f"max by (cluster, node) ({changed} and {there})"


def route(where: str) -> str:
    """Each family's default route: usable, dead, missing, or missing where none is required."""
    present, usable = f"uplink_default_route_present{{{where}}}", f"uplink_default_route_usable{{{where}}}"
    idle = f"(uplink_default_route_required{{{where}}} == bool 0) * ({present} == bool 0)"
    return f"max by (family) ({present} + {usable} - {idle})"


def operstate(where: str) -> str:
    """Each device's operstate as a number."""
    known = [state for state in states.OPERSTATES if state is not states.MISSING]
    hot = one_hot("uplink_interface_operstate", "operstate", known, where)
    return f"max by (cluster, node, device) ({hot})"


def expected(where: str) -> str:
    """The devices that should carry the default route."""
    return f"max by (cluster, node, device) (uplink_interface_expected{{{where}}})"


def expected_operstate(where: str) -> str:
    """The same, with their operstates as numbers, or that they do not exist."""
    absent = f"max by (cluster, node, device) (uplink_interface_present{{{where}}} == 0)"
    return f"{operstate(where)} and {expected(where)} or {absent} + {states.MISSING.code}"


def would_start(where: str) -> str:
    """Whether flannel would start now, else why not, as a number; or that there is no flannel."""
    reasons = one_hot("uplink_flannel_start_blocked", "reason", states.BLOCKED_FOR, where)
    asked = f"uplink_flannel_would_start{{{where}}}"
    yes, unknown = f"({asked} == 1) * {states.WOULD_START.code}", f"({asked} == 0) + {states.UNDECIDED.code}"
    found = f"max by (cluster, node) (uplink_flannel_found{{{where}}})"
    answer = f"max by (cluster, node) ({yes} or {unknown} or {reasons}) and {found} == 1"
    return f"{answer} or ({found} == 0) + {states.NO_FLANNEL.code}"


def restarts(where: str) -> str:
    """Each node's restarts of flannel in the last 15 minutes: as the exporter counts, if it has such a window."""
    delta = f'max by (cluster, node) (uplink_flannel_restart_delta{{{where},window="15m"}})'
    counted = f"max by (cluster, node) (round(increase(uplink_flannel_restarts_total{{{where}}}[15m])))"
    return f"{delta} or {counted}"


def flannel(where: str) -> str:
    """How flannel's container is, as a number: why it waits, else whether it runs, is ready, or is here at all.

    Whether it waits or is ready only the API server can say.
    """
    waiting = one_hot("uplink_flannel_waiting", "reason", states.WAITING, where)
    running = f"max by (cluster, node) (uplink_flannel_running{{{where}}})"
    ready = f"max by (cluster, node) (uplink_flannel_ready{{{where}}})"
    absent = f"max by (cluster, node) (uplink_flannel_found{{{where}}}) == 0"
    choices = (
        f"max by (cluster, node) ({waiting})",
        f"({running} == 1) + {ready} + 3",
        f"{running} + 2",
        f"({absent}) + 1",
    )
    return " or ".join(choices)


def waiting_pods() -> str:
    """Why each pod of the node waits, as a number; or that none does; or that nobody asks the API server."""
    reasons = _own_labels(one_hot("uplink_pod_waiting", "reason", states.WAITING, NODE))
    none = _unnamed(f"{_KUBERNETES} == {states.NONE_WAITS.code} or {_NOT_ASKED}", "pod")
    return f"max by (namespace, pod) ({reasons}) or on () {none}"


def _own_labels(expr: str) -> str:
    """A pod's own namespace and name, which the target's of the same name may have moved to exported_*."""
    for label in ("namespace", "pod"):
        expr = f'label_replace({expr}, "{label}", "$1", "exported_{label}", "(.+)")'
    return expr


def api_path() -> str:
    """By which way the API server is reached, as a number; or that nobody asks it."""
    ways = one_hot("uplink_api_path", "path", states.API_PATHS, NODE)
    return f"max by (cluster, node) ({ways}) or on () {_NOT_ASKED}"


_KUBERNETES = f'max by (cluster, node) (uplink_source_up{{{NODE},source="kubernetes"}})'
_NOT_ASKED = f"({UP} == 1 unless {_KUBERNETES}) + {states.NOT_ASKED.code - 1}"


def or_nothing(expr: str, labels: Iterable[str], nothing: State) -> str:
    """The expression, or one series that says that it has none; a state timeline has no words for being empty.

    Where series have labels, that one is a row of its own: it is only there while the exporter answers and has nothing
    to tell, or if it never answered, lest every reboot adds a row.
    """
    unseen = states.NOT_KNOWN.code
    if not (labels := tuple(labels)):
        return f"({expr}) or on () {UP} * 0 + {unseen}"
    seen = f"max by (cluster, node) (present_over_time(uplink_diagnosis{{{NODE}}}[$__range] @ end()))"
    rest = f"({UP} == 1) * {nothing.code} or ({UP} unless {seen}) * 0 + {unseen}"
    for label in labels:
        rest = _unnamed(rest, label)
    return f"({expr}) or on () {rest}"


def _unnamed(expr: str, label: str) -> str:
    return f'label_replace({expr}, "{label}", "–", "", "")'  # noqa: RUF001
