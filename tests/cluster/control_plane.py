"""A real control plane on the machine: etcd, kube-apiserver, and on demand the managers that make pods of DaemonSets.

The API server is where the incident's is: on the node itself, at an address of a LAN that needs no default route. The
virtual address of its service is what kube-proxy makes of it, a DNAT rule.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster import tools
from tests.cluster.machine import Machine
from tests.cluster.pki import Pki
from tests.kernel.control_plane import ADDRESS, DNAT, LAN, SERVICE

Json = dict[str, Any]
API_SERVER = "kube-apiserver"
ETCD, ETCD_PEER = "http://127.0.0.1:2379", "http://127.0.0.1:2380"
URL = "https://{}:{}".format(*ADDRESS)
ISSUER = "https://kubernetes.default.svc.cluster.local"
SERVICES = "10.96.0.0/16"
PODS = "10.244.0.0/16"
DNS_NAMES = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local")
CLIENTS = {
    "admin": "/O=system:masters/CN=kubernetes-admin",
    "controller-manager": "/CN=system:kube-controller-manager",
    "scheduler": "/CN=system:kube-scheduler",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlPlane:
    """The API server on the machine, and what asks it."""

    machine: Machine
    pki: Pki

    @property
    def kubeconfig(self) -> Path:
        """The administrator's."""
        return self.pki.directory / "admin.conf"

    def ask(self, *arguments: str, text: str = "") -> str:
        """What kubectl says to the administrator. Raises MachineError."""
        return self.machine.run(tools.KUBECTL, f"--kubeconfig={self.kubeconfig}", *arguments, text=text)

    def get(self, *arguments: str) -> Json:
        """An object, or a list of them, as it is stored."""
        found: Json = json.loads(self.ask("get", "--output=json", *arguments))
        return found

    def apply(self, *objects: Json) -> None:
        """Make objects be as given, server-side."""
        items = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        self.ask("apply", "--server-side", "--force-conflicts", "--filename=-", text=json.dumps(items))

    def start_etcd(self) -> None:
        """Begin to keep what the API server is told; on the disk, so that it outlives a reboot."""
        urls = ("--listen-client-urls", ETCD, "--advertise-client-urls", ETCD, "--listen-peer-urls", ETCD_PEER)
        data = f"--data-dir={self.machine.directory / 'etcd'}"
        self.machine.start("etcd", tools.program("etcd"), data, "--unsafe-no-fsync", *urls)

    def start_api_server(self) -> None:
        """Begin to answer."""
        self.machine.start(API_SERVER, tools.program(API_SERVER), *_api_server_flags(self.pki))
        self.machine.await_ready(API_SERVER, lambda: self.ask("get", "--raw=/readyz"))

    def stop_api_server(self) -> None:
        """Hang up on everybody."""
        self.machine.stop(API_SERVER)

    def start_managers(self) -> None:
        """Begin to make pods of DaemonSets, and to bind them to nodes."""
        for name, kubeconfig, flags in MANAGERS:
            config = self.pki.directory / f"{kubeconfig}.conf"
            own = (flag.format(pki=self.pki.directory) for flag in flags)
            self.machine.start(name, tools.program(name), f"--kubeconfig={config}", *own)


MANAGERS = (
    (
        "kube-controller-manager",
        "controller-manager",
        (
            "--bind-address=127.0.0.1",
            "--leader-elect=false",
            "--use-service-account-credentials",
            "--service-account-private-key-file={pki}/sa.key",
            "--root-ca-file={pki}/ca.crt",
            "--allocate-node-cidrs",
            f"--cluster-cidr={PODS}",
            f"--service-cluster-ip-range={SERVICES}",
        ),
    ),
    ("kube-scheduler", "scheduler", ("--bind-address=127.0.0.1", "--leader-elect=false")),
)


def _api_server_flags(pki: Pki) -> tuple[str, ...]:
    return (
        f"--advertise-address={ADDRESS[0]}",
        f"--secure-port={ADDRESS[1]}",
        f"--etcd-servers={ETCD}",
        f"--service-cluster-ip-range={SERVICES}",
        "--allow-privileged",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        f"--client-ca-file={pki.certificate('ca')}",
        f"--tls-cert-file={pki.certificate('kube-apiserver')}",
        f"--tls-private-key-file={pki.key('kube-apiserver')}",
        f"--kubelet-client-certificate={pki.certificate('admin')}",
        f"--kubelet-client-key={pki.key('admin')}",
        f"--service-account-issuer={ISSUER}",
        f"--service-account-key-file={pki.certificate('sa')}",
        f"--service-account-signing-key-file={pki.key('sa')}",
    )


def start_control_plane(machine: Machine) -> ControlPlane:
    """A control plane without managers, from when its API server is ready on."""
    machine.network.ip(*LAN)
    machine.run("nft", "-f", "-", text=DNAT.format(*SERVICE, *ADDRESS))
    pki = Pki(directory=machine.directory / "pki")
    pki.make_authorities()
    addresses = tuple(f"IP:{address}" for address in (SERVICE[0], ADDRESS[0], "127.0.0.1"))
    pki.sign("kube-apiserver", "/CN=kube-apiserver", (*(f"DNS:{name}" for name in DNS_NAMES), *addresses))
    for name, subject in CLIENTS.items():
        pki.sign(name, subject)
        pki.kubeconfig(name, URL)
    plane = ControlPlane(machine=machine, pki=pki)
    plane.start_etcd()
    plane.start_api_server()
    return plane
