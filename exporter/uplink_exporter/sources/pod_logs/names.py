"""What the names of the kubelet's log directories and files say. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PodDirectory:
    """What the name of a pod's log directory says."""

    namespace: str
    name: str
    uid: str


# Lower-case DNS names for namespace and pod (RFC 1123), none of which may hold the delimiter; a static pod's uid is
# an md5 sum without dashes.
_POD_DIRECTORY = re.compile(r"([a-z0-9-]{1,63})_([a-z0-9.-]{1,253})_([0-9A-Za-z-]{1,64})")
# `N.log`, `N.log.<time>` once rotated, `N.log.<time>.gz` (kubelet container_log_manager.go).
_ATTEMPT = re.compile(r"([0-9]{1,10})\.log(\..*)?", re.DOTALL)
_MAX_RESTARTS = 2**31 - 1  # restartCount is an int32


def parse_pod_directory(name: str) -> PodDirectory | None:
    """Namespace, pod and uid from `<namespace>_<pod>_<uid>`, None if it is no such name."""
    match = _POD_DIRECTORY.fullmatch(name)
    return PodDirectory(namespace=match[1], name=match[2], uid=match[3]) if match else None


def parse_attempt(name: str) -> int | None:
    """N from the name of a log file, rotated or not; None if it is none."""
    match = _ATTEMPT.fullmatch(name)
    if match is None or name.endswith(".tmp") or int(match[1]) > _MAX_RESTARTS:
        return None
    return int(match[1])
