"""Where a route or a rule keeps traffic from leaving: what is said to run is run, word for word, and traffic leaves."""

from __future__ import annotations

import shlex

import pytest

from tests.kernel.namespace import watching
from tests.kernel.test_ways_out import IPV4, IPV6, ROUTE, ROUTE6, Node, nic, node, run
from uplink_exporter.facts import Policy

__all__ = ["node"]

pytestmark = pytest.mark.kernel


@pytest.mark.parametrize(
    ("policy", "broken"),
    [
        pytest.param(IPV4, ["route add unreachable default metric 10"], id="a route that refuses"),
        pytest.param(IPV4, ["route add blackhole 0.0.0.0/1"], id="one that refuses half of the world"),
        pytest.param(IPV6, ["route add unreachable ::/0 metric 10"], id="one for IPv6"),
        pytest.param(IPV4, ["rule add pref 5 prohibit"], id="a rule that refuses"),
        pytest.param(IPV4, ["rule del pref 32766"], id="no rule to the main table"),
        pytest.param(
            IPV4,
            ["rule add pref 100 lookup main suppress_prefixlength 0", "rule del pref 32766"],
            id="only a rule that takes no default route from it",
        ),
        pytest.param(
            IPV4, ["route add unreachable default table 100", "rule add pref 7 lookup 100"], id="a table that refuses"
        ),
        pytest.param(
            IPV6, ["route add unreachable ::/0 table 100", "-6 rule add pref 7 lookup 100"], id="one for IPv6 that does"
        ),
        pytest.param(IPV4, [*nic("veth7"), "route add default dev veth7 metric 1"], id="a route into a container"),
        pytest.param(IPV4, ["route add local default dev lo"], id="a route to the node itself"),
        pytest.param(
            IPV4,
            ["route add local default dev lo table 100", "rule add pref 7 lookup 100"],
            id="one of another table",
        ),
    ],
)
def test_what_refuses_is_gone_after_the_cure(node: Node, policy: Policy, broken: list[str]) -> None:
    family = policy.required[0]
    usable = f'uplink_default_route_usable{{family="{family}"}}'
    run(node, [ROUTE, ROUTE6, *broken])
    with watching(node.here, policy=policy) as watched:
        watched.catch_up()
        assert watched.shows({usable: 0}, within=0.5)
        lines = watched.scene().diagnosis.remedy
        for line in lines:
            words = shlex.split(line, comments=True)
            if words[:2] == ["sudo", "ip"]:
                run(node, [" ".join(words[2:]).removeprefix("-4 ")])
        watched.catch_up()
        assert watched.shows({usable: 1}, within=0.5), lines
    asks = [line for line in lines if "done when" in line]
    assert asks, lines
    assert asks[0].startswith(f"ip -{family[-1]} route get ")
