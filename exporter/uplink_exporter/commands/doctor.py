"""`uplink-exporter doctor`: looks once, and says what is wrong with this node's uplink, why, and what to do."""

from __future__ import annotations

import json
from collections.abc import Sequence
from enum import IntEnum

from uplink_exporter.commands.layout import paragraph, plain
from uplink_exporter.commands.looking import Looked, Missed
from uplink_exporter.diagnosis import Diagnosis, Verdict
from uplink_exporter.facts import Host, Instant, Network, NodeState
from uplink_exporter.flannel.choice import Choice, Refusal
from uplink_exporter.flannel.condition import condition
from uplink_exporter.flannel.question import options, question

# The form of the JSON answer. It is an API: a field may be added under the same number, not taken away or changed.
FORM = 1

# What a person calls that which a source looks at.
NAMES = {
    "netlink": "the kernel's network",
    "load": "the load",
    "host": "the node's files",
    "pod-logs": "pod logs",
    "kubernetes": "the Kubernetes API",
    "units": "flannel's unit",
    "journal": "the journal",
}


class ExitCode(IntEnum):
    """What the shell is told."""

    HEALTHY = 0
    NOT_HEALTHY = 1
    UNKNOWN = 2


def exit_code(verdict: Verdict, looked: Looked) -> ExitCode:
    """0 if healthy, 1 if not, 2 if it cannot be told: not by the kernel, or not for all that was to be looked at."""
    if verdict is Verdict.UNKNOWN or (verdict is Verdict.HEALTHY and looked.missed):
        return ExitCode.UNKNOWN
    return ExitCode.HEALTHY if verdict is Verdict.HEALTHY else ExitCode.NOT_HEALTHY


def as_text(diagnosis: Diagnosis, state: NodeState, now: Instant, looked: Looked) -> str:
    """The answer for a person."""
    host = state.last(Host)
    name = f"{host.name}: " if host and host.name else ""
    subjects = max((len(evidence.subject) for evidence in diagnosis.evidence), default=0)
    lines = [f"{name}{_headline(diagnosis, looked.missed)}.", ""]
    lines += [_row(evidence.subject.ljust(subjects), evidence.observed) for evidence in diagnosis.evidence]
    if looked.missed:
        rows = (_row(NAMES.get(one.source, one.source), one.message) for one in looked.missed)
        lines += ["", "Could not look at:", *rows]
    if diagnosis.remedy:
        lines += ["", "What to do:", *(f"  {command}" for command in diagnosis.remedy)]
    return "\n".join(plain(line) for text in lines for line in text.split("\n"))


def _headline(diagnosis: Diagnosis, missed: Sequence[Missed]) -> str:
    """The verdict, and if it is a good one, whether all was seen."""
    if diagnosis.verdict is not Verdict.HEALTHY or not missed:
        return diagnosis.summary
    unseen = ", ".join(NAMES.get(one.source, one.source) for one in missed)
    return f"no fault found, but not all could be looked at ({unseen}); {diagnosis.summary.removeprefix('healthy: ')}"


def _row(subject: str, observed: str) -> str:
    return paragraph(observed, f"  {subject}  ", " " * (len(subject) + 4))


def as_json(diagnosis: Diagnosis, state: NodeState, now: Instant, looked: Looked) -> str:
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
        "sources": {source: _source(source, looked.missed) for source in looked.sources},
    }
    return json.dumps(answer, indent=2)


def _source(source: str, missed: Sequence[Missed]) -> dict[str, object]:
    """Whether all was seen that this source looks at, and if not, why."""
    fault = next((one for one in missed if one.source == source), None)
    return {
        "complete": fault is None,
        "reason": fault.reason if fault else None,
        "error": fault.message if fault else None,
    }


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
