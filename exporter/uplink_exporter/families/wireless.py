"""The families of the wireless source: what each station has joined, and how its connections ended."""

from __future__ import annotations

from collections.abc import Iterator

from uplink_exporter.facts import End, Mode, Radio, Wireless
from uplink_exporter.families.family import MetricFamily, Sample, Scene


def _wireless(scene: Scene) -> Wireless:
    return scene.state.fresh(Wireless, scene.now) or Wireless()


def _stations(scene: Scene) -> Iterator[Radio]:
    names = {link.name for link in scene.links}
    return (radio for radio in _wireless(scene).radios if radio.mode is Mode.STATION and radio.device in names)


def _connected(scene: Scene) -> Iterator[Sample]:
    return (((radio.device,), radio.joined is not None and radio.joined.authorized) for radio in _stations(scene))


def _signal(scene: Scene) -> Iterator[Sample]:
    for radio in _stations(scene):
        if radio.joined is not None and radio.joined.signal is not None:
            yield (radio.device,), radio.joined.signal


def _disconnects(scene: Scene) -> Iterator[Sample]:
    ends = _wireless(scene).ends
    return (((radio.device, end), ends.get((radio.device, end), 0)) for radio in _stations(scene) for end in End)


def _last(scene: Scene) -> Iterator[Sample]:
    last = _wireless(scene).last
    for radio in _stations(scene):
        if ended := last.get(radio.device):
            yield (radio.device, ended.end), scene.now.unix(ended.at)


def _roams(scene: Scene) -> Iterator[Sample]:
    roams = _wireless(scene).roams
    return (((radio.device,), roams.get(radio.device, 0)) for radio in _stations(scene))


WIRELESS = (
    MetricFamily(
        name="uplink_wireless_connected",
        help="1 if the station has joined an access point and was let in.",
        labels=("device",),
        samples=_connected,
    ),
    MetricFamily(
        name="uplink_wireless_signal_dbm",
        help="How strong the station hears its access point, in dBm; no sample while it has joined none.",
        labels=("device",),
        samples=_signal,
    ),
    MetricFamily(
        name="uplink_wireless_disconnects_total",
        help="Connections of the station that ended, and attempts that failed, by reason; roaming does not count.",
        labels=("device", "reason"),
        samples=_disconnects,
    ),
    MetricFamily(
        name="uplink_wireless_last_disconnect_timestamp_seconds",
        help="When a connection of the station last ended, or an attempt failed, and for what reason.",
        labels=("device", "reason"),
        samples=_last,
    ),
    MetricFamily(
        name="uplink_wireless_roams_total",
        help="Times that the station went over from one access point to another.",
        labels=("device",),
        samples=_roams,
    ),
)
