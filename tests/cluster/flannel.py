"""Flannel on the cluster: upstream's manifest and program, in an image made here."""

from __future__ import annotations

from pathlib import Path

import yaml

from tests.cluster import tools
from tests.cluster.control_plane import ControlPlane, Json
from tests.cluster.images import save_image
from tests.cluster.kubelet import import_image

NAMESPACE = "kube-flannel"
DAEMON_SET = "kube-flannel-ds"
XTABLES = Path("/usr/sbin/xtables-nft-multi")
LABEL = "--selector=app=flannel"


def install(plane: ControlPlane) -> None:
    """Apply the manifest, and give the node the image that it names."""
    objects = manifest()
    (container,) = _find(objects, "DaemonSet")["spec"]["template"]["spec"]["containers"]
    archive = plane.machine.directory / "flannel.tar"
    import_image(plane, save_image(archive, container["image"], _files(), "/opt/bin/flanneld"))
    plane.apply(*objects)


def _files() -> dict[str, Path]:
    """Flannel's own programs, and Debian's iptables with its extensions."""
    own = {f"/opt/bin/{name}": tools.program(name) for name in ("flanneld", "install-conf")}
    iptables = {f"/usr/sbin/{name}": XTABLES for name in ("iptables", "iptables-save", "iptables-restore")}
    return own | iptables | {str(path): path for path in Path("/usr/lib").glob("*/xtables/*.so")}


def manifest() -> list[Json]:
    """Upstream's objects, but for its CNI plugin, which cannot be had here: it is in no registry."""
    objects: list[Json] = list(yaml.safe_load_all(tools.manifest().read_text()))
    pod = _find(objects, "DaemonSet")["spec"]["template"]["spec"]
    pod["initContainers"] = [one for one in pod["initContainers"] if one["name"] != "install-cni-plugin"]
    pod["volumes"] = [one for one in pod["volumes"] if one["name"] != "cni-plugin"]
    return objects


def _find(objects: list[Json], kind: str) -> Json:
    return next(one for one in objects if one["kind"] == kind)
