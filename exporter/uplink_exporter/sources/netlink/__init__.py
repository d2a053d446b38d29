"""The kernel's links, addresses, default routes and gateway neighbours, over rtnetlink.

Events are hints, dumps are truth. IPv4 drops the routes of a link that is set down without a word (kernel commit
7c6bb7d2faaf), so folding route events into a table would go on claiming a route that is gone. Each event that matters
leads to a fresh dump; in between the event itself is folded in, with what the kernel does by it in silence, so that a
loss that is over before the dump runs is yielded, and counted, all the same.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from functools import reduce
from itertools import tee
from pathlib import Path

from uplink_exporter.facts import Network, Reason, SourceError
from uplink_exporter.sources.netlink.hints import hinted
from uplink_exporter.sources.netlink.kernel import Kernel, Targets
from uplink_exporter.sources.netlink.requests import EVENT_GROUPS
from uplink_exporter.sources.netlink.tracker import Pace, Tracker
from uplink_exporter.sources.netlink.wire import judged, opened

RESYNC = 30.0
MOST_INTERRUPTIONS = 3


async def watch(
    sysfs: Path, targets: Targets = tuple, named: tuple[str, ...] = (), resync: float = RESYNC
) -> AsyncGenerator[Network, None]:
    """Yield the network now, at each change, and every `resync` seconds. Raises SourceError; needs no privilege.

    `targets` gives the addresses to which the way is to be looked up with each dump, `named` are the devices that the
    operator names as uplinks.
    """
    with judged(), opened(EVENT_GROUPS) as events, opened() as requests:
        kernel = Kernel(requests, sysfs, targets, named)
        tracker, pace = Tracker(await look(kernel)), Pace(resync)
        pace.expects(tracker.network)
        yield tracker.network
        while True:
            for network in tracker.follow(await events.received(within=pace.wait)):
                yield network
            pace.dirty |= tracker.takes_dump()
            if pace.wait > 0:
                continue
            with pace.dumping():
                truth = await look(kernel)
            pace.expects(truth)
            meanwhile, again = tee(events.pending())
            for network in tracker.follow(meanwhile):
                yield network
            pace.dirty = tracker.takes_dump()
            # The dump may have seen what happened meanwhile, or not: folded in, it has.
            tracker.network = reduce(hinted, again, truth)
            yield tracker.network


async def look(kernel: Kernel) -> Network:
    """A dump; one that the kernel's tables changed under is made again at once, while the events are still heard."""
    for _ in range(MOST_INTERRUPTIONS):
        try:
            return await kernel.dump()
        except SourceError as error:
            if error.reason is not Reason.INTERRUPTED:
                raise
    return await kernel.dump()
