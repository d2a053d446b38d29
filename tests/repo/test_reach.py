"""What README's `docker run` lets the exporter see: what it reads, and no way to become root."""

from __future__ import annotations

import re
import shlex
from pathlib import PurePosixPath

from tests.repo.docs import README

# With group 0 whoever sees one of these has the node, or what is secret on it.
OUT_OF_REACH = tuple(
    map(
        PurePosixPath,
        (
            "/run/containerd/containerd.sock",
            "/run/k3s/containerd/containerd.sock",
            "/run/crio/crio.sock",
            "/run/docker.sock",
            "/run/podman/podman.sock",
            "/run/dbus/system_bus_socket",
            "/var/run/docker.sock",
            "/var/lib/kubelet/pods",
            "/var/lib/rancher/k3s",
            "/etc/netplan/50-cloud-init.yaml",
            "/etc/kubernetes/pki",
            "/etc/shadow",
            "/root/.ssh",
            "/proc/1/root",
        ),
    )
)
READ = {
    "/etc/network",
    "/run/NetworkManager",
    "/run/flannel",
    "/run/systemd/netif",
    "/run/systemd/network",
    "/run/systemd/units",
    "/var/log/pods",
}


def docker_run() -> list[str]:
    """README's command, word by word."""
    (command,) = re.findall(r"^docker run -d (?:.*\\\n)*.*$", README.read_text(), re.MULTILINE)
    return shlex.split(command.replace("\\\n", " "))


def test_it_mounts_what_is_read_where_it_is_and_read_only() -> None:
    words = docker_run()
    mounts = [words[place + 1].split(":") for place, word in enumerate(words) if word in ("-v", "--volume", "--mount")]
    assert {source for source, _, _ in mounts} == READ
    assert all(source == seen_at and mode == "ro" for source, seen_at, mode in mounts)


def test_nothing_by_which_one_becomes_root_is_within_reach() -> None:
    sources = [PurePosixPath(word.partition(":")[0]) for word in docker_run() if word.startswith("/")]
    assert sources
    reached = [(source, path) for source in sources for path in OUT_OF_REACH if path.is_relative_to(source)]
    assert reached == []


def test_it_has_no_privilege() -> None:
    words = docker_run()
    assert {"--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"} <= set(words)
    assert not [
        word for word in words if re.match(r"--(privileged|cap-add|pid|ipc|userns|user|device|group-add)", word)
    ]
