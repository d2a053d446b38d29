"""Whether there is a Kubernetes API to turn to, and by which credentials. Apart, so that to ask costs no imports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Where to look for addresses and for credentials: a kubeconfig if one is given, else the pod's ServiceAccount."""

    environ: Mapping[str, str]
    service_account: Path = SERVICE_ACCOUNT
    kubeconfig: Path | None = None
    api_servers: tuple[str, ...] = ()

    def wanted(self, mode: str) -> bool:
        """Whether the source is to run in this mode; `auto` goes by whether credentials are named, or there."""
        named = self.kubeconfig is not None
        return mode == "on" or (mode == "auto" and (named or (self.service_account / "token").is_file()))
