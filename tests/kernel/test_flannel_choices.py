"""Our answer against what real binaries did: the same set-up, our own netlink source, every observed version."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from tests.kernel.namespace import Namespace, fresh_namespace
from uplink_exporter.facts import Network, Operstate
from uplink_exporter.flannel.choice import Choice, would_start
from uplink_exporter.flannel.goip import parse_ip
from uplink_exporter.flannel.hostip import HostIp, choose_host_interface
from uplink_exporter.flannel.options import Options, Stack, parse_options, parse_version
from uplink_exporter.sources import netlink

pytestmark = pytest.mark.kernel

Case = Mapping[str, Any]
FIXTURE = Path(__file__).parent.parent / "fixtures" / "flannel" / "choices.json"
CASES: Sequence[Case] = json.loads(FIXTURE.read_text())
NO_DAD = "sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0"


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_flannel_and_kubernetes_did_what_we_say(case: Case, namespaces: None) -> None:
    with fresh_namespace() as node:
        prepare(node, case["setup"])
        network = node.call(asyncio.run, look(case["flags"]))
    for version, observed in observations(case):
        assert (version, answer(network, options(case, version))) == (version, observed)
    assert host_ip(network) == case["host_ip"]


def test_the_observed_versions() -> None:
    """Each case has each version: so many cases are so many answers for every one of them."""
    versions = {version for version, _ in observations(CASES[0])}
    assert versions >= {"v0.14.0", "v0.20.2", "v0.28.9"}
    assert all({version for version, _ in observations(case)} == versions for case in CASES)


def prepare(node: Namespace, commands: Sequence[str]) -> None:
    script = "\n".join([NO_DAD, *commands])
    done = node.call(subprocess.run, ["sh", "-e"], input=script, text=True, capture_output=True, check=False)
    assert not done.returncode, done.stderr


async def look(flags: Sequence[str]) -> Network:
    """What our netlink source yields first, once the kernel has drawn the conclusions of a carrier that is gone."""
    target = parse_ip(parse_options(flags).can_reach)
    async with aclosing(netlink.watch(Path("/nowhere"), lambda: () if target is None else (str(target),))) as networks:
        while True:
            network = await anext(networks)
            if not any(link.operstate is Operstate.UP and not link.carrier for link in network.links):
                return network


def options(case: Case, version: str) -> Options:
    parsed = parse_version(version)
    assert parsed is not None
    return parse_options(case["flags"], version=parsed, stack=Stack(case["stack"]))


def observations(case: Case) -> Iterator[tuple[str, Mapping[str, object]]]:
    for entry in case["flannel"]:
        said = {key: value for key, value in entry.items() if key != "versions"}
        for version in entry["versions"].split():
            yield version, said


def answer(network: Network, options: Options) -> Mapping[str, object]:
    """Our answer in the fixture's form."""
    found = would_start(network, options, network.reached.get)
    if isinstance(found, Choice):
        said: Mapping[str, object] = {"device": found.device, "address": found.address, "address6": found.address6}
    else:
        said = {"error": found.error, "lookback": list(found.lookback)}
    text = json.dumps({key: value for key, value in said.items() if value})
    masked: Mapping[str, object] = json.loads(re.sub(r"fe80:(:[0-9a-f]{1,4})+", "fe80::*", text))
    return masked


def host_ip(network: Network) -> Mapping[str, str]:
    found = choose_host_interface(network)
    return {"address": found.address} if isinstance(found, HostIp) else {"error": found.error}
