"""The doctor: it looks once, and answers whatever some of its sources do."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncGenerator
from dataclasses import replace

import pytest

from tests.builders import GATEWAY, HOST, LOAD, NETWORK, at, booted, node
from tests.conftest import Later
from uplink_exporter.commands.doctor import as_json, as_text, exit_code
from uplink_exporter.commands.layout import coloured
from uplink_exporter.commands.looking import AFTERTHOUGHT, LOOK_TIMEOUT, Looked, Missed, Watch, look
from uplink_exporter.diagnosis import Verdict, diagnose
from uplink_exporter.facts import Fact, Host, Load, Network, NodeState, Policy, Reason, SourceError
from uplink_exporter.store import Store

NOW = at(60)
NOTHING: tuple[Fact, ...] = ()
SEEN = Looked(sources=("netlink", "pod-logs"))
REFUSED = Missed(source="pod-logs", reason=Reason.PERMISSION, message="/var/log/pods: permission denied; run as root")
PARTLY_SEEN = replace(SEEN, missed=(REFUSED,))
INCIDENT = node(
    booted(NETWORK), HOST, replace(LOAD, load1=23.4, blocked=6), policy=Policy(devices=("wlan0",)), uptime=60
)


def says(fact: Fact) -> Watch:
    async def watch() -> AsyncGenerator[Fact, None]:
        yield fact

    return watch


def fails(error: BaseException) -> Watch:
    async def watch() -> AsyncGenerator[Fact, None]:
        for fact in (LOAD,):
            if error:
                raise error
            yield fact

    return watch


async def hangs() -> AsyncGenerator[Fact, None]:
    await asyncio.Event().wait()
    yield LOAD


async def ends() -> AsyncGenerator[Fact, None]:
    for fact in NOTHING:
        yield fact


@pytest.fixture
def store() -> Store:
    """A store that knows nothing."""
    return Store(state=NodeState(), clock=lambda: NOW)


async def test_one_fact_of_each_source_is_taken_in(store: Store) -> None:
    await look({Network: says(NETWORK)}, {Host: says(HOST)}, store=store)
    assert store.state.last(Host) == HOST
    assert diagnose(store.state, NOW).verdict is Verdict.HEALTHY


@pytest.mark.parametrize(
    ("watch", "reason"),
    [
        pytest.param(fails(SourceError(Reason.PERMISSION, "x")), Reason.PERMISSION, id="it fails"),
        pytest.param(fails(KeyError("x")), Reason.INTERNAL, id="it is broken"),
        pytest.param(ends, Reason.FINISHED, id="it ends"),
        pytest.param(hangs, Reason.TIMEOUT, id="it hangs"),
    ],
)
async def test_a_source_that_does_not_answer_prevents_no_answer(
    store: Store, later: Later, watch: Watch, reason: Reason
) -> None:
    looking = asyncio.create_task(look({Network: says(NETWORK), Load: watch}, store=store))
    for _ in range(5):
        await asyncio.sleep(0)
    later(LOOK_TIMEOUT + 1)
    async with asyncio.timeout(1):
        await looking
    assert store.state.health["load"].errors == {reason: 1}
    assert diagnose(store.state, NOW).verdict is Verdict.HEALTHY


async def test_without_the_kernel_it_cannot_tell_and_says_why(store: Store) -> None:
    looked = await look({Network: fails(SourceError(Reason.PERMISSION, "no"))}, store=store)
    diagnosis = diagnose(store.state, NOW)
    assert exit_code(diagnosis.verdict, looked) == 2
    assert "permission 1x" in as_text(diagnosis, store.state, NOW, looked)


async def test_what_was_in_the_way_of_a_fact_is_told_after_it(store: Store) -> None:
    async def watch() -> AsyncGenerator[Fact, None]:
        yield LOAD
        raise SourceError(Reason.PERMISSION, "one log may not be read")

    assert (await look({Load: watch}, store=store)).missed == ()
    looked = await look({Load: watch}, store=store, partial=frozenset({Load}))
    assert looked.missed == (Missed(source="load", reason=Reason.PERMISSION, message="one log may not be read"),)
    assert store.state.last(Load) == LOAD


async def test_a_source_that_has_no_more_to_say_is_not_waited_for(store: Store, later: Later) -> None:
    looking = asyncio.create_task(look({Load: quiet}, store=store, partial=frozenset({Load})))
    for _ in range(5):
        await asyncio.sleep(0)
    later(AFTERTHOUGHT + 0.1)
    async with asyncio.timeout(1):
        assert (await looking).missed == ()


async def quiet() -> AsyncGenerator[Fact, None]:
    yield LOAD
    await asyncio.Event().wait()


def test_health_is_not_told_where_not_all_was_seen() -> None:
    state = node(NETWORK, HOST)
    diagnosis = diagnose(state, NOW)
    assert diagnosis.verdict is Verdict.HEALTHY
    assert exit_code(diagnosis.verdict, PARTLY_SEEN) == 2
    lines = as_text(diagnosis, state, NOW, PARTLY_SEEN).splitlines()
    assert lines[0] == (
        "pi-master1: no fault found, but not all could be looked at (pod logs); the default route leaves by wlan0."
    )
    assert lines[-2:] == ["Could not look at:", "  pod logs  /var/log/pods: permission denied; run as root"]
    assert json.loads(as_json(diagnosis, state, NOW, PARTLY_SEEN))["sources"] == {
        "netlink": {"complete": True, "reason": None, "error": None},
        "pod-logs": {"complete": False, "reason": "permission", "error": REFUSED.message},
    }


def test_a_long_path_is_told_in_one_piece() -> None:
    state, path = node(NETWORK, HOST), f"/var/log/pods/kube-system_kube-flannel_{'0' * 90}/kube-flannel/12.log"
    looked = Looked(missed=(replace(REFUSED, message=f"{path}: permission denied"),))
    assert path in as_text(diagnose(state, NOW), state, NOW, looked)


def test_a_fault_is_one_whatever_was_not_seen() -> None:
    diagnosis = diagnose(INCIDENT, NOW)
    assert exit_code(diagnosis.verdict, PARTLY_SEEN) == 1
    text = as_text(diagnosis, INCIDENT, NOW, PARTLY_SEEN)
    assert text.startswith("pi-master1: the uplink wlan0 is down")
    assert text.index("Could not look at:") < text.index("What to do:")


@pytest.mark.parametrize("verdict", Verdict)
def test_the_exit_code_is_0_if_healthy_2_if_it_cannot_tell_and_else_1(verdict: Verdict) -> None:
    assert exit_code(verdict, SEEN) == {Verdict.HEALTHY: 0, Verdict.UNKNOWN: 2}.get(verdict, 1)


def test_the_answer_reads_like_a_colleague_s() -> None:
    assert as_text(diagnose(INCIDENT, NOW), INCIDENT, NOW, SEEN).splitlines() == [
        "pi-master1: the uplink wlan0 is down, so there is no IPv4 default route.",
        "",
        "  wlan0               operstate down, administratively down: nothing has brought it up;",
        "                      --uplink.device names it",
        "  address on wlan0    no usable IPv4 address",
        "  IPv4 default route  none in the main table, never since boot 1m 0s ago",
        "  load                23.4 on 4 CPUs, 6 processes blocked: a consequence, not the cause",
        "",
        "What to do:",
        "  sudo netplan apply",
        "  ip -4 route show default type unicast   # done when this prints a route",
        "  sudo journalctl -b | grep -i -e wlan0   # why it did not come up by itself",
    ]


def test_the_answer_for_a_program_has_a_form() -> None:
    answer = json.loads(as_json(diagnose(INCIDENT, NOW), INCIDENT, NOW, SEEN))
    assert answer["form"] == 1
    assert answer["node"] == "pi-master1"
    assert answer["verdict"] == "uplink_down"
    assert answer["summary"] == "the uplink wlan0 is down, so there is no IPv4 default route"
    assert answer["evidence"][0]["subject"] == "wlan0"
    assert answer["remedy"][0] == "sudo netplan apply"
    assert set(answer) == {"form", "node", "verdict", "summary", "evidence", "remedy", "flannel", "sources"}


def test_a_healthy_node_s_answer_asks_for_nothing() -> None:
    state = node(NETWORK, HOST)
    text = as_text(diagnose(state, NOW), state, NOW, SEEN)
    assert GATEWAY in text
    assert "What to do" not in text
    assert json.loads(as_json(diagnose(state, NOW), state, NOW, SEEN))["remedy"] == []


@pytest.mark.parametrize("name", ["\x1b[2Jwlan0", "\x9b2J", "\u202ewlan0", "wl\u200ban0"])
def test_a_device_name_is_no_command_to_the_terminal(name: str) -> None:
    state = node(booted(NETWORK), replace(HOST, name=name), policy=Policy(devices=(name,)))
    text = as_text(diagnose(state, NOW), state, NOW, SEEN)
    assert all(line.isprintable() for line in text.splitlines())
    assert as_json(diagnose(state, NOW), state, NOW, SEEN).isascii()


def test_no_line_of_the_chain_is_wider_than_a_terminal() -> None:
    state = node(booted(NETWORK), HOST, LOAD, policy=Policy(devices=("fifteen-letters",)))
    chain = as_text(diagnose(state, NOW), state, NOW, SEEN).split("What to do:")[0]
    assert max(len(line) for line in chain.splitlines()) <= 100


def test_colour_changes_no_word() -> None:
    text = as_text(diagnose(INCIDENT, NOW), INCIDENT, NOW, PARTLY_SEEN)
    shown = coloured(text, 1)
    assert re.sub(r"\x1b\[[0-9;]*m", "", shown) == text
    lines = shown.split("\n")
    assert lines[0].startswith("\x1b[1;31mpi-master1: ")
    assert "\x1b[1mWhat to do:\x1b[0m" in lines
    assert "  ip -4 route show default type unicast\x1b[2m   # done when this prints a route\x1b[0m" in lines
