"""The metrics, all of them."""

from __future__ import annotations

from uplink_exporter.families.family import BuildInfo, MetricFamily, Scene, Showing
from uplink_exporter.families.flannel import FLANNEL
from uplink_exporter.families.history import HISTORY
from uplink_exporter.families.homes import HOMES
from uplink_exporter.families.network import INTERFACES, ROUTES
from uplink_exporter.families.node import LOAD, OURSELVES
from uplink_exporter.families.wireless import WIRELESS

__all__ = ["FAMILIES", "BuildInfo", "MetricFamily", "Scene", "Showing"]

FAMILIES: tuple[MetricFamily, ...] = (*ROUTES, *INTERFACES, *HISTORY, *LOAD, *HOMES, *WIRELESS, *FLANNEL, *OURSELVES)
