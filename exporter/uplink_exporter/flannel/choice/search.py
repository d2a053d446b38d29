"""What a search for the interface ends with: a link, or words."""

from __future__ import annotations

from dataclasses import dataclass

from uplink_exporter.facts import Family, Link
from uplink_exporter.flannel.choice.answer import Blocked, Method
from uplink_exporter.flannel.options import Options, Stack


class DeadEndError(Exception):
    """A search that found nothing, in flannel's words. `final` means that nothing is tried after it."""

    def __init__(self, reason: Blocked, words: str) -> None:
        super().__init__(words)
        self.reason = reason
        self.final = reason in {Blocked.PANIC, Blocked.UNDECIDED}


@dataclass(frozen=True, slots=True)
class Found:
    """The link that a search ended with, and the addresses if it fixed them."""

    link: Link
    method: Method
    address: str = ""
    address6: str = ""


def linked(link: Link | None, doing: str) -> Link:
    """The link, or flannel's words for there being none."""
    if link is None:
        raise DeadEndError(Blocked.IFACE_MISSING, f"{doing}: route ip+net: no such network interface")
    return link


def families(stack: Stack) -> tuple[Family, ...]:
    """The families of a stack, in the order in which flannel asks for them."""
    return tuple(Family) if stack is Stack.DUAL else (Family(stack),)


def spelt(words: str, options: Options) -> str:
    """An inner message as this version spells it: v0.28.0 lower-cased them (flannel 44e09cf2)."""
    return words if options.version < (0, 28, 0) else words[0].lower() + words[1:]
