"""Where the dashboard leads to."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import DashboardLink
from grafana_foundation_sdk.models.dashboard import DashboardLinkType

from uplink_exporter import HOME

UID = "uplink-exporter"
PROJECT = f"{HOME}/blob/main"
RUNBOOKS = f"{PROJECT}/alerts/runbooks"
RUNBOOK = f"{RUNBOOKS}/${{__data.fields.alertname}}.md"
VERDICTS = f"{PROJECT}/grafana/README.md#the-verdicts"
# `link` is made in the query, as CLUSTER&var-node=NODE: where no target has a label `cluster` there is no such field.
NODE = f"/d/{UID}?${{__url_time_range}}&var-datasource=${{datasource}}&var-cluster=${{__data.fields.link:raw}}"


def links() -> list[DashboardLink]:
    """The links at the top."""
    return [
        _link("Runbooks", RUNBOOKS, "What each alert means, and what to do"),
        _link("Alerts", f"{PROJECT}/alerts/README.md", "Which alerts there are, and how to load, change and mute them"),
        _link("Help", f"{PROJECT}/grafana/README.md", "What this dashboard answers"),
    ]


def _link(title: str, url: str, tooltip: str) -> DashboardLink:
    return (
        DashboardLink(title)
        .type(DashboardLinkType.LINK)
        .icon("external link")
        .url(url)
        .tooltip(tooltip)
        .target_blank(True)
    )
