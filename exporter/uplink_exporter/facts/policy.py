"""What the operator says this node must have."""

from __future__ import annotations

from dataclasses import dataclass

from uplink_exporter.facts.links import Family


@dataclass(frozen=True, slots=True, kw_only=True)
class FlannelPolicy:
    """What the operator says of flannel, where it cannot be found out; empty if nothing."""

    args: str = ""
    version: str = ""
    stack: str = ""

    @property
    def given(self) -> bool:
        """Whether the operator says that flannel is here."""
        return bool(self.args or self.version or self.stack)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What the operator says this node must have."""

    required: tuple[Family, ...] = (Family.IPV4,)
    devices: tuple[str, ...] = ()
    flannel: FlannelPolicy = FlannelPolicy()
    windows: tuple[float, ...] = (900.0, 3600.0)
    """Over how many seconds flannel's restarts are shown as deltas."""
