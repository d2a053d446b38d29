"""The supervisor: sources that fail by a script, and a sleep that takes no time but tells how long it was."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import HOST, LOAD, NETWORK, at
from uplink_exporter.facts import Fact, Host, Load, NodeState, Reason, SourceError
from uplink_exporter.store import Store
from uplink_exporter.supervisor import FIRST_BACKOFF, LONGEST_BACKOFF, Watch, backoff, supervise

Step = Fact | BaseException


@dataclass
class Run:
    """A supervisor under a script: its store, the pauses that it made, and the sources that it closed."""

    store: Store
    pauses: list[float] = field(default_factory=list)
    opened: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)

    def source(self, name: str, *attempts: Sequence[Step]) -> Watch:
        """A source that does what the script says, attempt by attempt, and after its last one goes on for ever."""
        left = iter(attempts)

        async def watch() -> AsyncGenerator[Fact, None]:
            self.opened.append(name)
            try:
                attempt = next(left, None)
                for step in attempt or ():
                    if isinstance(step, BaseException):
                        raise step
                    yield step
                if attempt is None:
                    await asyncio.Event().wait()
            finally:
                self.closed.append(name)

        return watch

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        await asyncio.sleep(0)

    async def until(self, sources: dict[str, Watch], done: Callable[[], bool]) -> None:
        """Run the sources until the condition holds, and cancel them."""
        task = asyncio.create_task(supervise(sources, self.store, self.sleep))
        async with asyncio.timeout(5):
            while not done() and not task.done():  # noqa: ASYNC110
                await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    def errors(self, source: str) -> dict[Reason, int]:
        health = self.store.state.health.get(source)
        return dict(health.errors) if health else {}


@pytest.fixture
def run() -> Run:
    """A supervisor with a clock that goes on by a second with each look at it."""
    ticks = iter(range(1_000_000))
    return Run(Store(state=NodeState(), clock=lambda: at(next(ticks))))


IO = SourceError(Reason.IO, "no such file")
ENDS: Sequence[Step] = ()


async def test_what_a_source_yields_is_observed(run: Run) -> None:
    await run.until({"load": run.source("load", [LOAD])}, lambda: run.store.state.last(Load) is not None)
    assert run.store.state.last(Load) == LOAD


async def test_a_source_that_fails_does_not_touch_another(run: Run) -> None:
    sources = {
        "load": run.source("load", *[[IO]] * 5),
        "host": run.source("host", [HOST]),
    }
    await run.until(sources, lambda: len(run.pauses) >= 5)
    assert run.store.state.last(Host) == HOST
    assert run.errors("load")[Reason.IO] == 5
    assert run.errors("host").get(Reason.IO) is None


@pytest.mark.parametrize(
    ("attempt", "reason"),
    [
        pytest.param([SourceError(Reason.OVERFLOW, "x")], Reason.OVERFLOW, id="its own reason"),
        pytest.param([LOAD, SourceError(Reason.TIMEOUT, "x")], Reason.TIMEOUT, id="after it yielded"),
        pytest.param(ENDS, Reason.FINISHED, id="it ends, as no source may"),
        pytest.param([LOAD], Reason.FINISHED, id="it yields and ends"),
        pytest.param([KeyError("x")], Reason.INTERNAL, id="a fault in it"),
        pytest.param([ExceptionGroup("x", [OSError()])], Reason.INTERNAL, id="several faults in it"),
        pytest.param([asyncio.CancelledError()], Reason.INTERNAL, id="something in it was cancelled, and not by us"),
    ],
)
async def test_a_failure_is_counted_by_its_reason_and_tried_again(
    run: Run, attempt: Sequence[Step], reason: Reason
) -> None:
    await run.until({"load": run.source("load", attempt, [LOAD])}, lambda: len(run.pauses) >= 2)
    assert run.errors("load")[reason] >= 1
    assert run.store.state.last(Load) == LOAD


async def test_a_failure_is_logged_with_what_it_takes_to_understand_it(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        await run.until({"load": run.source("load", [IO])}, lambda: len(run.pauses) >= 1)
    (record,) = caplog.records
    assert {key: record.__dict__[key] for key in ("source", "reason", "error")} == {
        "source": "load",
        "reason": "io",
        "error": "no such file",
    }
    assert record.__dict__["retry"] == f"{run.pauses[0]:.1f}s"


async def test_pauses_grow_while_it_fails_and_begin_anew_once_it_went_on_for_a_while(run: Run) -> None:
    fails: Sequence[Step] = [IO]
    works: Sequence[Step] = [*[LOAD] * 20, IO]  # for 40 s by this clock, after a pause of 6.4 s at most
    await run.until({"load": run.source("load", *[fails] * 8, works, fails)}, lambda: len(run.pauses) >= 10)
    growing, (recovered, again) = run.pauses[:8], run.pauses[8:10]
    assert all(one < other * 2 and other <= one * 4 for one, other in pairwise(growing))
    assert growing[-1] > FIRST_BACKOFF * 2**6
    assert recovered <= FIRST_BACKOFF
    assert again <= 2 * FIRST_BACKOFF


async def test_to_yield_once_and_fail_again_makes_no_hot_loop() -> None:
    run = Run(Store(state=NodeState(), clock=lambda: at(5)))
    attempt: Sequence[Step] = [LOAD, IO]
    await run.until({"load": run.source("load", *[attempt] * 20)}, lambda: len(run.pauses) >= 20)
    assert min(run.pauses[-5:]) > 1


async def test_a_failure_that_goes_on_is_told_once(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    gone = SourceError(Reason.TIMEOUT, "no answer")
    with caplog.at_level(logging.WARNING):
        await run.until({"load": run.source("load", [IO], [IO], [IO], [gone])}, lambda: len(run.pauses) >= 4)
    assert [record.__dict__["reason"] for record in caplog.records] == [Reason.IO, Reason.TIMEOUT]


@given(st.integers(1, 10_000))
def test_a_pause_is_bounded_and_no_two_nodes_march_in_step(failures: int) -> None:
    longest = min(LONGEST_BACKOFF, FIRST_BACKOFF * 2.0 ** min(failures - 1, 60))
    pauses = {backoff(failures) for _ in range(5)}
    assert all(longest / 2 <= pause <= longest for pause in pauses)
    assert len(pauses) > 1


async def test_cancelling_it_closes_every_source(run: Run) -> None:
    names = ["one", "two", "three"]
    sources = {name: run.source(name, [LOAD, HOST, IO], [NETWORK]) for name in names}
    await run.until(sources, lambda: len(run.pauses) >= 3)
    assert sorted(run.closed) == sorted(run.opened)
    assert len(run.opened) >= 6


async def test_a_source_is_closed_before_it_is_tried_again(run: Run) -> None:
    await run.until({"load": run.source("load", [LOAD, IO])}, lambda: len(run.pauses) >= 1)
    assert run.closed == ["load", "load"]


async def test_a_fault_in_judging_ends_no_source(run: Run) -> None:
    def fault(*_: object) -> None:
        raise ZeroDivisionError

    run.store = replace(run.store, on_diagnosis=fault)
    sources = {"host": run.source("host", [HOST]), "load": run.source("load", [LOAD])}
    await run.until(sources, lambda: run.store.state.last(Load) is not None and len(run.pauses) >= 2)
    assert run.store.state.last(Host) == HOST
