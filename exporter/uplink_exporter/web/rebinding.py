"""A page on the web can have a browser ask us: its name, once its own, is then given our address (DNS rebinding).

Such a request comes from a browser and has that page's name as its host. Nothing but browsers is asked anything, and
a person who goes by an address, by the node's name or by one of a local network never notices.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address

# RFC 6761, 6762, 8375, and what Kubernetes and ICANN keep from the public DNS.
_LOCAL = (".localhost", ".local", ".home.arpa", ".internal", ".lan", ".svc", ".test")


def misled(headers: Mapping[str, str], node: str) -> bool:
    """Whether this is a browser that takes us for somebody else."""
    if not headers.get("User-Agent", "").startswith("Mozilla/"):
        return False
    host = _name(headers.get("Host", ""))
    if "." not in host or _is_address(host):
        return False
    ours = host.partition(".")[0] == node.lower().partition(".")[0]
    return not ours and not host.endswith(_LOCAL)


def _name(host: str) -> str:
    name = host.lower().rstrip(".")
    if name.startswith("["):
        return name.partition("]")[0].removeprefix("[")
    return name.partition(":")[0].rstrip(".")


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
