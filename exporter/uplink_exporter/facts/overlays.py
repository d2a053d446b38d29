"""Flannel's own devices: which there were in this boot, and which of them are gone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from uplink_exporter.facts.links import Link

# flannel.1, flannel-v6.1 (vxlan, by its VNI), flannel-wg, flannel-wg-v6, flannel.ipip (pkg/backend of flannel).
_NAMES = re.compile(r"flannel(-v6)?\.\w+|flannel-wg(-v6)?")

MOST = 16


def overlays(known: Mapping[str, float | None], links: Iterable[Link], uptime: float) -> Mapping[str, float | None]:
    """Each of flannel's devices that was seen in this boot, and since which uptime it is gone; None if it is there."""
    there = [link.name for link in links if _NAMES.fullmatch(link.name)][:MOST]
    gone = {name: uptime if since is None else since for name, since in known.items() if name not in there}
    return MappingProxyType({**dict(list(gone.items())[-MOST:]), **dict.fromkeys(there)})
