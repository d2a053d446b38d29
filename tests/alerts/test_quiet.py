"""A day on which much happens and nothing is wrong: no alert; and the same day with one outage, which is told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from random import Random

from tests.alerts.history import Question, Samples, ask, columns

DAY, HOUR, MINUTE = 86400, 3600, 60
OLD = 'container="kube-flannel",exported_namespace="kube-flannel",exported_pod="kube-flannel-ds-jdwcr"'
FIRED = 'count by (alertname, node) (count_over_time(ALERTS{alertstate="firing"}[1d])) > bool 0'


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """What befalls a node in the course of a day, in seconds from its beginning."""

    absences: tuple[tuple[int, int], ...] = ()
    """From when to when it has no IPv4 default route."""
    absences6: tuple[tuple[int, int], ...] = ()
    boots: tuple[int, ...] = ()
    """When it boots: 3 minutes before that it goes down, and its route 20 s earlier; 35 s after it has one again."""
    starts: tuple[int, ...] = ()
    """When the exporter is restarted: what it counted is lost, and a scrape or two."""
    missed: frozenset[int] = frozenset()
    """Scrapes that fail."""
    load: float = 1.0
    flannel: bool = True
    old_restarts: int = 3


def quiet_days() -> Mapping[str, Day]:
    """Each node's day."""
    chance = Random(4)  # which scrapes fail, the same in every run
    return {
        "roaming": Day(absences=tuple((at, at + 10) for at in range(1234, DAY, 47 * MINUTE))),
        "slow-roaming": Day(absences=tuple((at, at + 150) for at in range(999, DAY, 33 * MINUTE))),
        "rebooted": Day(boots=(2 * HOUR + 17, 9 * HOUR, 9 * HOUR + 600, 20 * HOUR + 45)),
        "gaps": Day(missed=frozenset(chance.sample(range(0, DAY, MINUTE), 30)) | silence(5 * HOUR, 240)),
        "updated": Day(starts=(HOUR, HOUR + 300, 13 * HOUR), absences=((13 * HOUR + 600, 13 * HOUR + 640),)),
        "ipv6": Day(absences6=tuple((at, at + 4 * MINUTE) for at in range(600, DAY, 9 * MINUTE))),
        "1931": Day(old_restarts=1931),
        "busy": Day(load=30.0),
        "no-flannel": Day(flannel=False),
    }


def silence(begin: int, seconds: int) -> frozenset[int]:
    """Scrapes that fail in a row."""
    return frozenset(range(begin, begin + seconds, MINUTE))


def history(days: Mapping[str, Day]) -> dict[str, Samples]:
    """All nodes' days as series."""
    return {name: samples for node, day in days.items() for name, samples in columns(scrapes(node, day)).items()}


def scrapes(node: str, day: Day) -> Iterator[Mapping[str, float]]:
    """What Prometheus has of the node after each scrape."""
    target = f'job="uplink-exporter",instance="{node}:10077",node="{node}"'
    for now in range(0, DAY, MINUTE):
        down = any(boot - 180 <= now < boot for boot in day.boots)
        restarting = any(start <= now < start + 90 for start in day.starts)
        if down or restarting or now in day.missed:
            yield {f"up{{{target}}}": 0.0}
        else:
            yield {_targeted(name, target): value for name, value in page(day, now).items()}


def _targeted(sample: str, target: str) -> str:
    name, _, labels = sample.partition("{")
    return f"{name}{{{target},{labels}" if labels else f"{name}{{{target}}}"


def page(day: Day, now: int) -> dict[str, float]:
    """The node's page at that second of the day."""
    boot = max((boot for boot in day.boots if boot <= now), default=-10 * DAY)
    counted_from = max(boot, max((start for start in day.starts if start <= now), default=boot))
    absences = (*day.absences, *((at - 200, at + 35) for at in day.boots))
    return {
        "up": 1.0,
        "uplink_boot_time_seconds": float(boot),
        "uplink_load5": day.load,
        "uplink_cpus": 4.0,
        'uplink_source_up{source="netlink"}': 1.0,
        "uplink_host_network": 1.0,
        **of_family("ipv4", 1.0, absences, now, boot, counted_from),
        **of_family("ipv6", 0.0, day.absences6, now, boot, counted_from),
        **of_flannel(day, now, boot),
    }


def of_family(
    family: str, required: float, absences: tuple[tuple[int, int], ...], now: int, boot: int, counted_from: int
) -> dict[str, float]:
    """What the page says of the family's default route."""
    usable = not any(begin <= now < end for begin, end in absences)
    seen = [(begin, min(end, now)) for begin, end in absences if counted_from <= end and begin <= now]
    came = [end for begin, end in absences if begin <= boot < end] or [boot]
    return {
        f'uplink_default_route_required{{family="{family}"}}': required,
        f'uplink_default_route_present{{family="{family}"}}': float(usable),
        f'uplink_default_route_usable{{family="{family}"}}': float(usable),
        f'uplink_default_route_seen_since_boot{{family="{family}"}}': float(now >= came[0]),
        f'uplink_default_route_losses_total{{family="{family}"}}': float(sum(a > counted_from for a, _ in seen)),
        f'uplink_default_route_absent_seconds_total{{family="{family}"}}': float(
            sum(end - max(begin, counted_from) for begin, end in seen)
        ),
    }


def of_flannel(day: Day, now: int, boot: int) -> dict[str, float]:
    """What the page says of flannel: 3 restarts at boot, until the API server is there."""
    if not day.flannel:
        return {
            "uplink_flannel_found": 0.0,
            "uplink_flannel_would_start": 0.0,
            "uplink_flannel_subnet_file_present": 0.0,
        }
    tries = [boot + after for after in (10, 30, 70)]
    return {
        "uplink_flannel_found": 1.0,
        "uplink_flannel_running": float(now >= tries[-1]),
        "uplink_flannel_would_start": 1.0,
        "uplink_flannel_subnet_file_present": float(now >= tries[-1]),
        "uplink_flannel_subnet_file_timestamp_seconds": float(tries[-1]),
        f"uplink_flannel_container_restarts{{{OLD}}}": float(day.old_restarts + sum(at <= now for at in tries)),
        "uplink_flannel_restarts_total": float(sum(at <= now for at in tries)),
        'uplink_flannel_restart_delta{window="1h"}': float(sum(now - HOUR < at <= now for at in tries)),
        'uplink_flannel_restart_delta{window="15m"}': float(sum(now - 900 < at <= now for at in tries)),
    }


def test_the_days_hold_what_they_promise() -> None:
    """Else silence would prove nothing."""
    days = quiet_days()
    usable = history({"slow-roaming": days["slow-roaming"]})
    (samples,) = (values for name, values in usable.items() if "usable" in name and "ipv4" in name)
    assert samples.count(0.0) > 50
    (ups,) = (values for name, values in history({"rebooted": days["rebooted"]}).items() if name.startswith("up{"))
    assert sum(before == 1.0 and after == 0.0 for before, after in pairwise(ups)) == 4


def test_nothing_fires(promtool: Path, tmp_path: Path) -> None:
    objection = ask(promtool, tmp_path, history(quiet_days()), MINUTE, Question(expr=FIRED, at=DAY - MINUTE))
    assert not objection, objection


def test_the_same_day_with_an_outage_is_told(promtool: Path, tmp_path: Path) -> None:
    days = quiet_days()
    days = {"roaming": Day(absences=(*days["roaming"].absences, (12 * HOUR, 12 * HOUR + 420)))}
    answer = {f'{{alertname="{alert}",node="roaming"}}': 1.0 for alert in ("UplinkLost", "UplinkRecovering")}
    objection = ask(promtool, tmp_path, history(days), MINUTE, Question(expr=FIRED, at=DAY - MINUTE, answer=answer))
    assert not objection, objection
