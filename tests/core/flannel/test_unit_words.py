"""What k3s and its kin say, of three eras, and what it is taken for."""

from __future__ import annotations

from pathlib import Path

import pytest

from uplink_exporter.flannel.observed import Cause
from uplink_exporter.flannel.unit_words import last_words_of_unit, learning, split, waits_for
from uplink_exporter.flannel.units import Home, Learned

WORDS = Path(__file__).parents[2] / "fixtures/units"
STEP_0 = "Error: interface wlan0 does not have a correct global unicast ip: "
VALIDATE = "Failed to validate connection to cluster at https://10.0.0.1:6443: "
RETRIEVE = "Waiting to retrieve agent configuration; server is not ready: "
NO_INTERFACE = "route ip+net: no such network interface"
STAMP = 'time="2026-11-27T08:00:00+01:00" '


def lines(name: str) -> list[str]:
    return (WORDS / name).read_text().splitlines()


def said(level: str, message: str) -> str:
    quoted = message.replace("\\", "\\\\").replace('"', '\\"')
    return f'{STAMP}level={level} msg="{quoted}"'


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        ("v1.21-no-default-route.log", "apiserver exited: Unable to find suitable network address.error='no default"),
        ("v1.28-no-default-route.log", 'no default routes found in "/proc/net/route"'),
        ("v1.36-agent-no-default-route.log", "Error: failed to get node name and addresses: no default routes found"),
        ("v1.36-flannel-exited.log", 'Shutdown request received: "flannel exited: failed to find the interface: '),
    ],
)
def test_the_telling_line_is_found_in_each_era(name: str, begins: str) -> None:
    words = last_words_of_unit(Home.K3S, reversed(lines(name)))
    assert words is not None
    assert words.cause is Cause.NO_DEFAULT_ROUTE
    assert words.line.startswith(begins)


@pytest.mark.parametrize(
    ("level", "message", "cause"),
    [
        ("fatal", "flannel exited: <nil>", Cause.CLEAN),
        ("fatal", "context canceled", Cause.CLEAN),
        ("fatal", "Interrupted", Cause.CLEAN),
        ("info", "Shutdown request received", Cause.CLEAN),
        (
            "fatal",
            STEP_0 + "the interface wlan0 is not up",
            Cause.IFACE_NO_ADDRESS,
        ),
        (
            "fatal",
            STEP_0 + "can't find ip for interface wlan0",
            Cause.IFACE_NO_ADDRESS,
        ),
        (
            "fatal",
            STEP_0 + "multiple global unicast addresses defined for wlan0, please set ip from one of [a b]",
            Cause.CONFIG,
        ),
        (
            "fatal",
            STEP_0 + "route ip+net: no such network interface",
            Cause.IFACE_MISSING,
        ),
        ("fatal", "Error: route ip+net: no such network interface", Cause.DEFAULT_ROUTE_NO_OIF),
        ("fatal", "Error: unable to select an IP from default routes.", Cause.IFACE_NO_ADDRESS),
        ("fatal", "invalid node-ip: invalid ip format ''", Cause.CONFIG),
        ("error", "flannel exited: failed to register flannel network: operation not supported", Cause.VXLAN),
        (
            "fatal",
            "flannel exited: failed to get default interface: Found default route but could not determine interface",
            Cause.DEFAULT_ROUTE_NO_OIF,
        ),
    ],
)
def test_what_a_last_word_blames(level: str, message: str, cause: Cause) -> None:
    words = last_words_of_unit(Home.K3S, [said("info", "on and on"), said(level, message), said("info", "before")])
    assert words is not None
    assert (words.cause, words.line) == (cause, message)


def test_errors_that_k3s_outlives_are_no_last_words() -> None:
    assert (
        last_words_of_unit(Home.K3S, [said("error", "Failed to connect to proxy"), "E1127 08:00:00.1 1 a.go:1] x"])
        is None
    )


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        (
            RETRIEVE + "unable to find interface wlan7: " + NO_INTERFACE,
            Cause.IFACE_MISSING,
        ),
        (
            'failed to get CA certs: Get "https://127.0.0.1:6444/cacerts": connection reset by peer',
            Cause.API_UNREACHABLE,
        ),
        (VALIDATE + "i/o timeout", Cause.API_UNREACHABLE),
        (
            VALIDATE + "dial tcp 10.0.0.1:6443: connect: network is unreachable",
            Cause.NO_DEFAULT_ROUTE,
        ),
    ],
)
def test_what_a_unit_waits_for(message: str, cause: Cause) -> None:
    words = waits_for([said("info", "on"), said("error", message)])
    assert words is not None
    assert (words.cause, words.line) == (cause, message)


@pytest.mark.parametrize(
    ("home", "line", "learned"),
    [
        (Home.K3S, said("info", "Starting k3s v1.36.4+k3s1 (0f4b1a3c)"), Learned(version="v1.36.4+k3s1")),
        (Home.K3S, said("info", "Starting k3s agent v1.21.3+k3s1 (1d1f220f)"), Learned(version="v1.21.3+k3s1")),
        (Home.K3S, said("info", "Wrote flannel subnet file to /run/flannel/subnet.env"), Learned(started=True)),
        (
            Home.K3S,
            "I1127 08:00:00.1  1 a.go:1] Wrote subnet file to /run/x",
            Learned(started=True),
        ),
        (Home.K3S, said("info", "Running kubelet --address=0.0.0.0"), Learned()),
        (Home.RKE2, said("info", "Running kubelet --address=0.0.0.0"), Learned(started=True)),
        (Home.SERVICE, "I1127 08:00:00.200000    4711 main.go:504] Running backend.", Learned(started=True)),
        (
            Home.K3S,
            said("error", "unable to find interface wlan7: route ip+net: no such network interface"),
            Learned(iface="wlan7"),
        ),
    ],
)
def test_what_a_start_tells(home: Home, line: str, learned: Learned) -> None:
    assert learning(Learned(), home, line) == learned


def test_a_message_is_unquoted_as_go_quotes() -> None:
    assert split(f'{STAMP}level=error msg="a \\"b\\" \\\\ c" error="x"') == ("E", 'a "b" \\ c')
    assert split(f"{STAMP}level=fatal msg=Interrupted") == ("F", "Interrupted")
    assert split(f'{STAMP}level=info msg="cut of') == ("I", "cut of")
    assert split("plain") == ("", "plain")
