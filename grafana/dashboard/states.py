"""Closed sets of states: for each state a number to draw, words to say, and what its colour means."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from grafana_foundation_sdk.models.dashboard import (
    DashboardSpecialValueMapOptions,
    SpecialValueMap,
    SpecialValueMatch,
    ValueMap,
    ValueMapping,
    ValueMappingResult,
)


class Meaning(StrEnum):
    """What a colour means, everywhere.

    The palette is that of Okabe and Ito, made for the colour-blind (jfly.uni-koeln.de/color). Three are lighter than
    there: on the original ones Grafana writes in white, which could hardly be read.
    """

    GOOD = "#009E73"  # bluish green
    MENDING = "#8FD0F5"  # sky blue: on its way to be good
    RISKY = "#F7EE7A"  # yellow: works, but not for long
    FAILING = "#F5B335"  # orange: broken, most often for want of the uplink
    BAD = "#D55E00"  # vermilion: the uplink itself is broken
    UNSEEN = "#CC79A7"  # reddish purple: nobody can see
    ASIDE = "#555555"  # dark grey: neither good nor bad
    PLAIN = "#0072B2"  # blue: a number or a moment, without a judgement


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """One state: as the exporter's label has it, as the dashboard says it, and the number that stands for it."""

    code: int
    label: str
    words: str
    meaning: Meaning


def _numbered(*states: tuple[str, str, Meaning], first: int = 1) -> tuple[State, ...]:
    return tuple(
        State(code=code, label=label, words=words, meaning=meaning)
        for code, (label, words, meaning) in enumerate(states, first)
    )


# In the order of badness, so that the fleet's table can be sorted by it. A node that nobody can scrape may be one
# whose uplink is gone, so it stands above flannel's troubles.
VERDICTS = _numbered(
    ("healthy", "healthy", Meaning.GOOD),
    ("recovering", "recovering", Meaning.MENDING),
    ("unknown", "unknown", Meaning.UNSEEN),
    ("flannel_refuses", "flannel would not start", Meaning.RISKY),
    ("flannel_failing", "flannel fails", Meaning.FAILING),
    ("", "not scraped", Meaning.UNSEEN),
    ("route_dead", "route leads nowhere", Meaning.BAD),
    ("route_missing", "no default route", Meaning.BAD),
    ("uplink_down", "uplink down", Meaning.BAD),
    ("uplink_missing", "uplink missing", Meaning.BAD),
)
NOT_SCRAPED = next(state for state in VERDICTS if not state.label)

ROUTES = _numbered(
    ("not_required", "none, none required", Meaning.ASIDE),
    ("missing", "no route", Meaning.BAD),
    ("dead", "leads nowhere", Meaning.BAD),
    ("usable", "usable", Meaning.GOOD),
    first=-1,
)

OPERSTATES = _numbered(
    ("up", "up", Meaning.GOOD),
    ("unknown", "unknown to the driver", Meaning.ASIDE),
    ("dormant", "dormant", Meaning.MENDING),
    ("testing", "testing", Meaning.RISKY),
    ("lowerlayerdown", "lower layer down", Meaning.BAD),
    ("down", "down", Meaning.BAD),
    ("notpresent", "not present", Meaning.BAD),
    ("missing", "does not exist", Meaning.BAD),
)
MISSING = OPERSTATES[-1]
# A device from which nobody expects the default route may well be down.
UNEXPECTED = tuple(
    state if state.meaning is Meaning.GOOD else replace(state, meaning=Meaning.ASIDE) for state in OPERSTATES
)

# What it would die of now, and what it died of, in the same words.
NO_INTERFACE = (
    ("default_route_no_oif", "default route without a device of its own", Meaning.FAILING),
    ("default_iface_mismatch", "IPv4 and IPv6 by different devices", Meaning.FAILING),
    ("iface_no_address", "no address on the interface", Meaning.FAILING),
    ("iface_missing", "the interface of --iface does not exist", Meaning.FAILING),
    ("iface_ip_missing", "no interface has the address", Meaning.FAILING),
    ("iface_no_match", "no interface matches", Meaning.FAILING),
)

BLOCKED = _numbered(
    ("", "would start", Meaning.GOOD),
    ("undecided", "cannot be told", Meaning.UNSEEN),
    ("no_default_route", "would find no default route", Meaning.FAILING),
    ("no_default_route6", "would find no IPv6 default route", Meaning.FAILING),
    *NO_INTERFACE,
    ("node_ip", "would find no address of this node", Meaning.FAILING),
    ("unreachable", "--iface-can-reach cannot be reached", Meaning.FAILING),
    ("mtu", "MTU too small", Meaning.FAILING),
    ("config", "flags or configuration wrong", Meaning.FAILING),
    ("panic", "it would panic", Meaning.FAILING),
    ("", "no flannel here", Meaning.ASIDE),
)
WOULD_START, UNDECIDED, *BLOCKED_FOR, NO_FLANNEL = BLOCKED

FLANNEL = _numbered(
    ("absent", "no flannel here", Meaning.ASIDE),
    ("stopped", "does not run", Meaning.FAILING),
    ("running", "runs", Meaning.GOOD),
    ("not_ready", "runs, not ready", Meaning.MENDING),
    ("ready", "ready", Meaning.GOOD),
)
WAITING = _numbered(
    ("ContainerCreating", "ContainerCreating", Meaning.MENDING),
    ("PodInitializing", "PodInitializing", Meaning.MENDING),
    ("CrashLoopBackOff", "CrashLoopBackOff", Meaning.FAILING),
    ("CreateContainerError", "CreateContainerError", Meaning.FAILING),
    ("CreateContainerConfigError", "CreateContainerConfigError", Meaning.FAILING),
    ("PreCreateHookError", "PreCreateHookError", Meaning.FAILING),
    ("PreStartHookError", "PreStartHookError", Meaning.FAILING),
    ("PostStartHookError", "PostStartHookError", Meaning.FAILING),
    ("RunContainerError", "RunContainerError", Meaning.FAILING),
    ("ErrImagePull", "ErrImagePull", Meaning.FAILING),
    ("ImagePullBackOff", "ImagePullBackOff", Meaning.FAILING),
    ("ErrImageNeverPull", "ErrImageNeverPull", Meaning.FAILING),
    ("ImageInspectError", "ImageInspectError", Meaning.FAILING),
    ("InvalidImageName", "InvalidImageName", Meaning.FAILING),
    ("RegistryUnavailable", "RegistryUnavailable", Meaning.FAILING),
    ("other", "another reason", Meaning.FAILING),
    first=10,
)
NONE_WAITS = State(code=1, label="", words="none waits", meaning=Meaning.GOOD)
# Where --source.kubernetes is off, or there is nothing to ask the API server with.
NOT_ASKED = State(code=2, label="", words="the API server is not asked", meaning=Meaning.ASIDE)

# The verdicts once more, as answers to the last question.
_OVER = {
    Meaning.GOOD: "yes",
    Meaning.MENDING: "nearly",
    Meaning.RISKY: "for now",
    Meaning.FAILING: "not for flannel",
    Meaning.BAD: "no",
    Meaning.UNSEEN: "nobody knows",
}
OVER = tuple(replace(verdict, words=_OVER[verdict.meaning]) for verdict in VERDICTS)

# In place of the time when it was so last.
IN_TROUBLE = State(code=-1, label="", words="now", meaning=Meaning.ASIDE)

MILESTONES = _numbered(
    ("link", "link", Meaning.ASIDE),
    ("address", "address", Meaning.ASIDE),
    ("default_route", "default route", Meaning.ASIDE),
    ("flannel", "flannel", Meaning.ASIDE),
)

NOT_REACHED = State(code=-1, label="", words="not seen", meaning=Meaning.ASIDE)

API_PATHS = _numbered(
    ("service", "by the service", Meaning.GOOD),
    ("endpoint", "by an endpoint", Meaning.MENDING),
    ("configured", "by a configured address", Meaning.MENDING),
    ("none", "not at all", Meaning.FAILING),
    first=10,
)

# Causes have no number of their own.
CAUSES = _numbered(
    ("no_default_route", "no default route", Meaning.FAILING),
    ("no_default_route6", "no IPv6 default route", Meaning.FAILING),
    *NO_INTERFACE,
    ("route_dump_race", "routes changed while it read them", Meaning.FAILING),
    ("kernel_too_old", "kernel too old", Meaning.FAILING),
    ("api_unreachable", "API server out of reach", Meaning.FAILING),
    ("rbac", "API server refused (RBAC)", Meaning.FAILING),
    ("config", "flags or configuration wrong", Meaning.FAILING),
    ("podcidr", "no pod CIDR for the node", Meaning.FAILING),
    ("br_netfilter", "br_netfilter not loaded", Meaning.FAILING),
    ("vxlan", "VXLAN device", Meaning.FAILING),
    ("mtu", "MTU too small", Meaning.FAILING),
    ("etcd", "etcd", Meaning.FAILING),
    ("iptables", "iptables", Meaning.FAILING),
    ("nftables", "nftables", Meaning.FAILING),
    ("panic", "panic", Meaning.FAILING),
    ("oom", "killed for its memory", Meaning.FAILING),
    ("unknown", "unknown words", Meaning.FAILING),
)

SOURCES = _numbered(("stale", "stale", Meaning.UNSEEN), ("fresh", "fresh", Meaning.GOOD), first=0)

# Of a node whose exporter answers, but does not tell this.
NOT_KNOWN = State(code=99, label="", words="not known", meaning=Meaning.UNSEEN)

NO_OTHER = State(code=98, label="", words="no other device", meaning=Meaning.ASIDE)

SEVERITIES = _numbered(("critical", "critical", Meaning.BAD), ("warning", "warning", Meaning.RISKY))


def mapping(*states: State) -> list[ValueMapping]:
    """The words and colours of the numbers."""
    return [_mapped((str(state.code), state) for state in states)]


def mapping_of_labels(*states: State) -> list[ValueMapping]:
    """The words and colours of the labels' own values, where a table shows them as they are."""
    return [_mapped((state.label, state) for state in states if state.label)]


def words_of_labels(*states: State) -> list[ValueMapping]:
    """The words alone."""
    words = {state.label: ValueMappingResult(text=state.words, index=index) for index, state in enumerate(states)}
    return [ValueMap(options=words)]


def mapping_of_nothing(words: str) -> ValueMapping:
    """What is said, in grey, where there is no value."""
    result = ValueMappingResult(text=words, color=Meaning.ASIDE, index=100)
    return SpecialValueMap(options=DashboardSpecialValueMapOptions(match=SpecialValueMatch.NULL_AND_NAN, result=result))


def _mapped(states: Iterable[tuple[str, State]]) -> ValueMap:
    results = {
        key: ValueMappingResult(text=state.words, color=state.meaning, index=index)
        for index, (key, state) in enumerate(states)
    }
    return ValueMap(options=results)
