"""The real Helm at work on the chart, and what it renders."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm/uplink-exporter"
CI = sorted((CHART / "ci").glob("*-values.yaml"))
HELM = {3: ROOT / ".cache/helm/3/helm", 4: ROOT / ".cache/helm/4/helm"}
LOWEST, NEWEST = "1.20.0", "1.37.0"
MONITORING = tuple(f"monitoring.coreos.com/v1/{kind}" for kind in ("PodMonitor", "ServiceMonitor", "PrometheusRule"))
RELEASE, NAMESPACE = "uplink-exporter", "monitoring"
IMAGE = "registry.example.org/uplink-exporter"

Object = dict[str, Any]
Values = Mapping[str, object]


class HelmError(Exception):
    """Helm refused; its words."""


def helm(major: int, *arguments: str | Path, text: str | None = None) -> str:
    """What Helm says. Raises HelmError."""
    # A configuration of the user's (plugins, repositories) must not matter.
    environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": "/nonexistent", "HELM_NO_PLUGINS": "1"}
    done = subprocess.run(
        (HELM[major], *arguments), input=text, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    if done.returncode:
        raise HelmError(f"{done.stdout}{done.stderr}")
    return done.stdout


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """The chart, what Helm is told about the cluster, and by whom it is rendered."""

    path: Path = CHART
    major: int = 4
    kubernetes: str = NEWEST
    kinds: Sequence[str] = MONITORING
    release: str = RELEASE
    namespace: str = NAMESPACE
    image: str = IMAGE

    def text(self, values: Values | None = None, *arguments: str | Path) -> str:
        """The manifests. Raises HelmError."""
        known = (argument for kind in self.kinds for argument in ("--api-versions", kind))
        told = ("--namespace", self.namespace, "--kube-version", self.kubernetes, "--values", "-")
        command = ("template", self.release, self.path, *told, *known, *arguments)
        # Not as PyYAML writes it: to Helm a bare Y is a boolean.
        return _once(self.major, command, json.dumps(with_image(values or {}, self.image), ensure_ascii=False))

    def objects(self, values: Values | None = None, *arguments: str | Path) -> list[Object]:
        """The objects. Raises HelmError."""
        return deepcopy(parsed(self.text(values, *arguments)))

    def only(self, kind: str, values: Values | None = None) -> Object:
        """The one object of this kind that is no hook."""
        (found,) = of_kind(kind, self.objects(values))
        return found

    def pod(self, values: Values | None = None) -> Object:
        """The pod template of the DaemonSet."""
        template: Object = self.only("DaemonSet", values)["spec"]["template"]
        return template

    def container(self, values: Values | None = None) -> Object:
        """The exporter's container in it."""
        (found,) = self.pod(values)["spec"]["containers"]
        assert isinstance(found, dict)
        return found


def with_image(values: Values, repository: str = IMAGE) -> Values:
    """The values with an image, unless they have one: the chart insists on it."""
    image = values.get("image", {})
    if not repository or not isinstance(image, dict) or image.get("repository"):
        return values
    return {**values, "image": {**image, "repository": repository}}


@cache
def _once(major: int, command: tuple[str | Path, ...], text: str) -> str:
    """What Helm says; what was asked before, many tests ask again."""
    return helm(major, *command, text=text)


@cache
def parsed(text: str) -> list[Object]:
    """The objects of a text of YAML."""
    return [one for one in yaml.load_all(text, Loader=yaml.CSafeLoader) if one]


def of_kind(kind: str, objects: Iterable[Object]) -> list[Object]:
    """Those of a kind, hooks left out."""
    return [one for one in objects if one["kind"] == kind and not is_hook(one)]


def is_hook(one: Object) -> bool:
    """Whether Helm makes it only at its time, such as for `helm test`."""
    return "helm.sh/hook" in one["metadata"].get("annotations", {})


def values_of(path: Path) -> Object:
    """A file of values."""
    loaded: Object = yaml.safe_load(path.read_text()) or {}
    return loaded


def environment(container: Object, **known: str) -> dict[str, str]:
    """The variables of a container as the kubelet sets them; `known` are those that it takes from elsewhere.

    `$(NAME)` is replaced by a variable before it, and `$$` by `$` (kubernetes third_party/forked/golang/expansion).
    """
    found: dict[str, str] = {}
    for variable in container["env"]:
        name, value = variable["name"], variable.get("value")
        found[name] = known[name] if value is None else expanded(value, found)
    return found


def expanded(text: str, variables: Mapping[str, str]) -> str:
    """The text with its references to variables replaced."""
    return re.sub(r"\$\$|\$\((\w+)\)", lambda match: variables.get(match[1], match[0]) if match[1] else "$", text)
