"""`uplink-exporter doctor`: looks once, and says what is wrong with this node's uplink, why, and what to do."""

from __future__ import annotations

import asyncio
import json
import textwrap
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from enum import IntEnum

from uplink_exporter.diagnosis import Diagnosis, Verdict
from uplink_exporter.facts import Fact, Host, Instant, NodeState, Reason, SourceError

# The form of the JSON answer. It is an API: a field may be added under the same number, not taken away or changed.
FORM = 1
LOOK_TIMEOUT = 5.0
WIDTH = 100

Watch = Callable[[], AsyncGenerator[Fact, None]]


class ExitCode(IntEnum):
    """What the shell is told."""

    HEALTHY = 0
    NOT_HEALTHY = 1
    UNKNOWN = 2


def exit_code(verdict: Verdict) -> ExitCode:
    """0 if healthy, 1 if not, 2 if it cannot be told."""
    if verdict is Verdict.UNKNOWN:
        return ExitCode.UNKNOWN
    return ExitCode.HEALTHY if verdict is Verdict.HEALTHY else ExitCode.NOT_HEALTHY


async def look(sources: Mapping[type[Fact], Watch], state: NodeState, clock: Callable[[], Instant]) -> NodeState:
    """The state after one fact from each source; a source that fails or is late is left out, and its failure kept."""
    for kind, fact in zip(sources, await asyncio.gather(*(_first(watch) for watch in sources.values())), strict=True):
        state = state.fail(kind.source, fact) if isinstance(fact, Reason) else state.observe(fact, clock())
    return state


async def _first(watch: Watch) -> Fact | Reason:
    try:
        async with asyncio.timeout(LOOK_TIMEOUT), aclosing(watch()) as facts:
            return await anext(facts)
    except SourceError as error:
        return error.reason
    except TimeoutError:
        return Reason.TIMEOUT
    except StopAsyncIteration:
        return Reason.FINISHED


def as_text(diagnosis: Diagnosis, state: NodeState) -> str:
    """The answer for a person."""
    host = state.last(Host)
    name = f"{host.name}: " if host and host.name else ""
    subjects = max((len(evidence.subject) for evidence in diagnosis.evidence), default=0)
    lines = [f"{name}{diagnosis.summary}.", ""]
    lines += [_row(evidence.subject.ljust(subjects), evidence.observed) for evidence in diagnosis.evidence]
    if diagnosis.remedy:
        lines += ["", "What to do:", *(f"  {command}" for command in diagnosis.remedy)]
    return "\n".join(lines)


def _row(subject: str, observed: str) -> str:
    indent = " " * (len(subject) + 4)
    return textwrap.fill(observed, WIDTH, initial_indent=f"  {subject}  ", subsequent_indent=indent)


def as_json(diagnosis: Diagnosis, state: NodeState) -> str:
    """The answer for a program."""
    host = state.last(Host)
    answer = {
        "form": FORM,
        "node": host.name if host else "",
        "verdict": diagnosis.verdict,
        "summary": diagnosis.summary,
        "evidence": [{"subject": e.subject, "observed": e.observed} for e in diagnosis.evidence],
        "remedy": list(diagnosis.remedy),
    }
    return json.dumps(answer, indent=2)
