"""What each panel of the dashboard shows at each moment of the incident. Times are seconds since the node's boot."""

from __future__ import annotations

from collections.abc import Mapping

from tests.grafana.live.expect import Expected, Nothing, That, between, climbing, each, one_of, perhaps, rows
from tests.stack.incident import Moment
from tests.stack.node import NAME

Story = Mapping[Moment, Expected]
UNKNOWN = Nothing(because="the node has told nothing yet")
NONE_FIRES = Nothing(because="nothing has held for as long as it takes to fire, or it is over")
NO_ROUTE = Nothing(because="there is no default route")
NO_CRASH = Nothing(because="flannel has not crashed within that time")
DASH = "–"  # noqa: RUF001
SILENT = {DASH: "not known"}
FALLEN = one_of("does not run", "not known")  # not known: an attempt has begun, and said nothing yet
AT_BOOT, IN_TIME = between(-2, 2), between(10, 90)


def story(*of_moments: Expected) -> Story:
    """What a panel shows, one moment after the other."""
    return dict(zip(Moment, of_moments, strict=True))


def calm(shown: Expected, at_first: Expected = UNKNOWN) -> Story:
    """What a panel shows all along, once the node is scraped."""
    return story(at_first, shown, shown, shown, shown)


def then(before: Expected, after: Expected, at_first: Expected = UNKNOWN) -> Story:
    """What a panel shows while the uplink is gone, and since it is back."""
    return story(at_first, before, before, after, after)


DOWN = {"Node": NAME, "Verdict": "uplink down", "No route since": AT_BOOT, "Uplink": "wlan0"}
BACK = {"Node": NAME, "No route since": None, "Uplink": "wlan0", "State of the uplink": "up"}
LOOPED = {"flannel restarts, 15 min": between(1, 4), "flannel died of, 1 h": "no default route"}
START, STARTS, BLOCKED = "flannel, if it started now", "would start", "would find no default route"
RECOVERS = one_of("recovering", "healthy")  # flannel's turn may come at once
VERDICTS = (
    "no default route that works",
    "flannel fails",
    "flannel would not start",
    "recovering",
    "unknown",
    "not scraped",
)
NONE_SICK = dict.fromkeys(VERDICTS, 0)
FIRING = each("Alert", "UplinkDownSinceBoot", "FlannelCrashLooping", "FlannelNotStartedSinceBoot")
LATER = each("Alert", "FlannelCrashLooping")

FLEET: Mapping[str, Story] = {
    "No default route (stat)": then({"": 1}, {"": 0}),
    "None since boot (stat)": then({"": 1}, {"": 0}),
    "Not scraped (stat)": calm({"": 0}, at_first={"": 1}),
    "Alerts firing (stat)": story({"": 0}, {"": 0}, {"": between(3, 6)}, {"": between(1, 6)}, {"": 0}),
    "flannel restarts, 15 min (stat)": story(UNKNOWN, {"": 0}, {"": between(2, 4)}, {"": between(1, 4)}, {"": 0}),
    "Slowest boot to route (stat)": story(
        UNKNOWN, {NAME: between(1, 15)}, {NAME: IN_TIME}, {NAME: IN_TIME}, {NAME: IN_TIME}
    ),
    "Nodes, the worst first (table)": story(
        rows({"Node": NAME, "Verdict": "not scraped", "Uplink": None}),
        rows(DOWN | {"State of the uplink": "down", "flannel restarts, 15 min": 0}),
        rows(DOWN | {"State of the uplink": "down", START: BLOCKED} | LOOPED),
        rows(BACK | {"Verdict": RECOVERS, START: STARTS} | LOOPED),
        rows(BACK | {"Verdict": "healthy", START: STARTS, "flannel restarts, 15 min": 0}),
    ),
    "Alerts that fire (table)": story(NONE_FIRES, NONE_FIRES, FIRING, LATER, NONE_FIRES),
    "Nodes that are not healthy (timeseries)": story(
        NONE_SICK | {"not scraped": 1},
        NONE_SICK | {"no default route that works": 1},
        NONE_SICK | {"no default route that works": 1},
        NONE_SICK | {"recovering": between(0, 1)},
        NONE_SICK,
    ),
}

SINCE = {"boot": AT_BOOT, "default route": AT_BOOT, "verdict": between(-2, 10)}
SINCE_BACK = {"boot": AT_BOOT, "default route": IN_TIME, "verdict": IN_TIME}
LOADS = dict.fromkeys(("1 min", "5 min", "15 min", "wait for I/O"), between(0, 1000))
PRESSURES = dict.fromkeys(("cpu", "io", "memory"), between(0, 1))
MILESTONES = ("link", "address", "default route", "flannel")
NOT_YET = rows(*({"Milestone": name, "After the boot": "not seen"} for name in MILESTONES))
REACHED = each("Milestone", *MILESTONES)
IN_ORDER = climbing("After the boot", "Milestone", *MILESTONES)
ROUTE = {"Family": "ipv4", "Device": "wlan0", "Gateway": "198.51.100.1", "Protocol": "static", "Metric": "600"}
NO_IPV6 = {"ipv6": "none, none required"}

NODE: Mapping[str, Story] = {
    "Verdict (stat)": story(
        {"": "not scraped"}, {"": "uplink down"}, {"": "uplink down"}, {"": RECOVERS}, {"": "healthy"}
    ),
    "Since (stat)": then(SINCE, SINCE_BACK),
    "Uplink (stat)": then({"wlan0": "down"}, {"wlan0": "up"}),
    "flannel died of, last hour (stat)": story(
        UNKNOWN, NO_CRASH, *({"no default route": between(3, 15), "last crash": IN_TIME} for _ in range(3))
    ),
    "Is it over (stat)": story(
        {"over": "nobody knows", "last trouble": "now"},
        {"over": "no", "last trouble": "now"},
        {"over": "no", "last trouble": "now"},
        That(words="nearly or yes", holds=lambda seen: seen["over"] in ("nearly", "yes")),
        {"over": "yes", "last trouble": IN_TIME},
    ),
    "Verdict over time (state-timeline)": story(
        *({"verdict": words} for words in ("not scraped", "uplink down", "uplink down", RECOVERS, "healthy"))
    ),
    "Default route over time (state-timeline)": then(
        {"ipv4": "no route", **NO_IPV6}, {"ipv4": "usable", **NO_IPV6}, at_first=SILENT
    ),
    "Boot milestones (table)": story(UNKNOWN, NOT_YET, NOT_YET, REACHED, IN_ORDER),
    "Default routes now (table)": then(NO_ROUTE, rows(ROUTE)),
    "Time without a route (stat)": story(
        UNKNOWN,
        {"ipv4": between(1, 15), "ipv4 lost": 0},
        *({"ipv4": IN_TIME, "ipv4 lost": 0} for _ in range(3)),
    ),
    "flannel would take (table)": then(NO_ROUTE, rows({"Device": "wlan0", "Address": "198.51.100.23"})),
    "Uplink over time (state-timeline)": then({"wlan0": "down"}, {"wlan0": "up"}, at_first=SILENT),
    "Other devices over time (state-timeline)": calm({"eth0": "up"}, at_first=SILENT),
    "flannel, if it started now (state-timeline)": story(
        *({"flannel": words} for words in ("not known", "no flannel here", BLOCKED, STARTS, STARTS))
    ),
    "flannel over time (state-timeline)": story(
        *(
            {"flannel": words}
            for words in ("not known", "no flannel here", FALLEN, one_of("not known", "does not run", "runs"), "runs")
        )
    ),
    "flannel's restarts and crashes within 15 minutes (timeseries)": story(
        UNKNOWN,
        {"restarts": 0},
        *({"restarts": between(1, 4), "no default route": between(1, 4)} for _ in range(2)),
        {"restarts": 0},
    ),
    "Load per CPU (timeseries)": calm(LOADS),
    "Pressure (timeseries)": story(UNKNOWN, perhaps(PRESSURES), PRESSURES, PRESSURES, PRESSURES),  # of two scrapes
    "Waiting pods over time (state-timeline)": calm({DASH: "the API server is not asked"}, at_first=SILENT),
    "Alerts on this node (table)": story(NONE_FIRES, NONE_FIRES, FIRING, LATER, NONE_FIRES),
    "Sources of the exporter over time (state-timeline)": calm(
        dict.fromkeys(("host", "journal", "load", "netlink", "pod-logs", "recorder", "units", "wireless"), "fresh"),
        at_first=SILENT,
    ),
    "Way to the API server over time (state-timeline)": calm(
        {"API server": "the API server is not asked"}, at_first={"API server": "not known"}
    ),
}

EXPECTED: Mapping[str, Story] = {
    **{f"Fleet / {title}": shown for title, shown in FLEET.items()},
    **{f"Node $node / {title}": shown for title, shown in NODE.items()},
}

HISTORIES = {
    "Node $node / Verdict over time (state-timeline)": {
        "verdict": ["not scraped", "uplink down", "recovering", "healthy"]
    },
    "Node $node / Default route over time (state-timeline)": {
        "ipv4": ["no route", "usable"],
        "ipv6": ["none, none required"],
    },
    "Node $node / Uplink over time (state-timeline)": {"wlan0": ["down", "up"]},
    "Node $node / flannel, if it started now (state-timeline)": {"flannel": ["no flannel here", BLOCKED, STARTS]},
}
"""What they show in the end, one after the other."""

UNSURE = {"unknown", "not known"}
"""What a first scrape may find besides: the exporter listens before it has looked."""

MARKS = {
    "Reboots": {NAME},
    "Route losses": set(),  # what was never there cannot be lost
    "Fail-overs": set(),
    "Verdict changes": {"uplink_down", "recovering", "healthy"},
    "Alerts": {NAME},
}
"""What each annotation marks in the end."""
