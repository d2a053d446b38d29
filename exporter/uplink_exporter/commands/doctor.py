"""`uplink-exporter doctor`: looks once, and says what is wrong with this node's uplink, why, and what to do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from enum import IntEnum
from logging import getLogger

from uplink_exporter.commands.layout import paragraph, plain
from uplink_exporter.diagnosis import Diagnosis, Verdict
from uplink_exporter.facts import Fact, Host, Instant, Network, NodeState, Reason, SourceError
from uplink_exporter.flannel.choice import Choice, Refusal
from uplink_exporter.flannel.condition import condition
from uplink_exporter.flannel.question import options, question
from uplink_exporter.store import Store

# The form of the JSON answer. It is an API: a field may be added under the same number, not taken away or changed.
FORM = 1
LOOK_TIMEOUT = 5.0

Watch = Callable[[], AsyncGenerator[Fact, None]]

log = getLogger(__name__)


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


async def look(sources: Mapping[type[Fact], Watch], store: Store) -> None:
    """Take in one fact from each source; of one that fails or is late, its failure."""
    for kind, fact in zip(sources, await asyncio.gather(*map(_first, sources.values())), strict=True):
        if isinstance(fact, Reason):
            store.fail(kind.source, fact)
        else:
            store.observe(fact)


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
    except Exception:  # a fault of ours in one source must not keep the others from answering
        log.exception("source is broken")
        return Reason.INTERNAL


def as_text(diagnosis: Diagnosis, state: NodeState, now: Instant) -> str:
    """The answer for a person."""
    host = state.last(Host)
    name = f"{host.name}: " if host and host.name else ""
    subjects = max((len(evidence.subject) for evidence in diagnosis.evidence), default=0)
    lines = [f"{name}{diagnosis.summary}.", ""]
    lines += [_row(evidence.subject.ljust(subjects), evidence.observed) for evidence in diagnosis.evidence]
    if diagnosis.remedy:
        lines += ["", "What to do:", *(f"  {command}" for command in diagnosis.remedy)]
    return "\n".join(plain(line) for text in lines for line in text.split("\n"))


def _row(subject: str, observed: str) -> str:
    return paragraph(observed, f"  {subject}  ", " " * (len(subject) + 4))


def as_json(diagnosis: Diagnosis, state: NodeState, now: Instant) -> str:
    """The answer for a program."""
    host = state.last(Host)
    answer = {
        "form": FORM,
        "node": host.name if host else "",
        "verdict": diagnosis.verdict,
        "summary": diagnosis.summary,
        "evidence": [{"subject": e.subject, "observed": e.observed} for e in diagnosis.evidence],
        "remedy": list(diagnosis.remedy),
        "flannel": _flannel(state, now),
    }
    return json.dumps(answer, indent=2)


def _flannel(state: NodeState, now: Instant) -> dict[str, object]:
    """Flannel's own question, with what it was asked with; `would_start` is null if it cannot be told."""
    network, asked = state.fresh(Network, now), options(state)
    answer = question(state, network) if network else None
    choice = answer if isinstance(answer, Choice) else None
    refusal = answer if isinstance(answer, Refusal) else None
    return {
        "found": condition(state, now).found,
        "would_start": None if answer is None else choice is not None,
        "device": choice.device if choice else None,
        "address": (choice.address or None) if choice else None,
        "address6": (choice.address6 or None) if choice else None,
        "method": choice.method if choice else None,
        "reason": refusal.reason if refusal else None,
        "error": refusal.error if refusal else None,
        "inner_error": refusal.inner if refusal else None,
        "lookback": list(refusal.lookback) if refusal else [],
        "version": "v{}.{}.{}".format(*asked.version) if asked else None,
        "stack": asked.stack if asked else None,
    }
