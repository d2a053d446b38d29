"""Which alerts fire, with the way to their runbooks."""

from __future__ import annotations

from grafana_foundation_sdk.builders import table

from grafana.dashboard import links, tables
from grafana.dashboard.panels import Says, listing, rows
from grafana.dashboard.states import SEVERITIES, mapping_of_labels

# All of uplink.rules.yml but UplinkRecovering, which is told to nobody.
OURS = 'alertname=~"Uplink.+|Flannel.+|ControlPlanePodStuck|NodeOverloadedWithoutUplink",severity!="none"'
COLUMNS = {"severity": "Severity", "alertname": "Alert", "cluster": "Cluster", "node": "Node", "Value": "Since"}


def firing(where: str) -> str:
    """The alerts that fire."""
    return f'ALERTS{{{where},{OURS},alertstate="firing"}}'


def alerts(says: Says, where: str) -> table.Panel:
    """A table of the alerts that fire, and since when their conditions hold."""
    active = f"ALERTS_FOR_STATE{{{where},{OURS}}} and ignoring (alertstate) {firing(where)}"
    panel = listing(says, rows(f"min by (cluster, node, alertname, severity) ({active}) * 1000"))
    tables.column(panel, "Alert", links=[tables.link("Open the runbook", links.RUNBOOK)])
    tables.coloured(panel, "Severity", mapping_of_labels(*SEVERITIES), **{"custom.width": 100})
    tables.column(panel, "Since", unit="dateTimeFromNow")
    for name in ("Cluster", "Node"):
        tables.column(panel, name)
    # By severity; among equals the causes first, which are those whose names begin with Uplink.
    for transformation in (
        tables.sorted_by("alertname", descending=True),
        tables.sorted_by("severity"),
        tables.named(COLUMNS),
    ):
        panel.with_transformation(transformation)
    return panel
