"""The node's radios, over nl80211: what each has joined, what it heard, and how its connections ended.

The kernel cannot be asked why a connection ended: who did not listen does not know. So this listens, to events that
every user of the machine may hear. It asks for no scan, which takes a privilege, and reads what others' scans heard.
A kernel without cfg80211 has no such family, and a network namespace that is not the host's has no radios: both are
no failure.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from uplink_exporter.facts import Wireless
from uplink_exporter.sources.wire import NETLINK_GENERIC, judged, opened
from uplink_exporter.sources.wireless.asking import Asking, family
from uplink_exporter.sources.wireless.news import News

PERIOD = 60.0
GROUPS = ("config", "mlme", "scan")


async def watch(period: float = PERIOD) -> AsyncGenerator[Wireless, None]:
    """Yield the radios now, at each change of theirs, and every `period` seconds. Raises SourceError."""
    with judged(), opened(NETLINK_GENERIC) as events, opened(NETLINK_GENERIC) as requests:
        while (nl80211 := await family(requests)) is None:
            yield Wireless()
            await asyncio.sleep(period)
        for group in GROUPS:
            events.join(nl80211.groups[group])
        asking = Asking(requests, nl80211)
        news = News(period)
        while True:
            radios = await asking.radios(news.scanned)
            news.looked(radios)
            yield Wireless(radios=radios, happened=news.told(asking.names))
            while news.wait > 0:
                news.heard(await events.received(within=news.wait))
