"""This node's pods, as the API server has them.

To import this room costs nothing: the client, and OpenSSL with it, come when the source is watched.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from functools import partial
from typing import TYPE_CHECKING

from uplink_exporter.sources.kubernetes.access import Access

if TYPE_CHECKING:
    from uplink_exporter.flannel.observed import NodePods, Selection

__all__ = ["Access", "watcher"]


def watcher(
    access: Access, node: str, selection: Selection, endpoints: tuple[str, ...]
) -> Callable[[], AsyncGenerator[NodePods, None]]:
    """What yields the pods of `node`. `endpoints` are the API servers that an earlier run learned of."""
    from uplink_exporter.sources.kubernetes import pods
    from uplink_exporter.sources.kubernetes.paths import Memory, remembered
    from uplink_exporter.sources.kubernetes.terms import Timing

    subject, memory = pods.Subject(node=node, selection=selection), Memory(endpoints=remembered(endpoints))
    return partial(pods.watch, access, subject, memory, Timing())
