"""What is chosen at the top."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import DatasourceVariable, QueryVariable
from grafana_foundation_sdk.models.dashboard import VariableHide, VariableOption, VariableRefresh, VariableSort

from grafana.dashboard.panels import DATASOURCE
from grafana.dashboard.queries import FLEET, TARGETS


def datasource() -> DatasourceVariable:
    """Which Prometheus."""
    return DatasourceVariable("datasource").label("Data source").type("prometheus").hide(VariableHide.DONT_HIDE)


def cluster() -> QueryVariable:
    """Which cluster: hidden, since most have one; all of them until a click in the fleet's table says which."""
    everything = VariableOption(selected=True, text="All", value="$__all")
    return (
        _labels("cluster", f"label_values(up{{{TARGETS}}}, cluster)")
        .label("Cluster")
        .hide(VariableHide.HIDE_VARIABLE)
        .include_all(True)
        .all_value(".*")
        .current(everything)
    )


def node() -> QueryVariable:
    """Which node, of those that are targets: also one that does not answer."""
    return _labels("node", f"label_values(up{{{FLEET},{TARGETS}}}, node)").label("Node").hide(VariableHide.DONT_HIDE)


def _labels(name: str, query: str) -> QueryVariable:
    return (
        QueryVariable(name)
        .datasource(DATASOURCE)
        .query({"qryType": 1, "query": query, "refId": f"variable-{name}"})
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_CASE_INSENSITIVE_ASC)
        .multi(False)
    )
