"""What cannot be seen now, so that nobody takes silence for health."""

from __future__ import annotations

from uplink_exporter.families import Scene
from uplink_exporter.flannel.observed import FlannelLogs, NodePods


def unseen(scene: Scene) -> tuple[str, ...]:
    """The sources that failed and have nothing fresh to tell, each with its reasons."""
    health = scene.state.health
    failing = (kind for kind in scene.showing.sources if kind.source in health and not scene.up(kind))
    return tuple(
        f"{kind.source} ({', '.join(health[kind.source].errors)})" for kind in failing if health[kind.source].errors
    )


def flannel_unseen(scene: Scene) -> str:
    """Why nobody can say that no flannel is here; empty if somebody can."""
    asked = [kind for kind in (FlannelLogs, NodePods) if kind in scene.showing.sources]
    if not asked:
        return "neither its logs nor the API are asked"
    if blind := [kind.source for kind in asked if not scene.up(kind)]:
        return f"{' and '.join(blind)} cannot be read"
    logs = scene.state.last(FlannelLogs)
    return "there are no pod logs" if logs is not None and not logs.listed and NodePods not in asked else ""
