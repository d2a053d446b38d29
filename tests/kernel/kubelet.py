"""A stand-in for the kubelet, as far as flannel's pod shows: log files on the node, and what the API server tells.

A container's logs are named by its restart count, those of dead containers but the last are removed, a live one may be
rotated, and a deleted pod takes its directory with it (kubernetes pkg/kubelet/kuberuntime). The lines are flannel's
own, in klog's form and the runtime's envelope.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tests.sources.api_server import Json

# v0.14.0: it looks for its interface before anything else (main.go).
V0_14_STARTED = (
    "I main.go:520] Determining IP address of default interface",
    "I main.go:533] Using interface with name wlan0 and address 192.0.2.2",
    "I main.go:550] Defaulting external address to interface address (192.0.2.2)",
)
_NO_ROUTE = "failed to get default interface: Unable to find default route"
V0_14_NO_ROUTE = (
    "I main.go:520] Determining IP address of default interface",
    f"E main.go:205] Failed to find any valid interface to use: {_NO_ROUTE}",
)
# v0.28.9: it asks the API server first, so a missing route shows in other words (main.go, pkg/subnet/kube).
V0_28_FLAGS = (
    "I main.go:229] CLI flags config: {kubeSubnetMgr:true iface:[] ifaceRegex:[] ipMasq:true ifaceCanReach: "
    "subnetFile:/run/flannel/subnet.env publicIP: publicIPv6: subnetLeaseRenewMargin:60}"
)
_NO_ROUTE_TO_SERVICE = (
    "error retrieving pod spec for 'kube-system/kube-flannel-ds-tq9x5': "
    'Get "https://10.96.0.1:443/api/v1/namespaces/kube-system/pods/kube-flannel-ds-tq9x5": '
    "dial tcp 10.96.0.1:443: connect: network is unreachable"
)
V0_28_NO_ROUTE = (V0_28_FLAGS, f"E main.go:252] Failed to create SubnetManager: {_NO_ROUTE_TO_SERVICE}")
V0_28_STARTED = (
    V0_28_FLAGS,
    "I main.go:255] Created subnet manager: Kubernetes Subnet Manager - pi-master1",
    "I match.go:211] Determining IP address of default interface",
    "I match.go:269] Using interface with name wlan0 and address 192.0.2.2",
)


@dataclass
class Kubelet:
    """The kubelet of a node that runs flannel's pod and no other. `tell` and `untell` are the API server's ears."""

    logs: Path
    subnet_file: Path
    tell: Callable[[Json], None]
    untell: Callable[[str], None]
    pod: Json = field(default_factory=dict)
    attempt: int = -1

    @property
    def directory(self) -> Path:
        """Where the logs of flannel's container are."""
        metadata = self.pod["metadata"]
        return self.logs / f"{metadata['namespace']}_{metadata['name']}_{metadata['uid']}" / "kube-flannel"

    @property
    def log(self) -> Path:
        """The log of the newest attempt."""
        return self.directory / f"{self.attempt}.log"

    def create(self, pod: Json, restarts: int = 0) -> None:
        """Take in a new pod, whose first container here is made next. One that was here may have run before."""
        self.pod, self.attempt = deepcopy(pod), restarts - 1
        self.directory.mkdir(parents=True)

    def delete(self) -> None:
        """Remove the pod, and all that was logged of it."""
        self.untell(self.pod["metadata"]["uid"])
        shutil.rmtree(self.directory.parent)

    def begins(self, *lines: str) -> None:
        """The next attempt begins, and has said this so far."""
        self.attempt += 1
        # Written as one, so that the time until it is counted can be measured from here.
        unfinished = self.directory.parent / "unfinished"
        unfinished.write_text("".join(map(_line, lines)))
        unfinished.rename(self.log)
        for old in self.directory.glob("*.log*"):
            if int(old.name.partition(".")[0]) < self.attempt - 1:
                old.unlink()

    def starts(self, lines: tuple[str, ...]) -> None:
        """Flannel starts, finds its interface, and goes on."""
        self.begins(*lines)
        self.subnet_file.write_text("FLANNEL_NETWORK=10.244.0.0/16\n")
        self._tell({"running": {"startedAt": _now()}}, ready=True)

    def crashes(self, *lines: str) -> None:
        """Flannel starts, says this, and is dead within milliseconds."""
        self.begins(*lines)
        self.back_off()

    def dies(self, *lines: str) -> None:
        """The flannel that runs says this, and is dead."""
        with self.log.open("a") as log:
            log.writelines(map(_line, lines))
        self.back_off()

    def back_off(self) -> None:
        """Tell that the container waits for its next attempt."""
        self._tell({"waiting": {"reason": "CrashLoopBackOff"}}, ready=False)

    def rotate(self) -> None:
        """Begin the newest log anew, as when it has grown too long."""
        self.log.rename(self.log.with_name(f"{self.log.name}.{datetime.now(UTC):%Y%m%d-%H%M%S}"))
        self.log.touch()

    def _tell(self, state: Json, *, ready: bool) -> None:
        (status,) = self.pod["status"]["containerStatuses"]
        status |= {"state": state, "ready": ready, "restartCount": self.attempt}
        self.tell(deepcopy(self.pod))


def _line(text: str) -> str:
    """A line of flannel's: severity, place and message, as klog and then the runtime write it."""
    severity, rest = text.split(" ", 1)
    now = datetime.now(UTC)
    return f"{_now()} stderr F {severity}{now:%m%d %H:%M:%S.%f}       1 {rest}\n"


def _now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}000Z"
