"""Why a radio has joined no access point, as far as nl80211 tells."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from uplink_exporter.diagnosis.verdict import Evidence
from uplink_exporter.diagnosis.view import View
from uplink_exporter.diagnosis.words import duration
from uplink_exporter.facts import End, Ended, Link

RECENT = 600.0
"""Seconds for which the last end of a connection explains that there is none: supplicants try again within minutes."""


class Trouble(StrEnum):
    """What keeps a radio from joining."""

    PASSPHRASE = "passphrase"
    OUT_OF_REACH = "out_of_reach"
    NOT_JOINED = "not_joined"


def trouble(view: View, link: Link) -> Trouble | None:
    """What keeps this radio, which is up, from joining an access point; None if nobody can tell."""
    if not link.wireless or not link.admin_up or link.carries:
        return None
    last = _last(view, link)
    if last is not None and last.end in (End.HANDSHAKE, End.REFUSED):
        return Trouble.PASSPHRASE
    radio, known = view.wireless.radio(link.name), view.wireless.known.get(link.name)
    if radio is None or not known:
        return None
    if known in radio.heard:
        return Trouble.NOT_JOINED
    return Trouble.OUT_OF_REACH if radio.scanned else None


def told(view: View, link: Link) -> Iterator[Evidence]:
    """What is known of the radio's last connection, and of the network that it joined last."""
    last = _last(view, link) if not link.carries else None
    if last is not None:
        ago = duration(view.now.uptime - last.at)
        yield Evidence(subject=f"radio of {link.name}", observed=f"{_ENDS[last.end]} {ago} ago{_times(view, last)}")
    match trouble(view, link):
        case Trouble.OUT_OF_REACH:
            observed = "the network that it joined last is not in reach: its access point is off, or too far away"
            yield Evidence(subject=f"radio of {link.name}", observed=observed)
        case Trouble.NOT_JOINED:
            observed = "the network that it joined last is in reach, but it has not joined"
            yield Evidence(subject=f"radio of {link.name}", observed=observed)


def _last(view: View, link: Link) -> Ended | None:
    ended = view.wireless.last.get(link.name)
    return ended if ended is not None and view.now.uptime - ended.at < RECENT else None


def _times(view: View, last: Ended) -> str:
    count = view.wireless.ends.get((last.device, last.end), 0)
    return f", {count}x so far" if count > 1 else ""


_ENDS = {
    End.HANDSHAKE: "the handshake failed, as it does with a wrong passphrase,",
    End.REFUSED: "the access point refused it, as WPA3 does with a wrong passphrase,",
    End.SIGNAL_LOST: "its access point was heard no more",
    End.ACCESS_POINT: "its access point ended the connection",
    End.LOCAL: "this node ended the connection",
    End.OTHER: "the connection ended",
}
