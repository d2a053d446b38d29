"""What asking the API server takes: a way, a resource, patience."""

from __future__ import annotations

from dataclasses import dataclass

from uplink_exporter.flannel.observed import ApiPath


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """How long to wait for what, in seconds."""

    connect: float = 5.0
    answer: float = 20.0
    list: float = 60.0
    call: float = 60.0
    """After so long the server is to end a watch, so that with bookmarks or without no live one is silent longer."""
    silence: float = 90.0
    visit: float = 300.0
    """After so long ways, credentials and endpoints are looked at again; on a detour after one call."""
    pace: float = 5.0
    """Visits and calls begin no more often, whatever the server does to them."""
    keepalive: float = 30.0
    """An unchanged fact is yielded again after so long, at the next sign of life."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One address of the API server. An empty `server_name` means that the certificate names the URL's own host."""

    path: ApiPath
    url: str
    server_name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A path of the API, and what RBAC calls asking for it."""

    path: str
    name: str
    verb: str


_CONFIG_MAPS = {"rke2-canal": "rke2-canal-config", "canal": "canal-config"}


def flannel_config(namespace: str, pod: str) -> Resource:
    """The ConfigMap with net-conf.json, which is called after the DaemonSet of flannel's pod."""
    name = _CONFIG_MAPS.get(pod.rpartition("-")[0], "kube-flannel-cfg")
    return Resource(path=f"/api/v1/namespaces/{namespace}/configmaps/{name}", name="configmaps", verb="get")
