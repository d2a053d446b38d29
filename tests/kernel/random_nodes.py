"""Random nodes, and whether a real packet leaves them: what the page is held to."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from random import Random

from tests.kernel.namespace import Namespace, fresh_namespace
from uplink_exporter.facts import Family

DEVICES = ("eth0", "wlan0", "usb0")
# Elsewhere than what the exporter asks the way to.
TARGETS = {Family.IPV4: ("5.5.5.5", "203.0.113.9"), Family.IPV6: ("2001:4860::9", "2a01::9")}
SOCKETS = {Family.IPV4: socket.AF_INET, Family.IPV6: socket.AF_INET6}
NETS = {Family.IPV4: "10.{}.0.", Family.IPV6: "2001:db8:{}::"}
ANYTHING = {Family.IPV4: "0.0.0.0/0", Family.IPV6: "::/0"}
NEAR = ("169.254.", "fe80", "0.0.0.0", "::1")
REFUSALS = ("unreachable", "blackhole", "prohibit", "throw")
PORT = 9
ETH_P_ALL = 3
SETTLE = 0.05


@dataclass(slots=True)
class RandomNode:
    """A node with three lines, whose far ends are in a network beyond, and what may be done to it."""

    here: Namespace
    beyond: Namespace
    random: Random
    names: dict[str, str] = field(default_factory=lambda: {device: device for device in DEVICES})
    objects: int = 0

    def run(self, *commands: str) -> None:
        """Run ip(8) commands one by one; what the kernel refuses does not happen."""
        places = {"far": self.beyond.ip, "-6": self.here.ip6}
        for command in commands:
            place = command.split()[0]
            with suppress(RuntimeError):
                places.get(place, self.here.ip)(command.removeprefix(f"{place} ") if place in places else command)

    def prepare(self) -> None:
        """Lines that are up, with addresses, whose neighbours need not be asked for."""
        self.here.sysctl("ipv6/conf/default/accept_dad", 0)
        self.here.sysctl("ipv6/conf/default/router_solicitations", 0)
        self.beyond.ip("link add spare type ifb")
        self.here.ip(*(f"link add {name} type veth peer name p{name} netns {self.beyond.name}" for name in DEVICES))
        self.beyond.ip(*(f"link set p{name} up" for name in DEVICES))
        self.here.ip(
            *(
                command
                for number, name in enumerate(DEVICES, 1)
                for command in (
                    f"link set {name} arp off up",
                    f"addr add 10.{number}.0.5/24 dev {name}",
                    f"addr add 2001:db8:{number}::5/64 dev {name} nodad",
                )
            )
        )

    def commands(self, family: Family) -> Iterator[str]:
        """What makes a random node of one family."""
        changes = [self.random.choice(self._kinds())(family) for _ in range(self.random.randint(1, 5))]
        return (command for commands in changes for command in commands)

    def change(self) -> tuple[str, ...]:
        """One random change, of one family."""
        family = self.random.choice(list(Family))
        return self.random.choice((*self._kinds(), self._undo, self._undo, self._mend, self._mend))(family)

    def _kinds(self) -> tuple[Callable[[Family], tuple[str, ...]], ...]:
        return (
            self._plain, self._plain, self._on_link, self._object, self._policy, self._refusal,
            self._line, self._set_down, self._rename, self._halves, self._readdress,
        )  # fmt: skip

    def _device(self) -> tuple[int, str]:
        number = self.random.randrange(len(DEVICES))
        return number + 1, self.names[DEVICES[number]]

    def _metric(self) -> str:
        return f"metric {self.random.choice((50, 100, 200, 600))}"

    def _gateway(self, family: Family, number: int) -> str:
        return f"{NETS[family].format(number)}1"

    def _plain(self, family: Family) -> tuple[str, ...]:
        number, name = self._device()
        via = f"via {self._gateway(family, number)} dev {name}"
        return (f"route add {ANYTHING[family]} {via} {self._metric()}",)

    def _on_link(self, family: Family) -> tuple[str, ...]:
        _, name = self._device()
        return (f"route add {ANYTHING[family]} dev {name} {self._metric()}",)

    def _object(self, family: Family) -> tuple[str, ...]:
        number, name = self._device()
        self.objects += 1
        via = f"via {self._gateway(family, number)} dev {name}"
        return (
            f"nexthop add id {self.objects} {via}",
            f"route add {ANYTHING[family]} nhid {self.objects} {self._metric()}",
        )

    def _policy(self, family: Family) -> tuple[str, ...]:
        number, name = self._device()
        via = f"via {self._gateway(family, number)} dev {name}"
        action = self.random.choice(("lookup 100", "lookup 100", "unreachable", "fwmark 7 lookup 100"))
        rule = f"rule add pref {self.random.randint(100, 199)} {action}"
        return (f"route add {ANYTHING[family]} {via} table 100", f"-6 {rule}" if family is Family.IPV6 else rule)

    def _refusal(self, family: Family) -> tuple[str, ...]:
        return (f"route add {self.random.choice(REFUSALS)} {ANYTHING[family]} {self._metric()}",)

    def _halves(self, family: Family) -> tuple[str, ...]:
        number, name = self._device()
        via = f"via {self._gateway(family, number)} dev {name}"
        halves = ("0.0.0.0/1", "128.0.0.0/1") if family is Family.IPV4 else ("::/1", "8000::/1")
        return tuple(f"route add {half} {via}" for half in halves)

    def _line(self, family: Family) -> tuple[str, ...]:
        return (f"far link set p{self.random.choice(DEVICES)} down",)

    def _set_down(self, family: Family) -> tuple[str, ...]:
        return (f"link set {self._device()[1]} down",)

    def _rename(self, family: Family) -> tuple[str, ...]:
        device = self.random.choice(DEVICES)
        old, new = self.names[device], f"{device}x{self.random.randrange(1000)}"
        self.names[device] = new
        return (f"link set {old} name {new}",)

    def _readdress(self, family: Family) -> tuple[str, ...]:
        """Only a link-local address is left, as where DHCP did not answer."""
        _, name = self._device()
        if family is Family.IPV4:
            return (f"addr flush dev {name}", f"addr add 169.254.7.7/16 dev {name}")
        return (f"-6 addr flush dev {name} scope global",)

    def _undo(self, family: Family) -> tuple[str, ...]:
        """Take something away."""
        flag = "-6 " if family is Family.IPV6 else ""
        return (
            self.random.choice(
                (
                    f"{flag}route del default",
                    f"{flag}route del default {self._metric()}",
                    f"{flag}rule del pref {self.random.randint(100, 199)}",
                    f"{flag}route flush table 100",
                    f"nexthop del id {max(1, self.objects)}",
                    "route del 0.0.0.0/1" if family is Family.IPV4 else "route del ::/1",
                    "route del 128.0.0.0/1" if family is Family.IPV4 else "route del 8000::/1",
                )
            ),
        )

    def _mend(self, family: Family) -> tuple[str, ...]:
        """Bring a line back."""
        number, name = self._device()
        address = f"addr replace {NETS[family].format(number)}5/{24 if family is Family.IPV4 else 64} dev {name}"
        return self.random.choice(
            ((f"far link set p{DEVICES[number - 1]} up",), (f"link set {name} up", address), (address,))
        )

    def leaves(self, family: Family) -> bool:
        """Whether a packet to each half of the world comes out at a far end, from where an answer can come back."""
        return all(self._arrives(family, target) for target in TARGETS[family])

    def _arrives(self, family: Family, target: str) -> bool:
        mark = self.random.randbytes(16)
        with (
            self.beyond.call(socket.socket, socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL)) as ear,
            self.here.call(socket.socket, SOCKETS[family], socket.SOCK_DGRAM) as sender,
        ):
            try:
                sender.connect((target, PORT))
                source = sender.getsockname()[0]
                sender.send(mark)
            except OSError:
                return False
            return arrives(ear, mark) and not source.startswith(NEAR)


def arrives(ear: socket.socket, mark: bytes) -> bool:
    """Whether it arrives. A veth hands a frame over before the sender's call returns, or soon after."""
    ear.settimeout(SETTLE)
    with suppress(TimeoutError):
        while True:
            if mark in ear.recv(2048):
                return True
    return False


@contextmanager
def random_node(seed: int) -> Iterator[RandomNode]:
    """A node of a seed, before anything is done to it."""
    with fresh_namespace() as beyond, fresh_namespace() as here:
        node = RandomNode(here, beyond, Random(seed))
        node.prepare()
        yield node
