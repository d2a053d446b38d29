"""Restarts and crashes over pods and paths: nothing falls, nothing counts twice, nothing old counts as new."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uplink_exporter.facts import Instant, NodeState
from uplink_exporter.flannel.ledger import MAX_STEPS, Ledger
from uplink_exporter.flannel.observed import (
    ApiPath,
    Cause,
    ContainerRestarts,
    FlannelContainer,
    FlannelLogs,
    LastWords,
    NodePods,
)
from uplink_exporter.flannel.tally import MAX_GONE

LOGS, API = "pod-logs", "kubernetes"
BOOT = 1_630_000_000.0

Listing = Mapping[str, int]
"""The restart count of each pod that a path lists."""


def at(uptime: float) -> Instant:
    return Instant(uptime=uptime, boot_time=BOOT)


def told(listing: Listing) -> list[ContainerRestarts]:
    return [
        ContainerRestarts(uid=uid, namespace="kube-system", pod=f"p-{uid}", container="kube-flannel", count=count)
        for uid, count in listing.items()
    ]


def words(
    attempt: int, cause: Cause = Cause.NO_DEFAULT_ROUTE, *, uid: str = "a", uptime: float | None = None
) -> LastWords:
    when = None if uptime is None else BOOT + uptime
    return LastWords(
        uid=uid, container="kube-flannel", attempt=attempt, cause=cause, line=f"{cause} {attempt}", at=when
    )


def after(*looks: tuple[str, Listing]) -> Ledger:
    ledger = Ledger()
    for number, (path, listing) in enumerate(looks):
        ledger = ledger.observe(path, told(listing), at(float(number)))
    return ledger


@pytest.mark.parametrize(
    ("looks", "restarts"),
    [
        pytest.param([], 0, id="nobody has looked"),
        pytest.param([(LOGS, {"a": 1244})], 0, id="what happened before we looked is not new"),
        pytest.param([(LOGS, {"a": 1239}), (LOGS, {"a": 1244})], 5, id="a pod restarts"),
        pytest.param([(LOGS, {"a": 1239}), (LOGS, {"b": 2}), (LOGS, {"b": 5})], 5, id="a pod made since counts whole"),
        pytest.param([(LOGS, {}), (LOGS, {"a": 3})], 3, id="the first pod of a node that had none"),
        pytest.param([(LOGS, {"a": 5}), (API, {"a": 5})], 0, id="both paths tell the same"),
        pytest.param([(LOGS, {"a": 5}), (API, {"a": 7})], 2, id="the other path knows better at its first look"),
        pytest.param([(LOGS, {"a": 5}), (API, {"a": 4})], 0, id="the other path lags"),
        pytest.param([(LOGS, {"a": 5}), (API, {"a": 7}), (LOGS, {"a": 7})], 2, id="the lagging path catches up"),
        pytest.param([(LOGS, {"a": 5}), (API, {"b": 9})], 0, id="a pod that only the other path ever saw is old to it"),
        pytest.param([(LOGS, {"a": 5}), (API, {"b": 9}), (LOGS, {"b": 10})], 1, id="old to one path is old to both"),
        pytest.param([(LOGS, {"a": 5}), (LOGS, {}), (LOGS, {"a": 5})], 0, id="a pod vanishes and comes back"),
        pytest.param([(LOGS, {"a": 5}), (LOGS, {}), (LOGS, {"a": 8})], 3, id="and restarted meanwhile"),
        pytest.param([(LOGS, {"a": 5}), (LOGS, {"a": 2}), (LOGS, {"a": 6})], 1, id="a count that fell is no restart"),
        pytest.param(
            [(API, {"a": 5}), (LOGS, {"a": 5}), (LOGS, {"a": 9}), (LOGS, {"b": 4}), (API, {"b": 4})],
            8,
            id="a path is gone for an hour and finds another pod",
        ),
    ],
)
def test_restarts(looks: list[tuple[str, Listing]], restarts: int) -> None:
    assert after(*looks).restarts == restarts


def test_containers_of_one_pod_count_each_for_itself() -> None:
    def listing(one: int, other: int) -> list[ContainerRestarts]:
        pod = {"uid": "a", "namespace": "n", "pod": "p"}
        counts = {"kube-flannel": one, "flanneld": other}
        return [ContainerRestarts(**pod, container=name, count=count) for name, count in counts.items()]

    ledger = Ledger().observe(LOGS, listing(3, 7), at(0)).observe(LOGS, listing(4, 9), at(1))

    assert ledger.restarts == 3


def since_the_first_look(looks: Sequence[tuple[str, Listing]]) -> int:
    """The definition, from the whole history at once.

    Of each pod the highest count that was told, less the count at which it was first told if that was in the first
    listing of the path that told it.
    """
    total = 0
    for uid in {uid for _, listing in looks for uid in listing}:
        tellings = [(number, path, listing[uid]) for number, (path, listing) in enumerate(looks) if uid in listing]
        number, path, count = tellings[0]
        old = path not in {earlier for earlier, _ in looks[:number]}
        total += max(count for _, _, count in tellings) - (count if old else 0)
    return total


PATHS = st.sampled_from([LOGS, API])
LOOKS = st.lists(st.tuples(PATHS, st.dictionaries(st.sampled_from("abcd"), st.integers(0, 9))), max_size=12)


@given(LOOKS)
def test_any_sequence_of_listings_gives_the_restarts_since_the_first_look(looks: list[tuple[str, Listing]]) -> None:
    totals = [after(*looks[:number]).restarts for number in range(len(looks) + 1)]

    assert totals == [since_the_first_look(looks[:number]) for number in range(len(looks) + 1)]
    assert totals == sorted(totals)


class Node:
    """A node in which flannel's pods restart, are deleted and are made: what is true, and what a path would list."""

    def __init__(self, counts: Sequence[int]) -> None:
        self.pods = {f"old-{number}": count for number, count in enumerate(counts)}
        self.restarts = 0
        self.made = 0

    def act(self, action: str) -> None:
        if action == "make":
            self.made += 1
            self.pods[f"new-{self.made}"] = 0
        elif action == "delete" and self.pods:
            del self.pods[next(iter(self.pods))]
        elif action == "restart" and self.pods:
            self.pods[next(reversed(self.pods))] += 1
            self.restarts += 1


ACTIONS = st.sampled_from(["restart", "make", "delete"])
UP = st.sampled_from([(LOGS,), (API,), (LOGS, API), (API, LOGS)])


@given(st.lists(st.integers(0, 2000), max_size=3), st.lists(st.tuples(ACTIONS, UP)))
def test_while_either_path_is_up_every_restart_is_counted_once(
    counts: list[int], history: list[tuple[str, tuple[str, ...]]]
) -> None:
    node = Node(counts)
    ledger = after((LOGS, node.pods), (API, node.pods))
    for action, paths in history:
        node.act(action)
        for path in paths:
            ledger = ledger.observe(path, told(node.pods), at(1))
        assert ledger.restarts == node.restarts


@given(st.lists(st.integers(0, 9), max_size=3), st.lists(ACTIONS), st.lists(st.tuples(PATHS, st.integers(0, 30))))
def test_stale_and_missing_listings_never_count_too_much(
    counts: list[int], actions: list[str], looks: list[tuple[str, int]]
) -> None:
    node = Node(counts)
    moments = [(dict(node.pods), 0)]
    for action in actions:
        node.act(action)
        moments.append((dict(node.pods), node.restarts))
    ledger, newest = after((LOGS, moments[0][0]), (API, moments[0][0])), 0
    for path, moment in looks:
        moment = min(moment, len(moments) - 1)
        newest = max(newest, moment)
        ledger = ledger.observe(path, told(moments[moment][0]), at(1))
        assert ledger.restarts <= moments[newest][1]


def test_the_incident_over_two_pods() -> None:
    looks: list[tuple[str, Listing]] = [(LOGS, {"jqgsm": 1239}), (LOGS, {"jqgsm": 1244}), (LOGS, {"tq9x5": 0})]
    looks += [(LOGS, {"tq9x5": 5}), (API, {"tq9x5": 5})]

    assert [after(*looks[:number]).restarts for number in range(1, 6)] == [0, 5, 5, 10, 10]


def test_ten_thousand_pods_are_counted_in_bounded_memory() -> None:
    ledger = after((LOGS, {"p0": 3}), (API, {"p0": 3}))
    for number in range(1, 10_001):
        ledger = ledger.observe(LOGS, told({f"p{number}": 2}), at(float(number)))

    assert ledger.restarts == 20_000
    assert len(ledger.tallies) <= MAX_GONE + 2
    assert len(ledger.steps) == MAX_STEPS
    # The path that was gone all the time returns, and what it listed last was not forgotten.
    assert ledger.observe(API, told({"p0": 3, "p10000": 2}), at(10_001)).restarts == 20_000


@pytest.mark.parametrize(
    ("window", "now", "expected"),
    [(900, 1000, 4), (900, 1899, 4), (900, 1900, 1), (3600, 1900, 5), (3600, 5499, 1), (3600, 5500, 0)],
)
def test_the_restarts_of_a_trailing_window(window: float, now: float, expected: int) -> None:
    ledger = Ledger()
    for uptime, count in [(100, 7), (1000, 11), (1001, 11), (1900, 12)]:
        if uptime <= now:
            ledger = ledger.observe(LOGS, told({"a": count}), at(uptime))

    assert ledger.delta(window, at(now)) == expected


@given(LOOKS)
def test_an_endless_window_holds_every_restart(looks: list[tuple[str, Listing]]) -> None:
    assert after(*looks).delta(1e9, at(100)) == after(*looks).restarts


def hear(ledger: Ledger, listing: Listing, last_words: Sequence[LastWords], now: Instant) -> Ledger:
    """One fact of the pod logs."""
    return ledger.observe(LOGS, told(listing), now).crashed(last_words, ledger.looked.get(LOGS), now)


def hearing(*looks: tuple[Listing, Sequence[LastWords]]) -> Ledger:
    """The pod logs told at 100 s, 200 s and so on."""
    ledger = Ledger()
    for number, (listing, last_words) in enumerate(looks, start=1):
        ledger = hear(ledger, listing, last_words, at(number * 100.0))
    return ledger


@pytest.mark.parametrize(
    ("looks", "crashes"),
    [
        pytest.param([], {}, id="nobody has looked"),
        pytest.param([({"a": 5}, [words(4)])], {}, id="what ended before we looked"),
        pytest.param([({"a": 5}, [words(4), words(5)])], {}, id="what had ended while it was the newest, as well"),
        pytest.param([({"a": 5}, [words(4)]), ({"a": 5}, [words(4)])], {}, id="and stays old when told again"),
        pytest.param([({"a": 5}, []), ({"a": 5}, [words(4)])], {}, id="and when it can be read only later"),
        pytest.param([({"a": 5}, [words(4)]), ({"a": 5}, [words(4), words(5)])], {"no_default_route": 1}, id="it ends"),
        pytest.param(
            [({"a": 5}, []), ({"a": 5}, [words(5)]), ({"a": 6}, [words(5), words(6)])],
            {"no_default_route": 2},
            id="each attempt counts once",
        ),
        pytest.param([({"a": 5}, []), ({"b": 1}, [words(0, uid="b")])], {"no_default_route": 1}, id="a pod made since"),
        pytest.param([({"a": 5}, []), ({"a": 6}, [words(5, Cause.CLEAN)])], {}, id="a clean stop is no crash"),
        pytest.param(
            [({"a": 5}, []), ({"a": 6}, [words(5, Cause.PANIC)]), ({"a": 7}, [words(6, Cause.UNKNOWN)])],
            {"panic": 1, "unknown": 1},
            id="causes apart",
        ),
        pytest.param([({"a": 5}, []), ({"a": 5}, [words(0, uid="z")])], {}, id="a container that nobody listed"),
    ],
)
def test_crashes(looks: list[tuple[Listing, Sequence[LastWords]]], crashes: Mapping[str, int]) -> None:
    assert {cause: number for cause, number in hearing(*looks).crashes.items() if number} == crashes


def test_what_ended_while_only_the_api_was_up_is_not_old_to_the_logs() -> None:
    ledger = hear(Ledger().observe(API, told({"a": 5}), at(1)), {"a": 7}, [words(6), words(7)], at(3600))

    assert ledger.crashes == {Cause.NO_DEFAULT_ROUTE: 2}


@given(st.integers(0, 2000), st.booleans(), st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=20))
def test_each_attempt_whose_end_shows_after_the_first_look_counts_once(
    before: int, over_before: bool, history: list[tuple[int, bool]]
) -> None:
    def showing(count: int, over: bool) -> set[int]:
        # The kubelet keeps the log of the newest attempt, which may be over, and of the one before it, which is.
        return set(range(max(0, count - 1), count + over))

    def look(ledger: Ledger, count: int, shown: set[int]) -> Ledger:
        return hear(ledger, {"a": count}, [words(n) for n in shown], at(1))

    count, over = before, over_before
    ledger, shown = look(Ledger(), count, showing(count, over)), set[int]()
    for restarts, ends in history:
        count, over = count + restarts, ends or (over and not restarts)
        shown |= showing(count, over)
        ledger = look(ledger, count, showing(count, over))
        assert sum(ledger.crashes.values()) == len(shown - set(range(before + over_before)))


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        pytest.param(150.0, 150.0, id="its log says when"),
        pytest.param(None, 200.0, id="its log does not, so when it was seen"),
        pytest.param(9e9, 200.0, id="a clock that ran ahead"),
        pytest.param(-9e8, 100.0, id="a clock without NTP: not before the last look"),
    ],
)
def test_when_it_crashed_last(said: float | None, expected: float) -> None:
    ledger = hearing(({"a": 5}, []), ({"a": 6}, [words(5, uptime=said)]))

    assert ledger.last_crash == expected


def test_an_old_crash_has_its_own_time_and_words() -> None:
    ledger = hearing(({"a": 5, "b": 2}, [words(4, uptime=-3600.0), words(1, uid="b", uptime=-7200.0)]))

    assert ledger.last_crash == -3600.0
    assert ledger.last_words == words(4, uptime=-3600.0)
    assert hearing(({"a": 5}, [words(4)])).last_crash is None


def test_the_last_words_are_of_the_attempt_that_ended_last_even_if_it_was_stopped() -> None:
    ledger = hearing(({"a": 5}, [words(4, uptime=50)]), ({"a": 6}, [words(4), words(5, Cause.CLEAN, uptime=150)]))

    assert ledger.last_words == words(5, Cause.CLEAN, uptime=150)
    assert ledger.last_crash == 50.0


def test_both_facts_feed_it() -> None:
    (restarts,) = told({"a": 5})
    pods = NodePods(
        path=ApiPath.SERVICE, flannel=(FlannelContainer(restarts=restarts, running=False, ready=False, waiting=""),)
    )
    logs = FlannelLogs(found=True, restarts=tuple(told({"a": 7})), last_words=(words(6),))

    ledger = Ledger().after(pods, at(1)).after(logs, at(2))

    assert ledger.restarts == 2
    assert ledger.crashes == {Cause.NO_DEFAULT_ROUTE: 1}


def test_a_directory_that_is_not_there_yet_is_no_look() -> None:
    ledger = Ledger().after(FlannelLogs(found=False, listed=False), at(1))
    ledger = ledger.after(FlannelLogs(found=True, restarts=tuple(told({"a": 1244}))), at(2))

    assert ledger.restarts == 0


def test_it_is_a_fact_of_the_node() -> None:
    ledger = after((LOGS, {"a": 1}), (LOGS, {"a": 2}))

    assert NodeState().observe(ledger, at(5)).fresh(Ledger, at(6)) == ledger


def killed(count: int, oom: int) -> NodePods:
    (restarts,) = told({"a": count})
    container = FlannelContainer(restarts=restarts, running=False, ready=False, waiting="CrashLoopBackOff", oom=oom)
    return NodePods(path=ApiPath.SERVICE, flannel=(container,))


def logged(count: int, *said: LastWords) -> FlannelLogs:
    return FlannelLogs(found=True, restarts=tuple(told({"a": count})), last_words=said)


def test_who_left_no_words_and_was_killed_for_its_memory_died_of_that() -> None:
    ledger = Ledger().after(logged(3), at(0)).after(killed(3, oom=3), at(1))
    ledger = ledger.after(logged(4, words(3, Cause.UNKNOWN)), at(2)).after(logged(5, words(4, Cause.UNKNOWN)), at(3))

    assert ledger.crashes == {Cause.OOM: 1, Cause.UNKNOWN: 1}


def test_words_of_its_own_go_before_what_the_kubelet_says() -> None:
    ledger = Ledger().after(logged(3), at(0)).after(killed(3, oom=3), at(1)).after(logged(4, words(3)), at(2))

    assert ledger.crashes == {Cause.NO_DEFAULT_ROUTE: 1}


@pytest.mark.parametrize(
    ("looks", "attempt", "began"),
    [
        pytest.param([(LOGS, {"a": 3})], 3, (-inf, 9.0), id="it was there before we looked"),
        pytest.param([(LOGS, {"a": 3}), (LOGS, {"a": 4})], 4, (0.0, 1.0), id="it came between two looks"),
        pytest.param([(LOGS, {"a": 3}), (LOGS, {"a": 4})], 3, (-inf, 9.0), id="the one before was there"),
        pytest.param([(LOGS, {"a": 3}), (LOGS, {"a": 4}), (LOGS, {"a": 5})], 4, (0.0, 1.0), id="the last but one"),
        pytest.param([(LOGS, {"a": 3}), (LOGS, {"a": 8})], 7, (0.0, 1.0), id="both came at once"),
        pytest.param([(LOGS, {"a": 3}), (LOGS, {"a": 4}), (LOGS, {"a": 4})], 4, (0.0, 1.0), id="and it is still there"),
        pytest.param([(LOGS, {}), (LOGS, {"a": 0})], 0, (0.0, 1.0), id="the first of a new pod"),
        pytest.param([(LOGS, {"a": 3}), (API, {"a": 4})], 4, (-inf, 9.0), id="the first look of another path"),
        pytest.param([(LOGS, {"a": 3}), (LOGS, {"a": 4}), (API, {"a": 4})], 4, (0.0, 1.0), id="known to both"),
    ],
)
def test_when_an_attempt_began(looks: list[tuple[str, Listing]], attempt: int, began: tuple[float, float]) -> None:
    assert after(*looks).began(words(attempt), at(9.0)) == began


def test_the_api_may_be_late() -> None:
    ledger = Ledger().after(killed(3, oom=-1), at(60)).after(killed(4, oom=-1), at(90))

    assert ledger.began(words(4), at(99.0)) == (50.0, 90.0)


@pytest.mark.parametrize(("stamp", "began"), [(0.4, (0.4, 0.4)), (-7e8, (0.0, 1.0)), (1.2, (0.0, 1.0))])
def test_a_stamp_is_believed_only_between_two_looks(stamp: float, began: tuple[float, float]) -> None:
    said = replace(words(4), began=BOOT + stamp)

    assert after((LOGS, {"a": 3}), (LOGS, {"a": 4})).began(said, at(9.0)) == pytest.approx(began)
