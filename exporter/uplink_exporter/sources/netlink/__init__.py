"""The kernel's links, addresses, default routes and gateway neighbours, over rtnetlink.

Events are hints, dumps are truth. IPv4 drops the routes of a link that is set down without a word (kernel commit
7c6bb7d2faaf), so folding route events into a table would go on claiming a route that is gone. Each event that matters
leads to a fresh dump; in between the event itself is folded in, with what the kernel does by it in silence, so that a
loss that is over before the dump runs is yielded, and counted, all the same.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

from uplink_exporter.facts import Network
from uplink_exporter.sources.netlink.codec import split
from uplink_exporter.sources.netlink.kernel import Kernel, Targets
from uplink_exporter.sources.netlink.looker import look, looking
from uplink_exporter.sources.netlink.requests import EVENT_GROUPS, event_filter
from uplink_exporter.sources.netlink.tracker import Pace, Tracker
from uplink_exporter.sources.wire import NETLINK_ROUTE, judged, opened

RESYNC = 30.0


async def watch(
    sysfs: Path, targets: Targets = tuple, named: tuple[str, ...] = (), resync: float = RESYNC
) -> AsyncGenerator[Network, None]:
    """Yield the network now, at each change, and every `resync` seconds. Raises SourceError; needs no privilege.

    `targets` gives the addresses to which the way is to be looked up with each dump, `named` are the devices that the
    operator names as uplinks.
    """
    with (
        judged(),
        opened(NETLINK_ROUTE, groups=EVENT_GROUPS, program=event_filter(), split=split) as events,
        opened(NETLINK_ROUTE, split=split) as requests,
    ):
        kernel = Kernel(requests, sysfs, targets, named)
        pace = Pace(resync)
        pace.begins()
        tracker = Tracker(await look(kernel))
        pace.took(tracker.network)
        yield tracker.network
        async with looking(kernel, events) as looker:
            while True:
                for network in tracker.follow(await looker.heard(within=min(pace.wait, tracker.wait))):
                    yield kernel.described(network)
                truth = looker.take()
                if truth is not None:
                    for network in tracker.follow(events.pending()):
                        yield kernel.described(network)
                    pace.took(truth)
                    tracker.corrected(truth)
                if tracker.wait <= 0:
                    tracker.network = kernel.described(tracker.network)
                    with tracker.telling():
                        yield tracker.network
                pace.dirty |= tracker.takes_dump()
                if pace.wait <= 0:
                    pace.begins()
                    tracker.meanwhile = []
                    looker.begin()
