"""k3s' two questions, node IP and flannel's interface, in real namespaces, against what the real modules said there."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path

import pytest

from tests.kernel.namespace import fresh_namespace
from uplink_exporter.facts import Network
from uplink_exporter.flannel.choice import Refusal
from uplink_exporter.flannel.hostip import HostIp, choose_host_interface
from uplink_exporter.flannel.k3s import K3sOptions, would_k3s_start
from uplink_exporter.sources import netlink

pytestmark = pytest.mark.kernel

FIXTURE = Path(__file__).parents[1] / "fixtures/units/questions.tsv"
ROWS: Sequence[Sequence[str]] = [line.split("\t") for line in FIXTURE.read_text().splitlines()]


async def look() -> Network:
    async with aclosing(netlink.watch(Path("/sys"), lambda: ())) as facts:
        return await anext(facts)


@pytest.mark.parametrize(("state", "commands", "node_ip", "flannel"), ROWS, ids=[row[0] for row in ROWS])
def test_k3s_asks_for_the_nodes_ip_and_then_what_flannel_asks(
    state: str, commands: str, node_ip: str, flannel: str, namespaces: None
) -> None:
    with fresh_namespace() as node:
        for command in filter(None, commands.split("; ")):
            node.ip(command)
        network = node.call(asyncio.run, look())
    host = choose_host_interface(network)
    assert (host.address if isinstance(host, HostIp) else host.error) == node_ip
    answer = would_k3s_start(network, K3sOptions(node_ip="192.0.2.5"))
    assert (answer.inner if isinstance(answer, Refusal) else answer.address) == flannel
    both = would_k3s_start(network, K3sOptions())
    if isinstance(host, HostIp):
        assert both == answer
    else:
        assert isinstance(both, Refusal)
        assert (both.reason, both.error) == ("node_ip", f"Error: {node_ip}")
