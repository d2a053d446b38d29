"""What the page of a random node is held to: real packets, iproute2, and losses that somebody else counted."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.kernel.namespace import Page, Watched, watching
from tests.kernel.random_nodes import NEAR, TARGETS, RandomNode, random_node
from uplink_exporter.facts import Family, Policy

BOTH = Policy(required=tuple(Family))
FLAG = {Family.IPV4: "-4", Family.IPV6: "-6"}
# RTMGRP_*: LINK, IPV4_IFADDR, IPV4_ROUTE, IPV4_RULE, IPV6_IFADDR, IPV6_ROUTE; RTNLGRP_IPV6_RULE, RTNLGRP_NEXTHOP.
GROUPS = 0x1 | 0x10 | 0x40 | 0x80 | 0x100 | 0x400 | 1 << 18 | 1 << 31
CARRYING = ("UP", "UNKNOWN")


def disagreement(seed: int) -> str:
    """What the page of a random node says that a packet denies; nothing if they agree, also after more is done."""
    family = list(Family)[seed % 2]
    usable = f'uplink_default_route_usable{{family="{family}"}}'
    with random_node(seed) as node:
        node.run(*node.commands(family))
        with watching(node.here, policy=Policy(required=(family,))) as watched:
            for more in ((), tuple(node.commands(family))):
                node.run(*more)
                watched.catch_up()
                says, does = watched.page()[usable], node.leaves(family)
                if bool(says) is not does:
                    return f"seed {seed}: usable {says}, a packet leaves: {does}\n{watched.told()}"
    return ""


def changed(seed: int, changes: int) -> list[str]:
    """What the page says that iproute2, or who counts on his own, denies after any of so many random changes."""
    wrong: list[str] = []
    with random_node(seed) as node, watching(node.here, policy=BOTH) as watched, counting(node) as counter:
        for number in range(changes):
            commands = node.change()
            for command in commands:
                node.run(command)
                counter.look()
                watched.catch_up()
            page = watched.page()
            denied = [*routes(node, page), *links(node, page), *counter.denies(page, watched)]
            wrong += [f"seed {seed}, change {number} {commands}: {one}" for one in denied]
            if denied:
                break
    return wrong


def ask(node: RandomNode, *command: str) -> Any:
    """What ip(8) says, from JSON; nothing if it fails."""
    done = subprocess.run(
        ("ip", "-j", "-netns", node.here.name, *command), capture_output=True, text=True, check=False, timeout=10
    )
    return json.loads(done.stdout or "[]") if not done.returncode else []


def leaves(node: RandomNode, family: Family, links: Mapping[str, Any]) -> bool:
    """Whether the kernel's ways lead out by a device that carries, from an address to which an answer can come."""
    found = [ask(node, FLAG[family], "route", "get", target) for target in TARGETS[family]]
    return all(answer and _leaves(answer[0], links) for answer in found)


def _leaves(answer: Mapping[str, Any], links: Mapping[str, Any]) -> bool:
    link = links.get(answer.get("dev", ""), {})
    source = answer.get("prefsrc", "")
    alive = "LOWER_UP" in link.get("flags", ()) and link.get("operstate") in CARRYING
    return alive and answer.get("type", "unicast") == "unicast" and bool(source) and not source.startswith(NEAR)


def routes(node: RandomNode, page: Page) -> Iterator[str]:
    """What `ip route get` and `ip route` deny."""
    there = {link["ifname"]: link for link in ask(node, "link")}
    for family in Family:
        usable = page[f'uplink_default_route_usable{{family="{family}"}}']
        if bool(usable) is not leaves(node, family, there):
            yield f"{family}: usable {usable}"
        table = ask(node, FLAG[family], "-d", "route", "show", "default", "table", "main")
        present = any(route.get("type", "unicast") == "unicast" for route in table)
        if bool(page[f'uplink_default_route_present{{family="{family}"}}']) is not present:
            yield f"{family}: present is not {present}"


def links(node: RandomNode, page: Page) -> Iterator[str]:
    """What `ip link` denies."""
    for link in ask(node, "link"):
        name, carrier = link["ifname"], "LOWER_UP" in link["flags"]
        if page.get(f'uplink_interface_carrier{{device="{name}"}}', carrier) != carrier:
            yield f"{name}: carrier is not {carrier}"
        state = f'uplink_interface_operstate{{device="{name}",operstate="{link["operstate"].lower()}"}}'
        if page.get(state, 1) != 1:
            yield f"{name}: operstate is not {link['operstate']}"


@dataclass(slots=True)
class Counter:
    """Counts losses by asking the kernel whenever it said something."""

    node: RandomNode
    ear: socket.socket
    usable: dict[Family, bool] = field(default_factory=dict)
    losses: dict[Family, int] = field(default_factory=lambda: dict.fromkeys(Family, 0))

    def look(self) -> None:
        """Ask, if the kernel said something since the last look."""
        if not self._heard() and self.usable:
            return
        there = {link["ifname"]: link for link in ask(self.node, "link")}
        for family in Family:
            usable = leaves(self.node, family, there)
            self.losses[family] += self.usable.get(family, False) and not usable
            self.usable[family] = usable

    def _heard(self) -> bool:
        heard = False
        while True:
            try:
                heard |= len(self.ear.recv(65536, socket.MSG_DONTWAIT)) > 0
            except BlockingIOError:
                return heard

    def denies(self, page: Page, watched: Watched) -> Iterator[str]:
        """What is counted otherwise on the page."""
        for family in Family:
            losses = page[f'uplink_default_route_losses_total{{family="{family}"}}']
            if losses != self.losses[family]:
                yield f"{family}: {losses:g} losses, and {self.losses[family]} were counted\n{watched.told()}"


@contextmanager
def counting(node: RandomNode) -> Iterator[Counter]:
    """A counter with a socket of its own."""
    with node.here.call(socket.socket, socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as ear:
        ear.bind((0, GROUPS))
        counter = Counter(node, ear)
        counter.look()
        yield counter
