"""The chart's life on a real API server: what Helm renders is what is stored, and nothing is left of it."""

from __future__ import annotations

import itertools

import pytest

from tests.chart.helm import HELM
from tests.cluster.control_plane import ControlPlane, Json
from tests.cluster.helm import CHART, NAMESPACE, RELEASE, Helm
from tests.cluster.machine import MachineError

pytestmark = pytest.mark.cluster

CHANGED = ("--set=uplink.devices={wlan0}", "--set=prometheusRule.enabled=false", "--set=resources.limits.memory=96Mi")
# These come and go by themselves.
PASSING = {"events", "events.events.k8s.io", "leases.coordination.k8s.io", "componentstatuses"}


@pytest.fixture(scope="module", autouse=True)
def namespace(plane: ControlPlane) -> None:
    plane.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})


def inventory(plane: ControlPlane) -> set[str]:
    """The kind, namespace and name of every object that there is."""
    kinds = set(plane.ask("api-resources", "--verbs=list", "--output=name").split()) - PASSING
    items = plane.get("--all-namespaces", ",".join(sorted(kinds)))["items"]
    return {f"{one['kind']} {one['metadata'].get('namespace', '')} {one['metadata']['name']}" for one in items}


def assert_stored(plane: ControlPlane, rendered: list[Json]) -> None:
    """What is stored says all that was rendered; beyond that only what the server fills in."""
    for one in rendered:
        metadata = one["metadata"]
        where = [f"--namespace={metadata.get('namespace', NAMESPACE)}"]
        stored = plane.get(kind_of(one), metadata["name"], *where)
        assert differences(one, stored, f"{one['kind']} {metadata['name']}") == []


def kind_of(one: Json) -> str:
    group, _, version = one["apiVersion"].rpartition("/")
    return f"{one['kind']}.{version}.{group}" if group else str(one["kind"])


def differences(rendered: object, stored: object, path: str) -> list[str]:
    """Where something that was rendered is not stored so."""
    if isinstance(rendered, dict) and isinstance(stored, dict):
        # What is empty may be left out.
        pairs = [
            (rendered[key], stored.get(key), f"{path}.{key}") for key in rendered if rendered[key] not in (None, {}, [])
        ]
    elif isinstance(rendered, list) and isinstance(stored, list) and len(rendered) == len(stored):
        pairs = [(*pair, f"{path}[{number}]") for number, pair in enumerate(zip(rendered, stored, strict=True))]
    else:
        return [] if rendered == stored else [f"{path}: {rendered!r} was stored as {stored!r}"]
    return list(itertools.chain.from_iterable(differences(*pair) for pair in pairs))


@pytest.mark.parametrize(("installs", "upgrades"), [(4, 4), (3, 4), (3, 3)], ids="helm {}".format)
def test_installed_upgraded_rolled_back_and_gone(
    plane: ControlPlane, monitoring_kinds: None, installs: int, upgrades: int
) -> None:
    first, then = (Helm(plane=plane, program=HELM[major]) for major in (installs, upgrades))
    before = inventory(plane)

    first("install", RELEASE, CHART)
    installed = first.manifest()
    assert_stored(plane, installed)
    assert {"DaemonSet", "ServiceAccount", "ClusterRole", "PodMonitor", "PrometheusRule"} <= kinds(installed)

    then("upgrade", RELEASE, CHART, *CHANGED)
    changed = then.manifest()
    assert changed != installed
    assert "PrometheusRule" not in kinds(changed)
    assert_stored(plane, changed)

    then("rollback", RELEASE, "1")
    assert then.manifest() == installed
    assert_stored(plane, installed)

    then("uninstall", RELEASE, "--wait")
    assert inventory(plane) == before


def kinds(objects: list[Json]) -> set[str]:
    return {one["kind"] for one in objects}


def test_a_value_that_cannot_be_is_refused_before_anything_is_made(plane: ControlPlane, helm: Helm) -> None:
    before = inventory(plane)
    with pytest.raises(MachineError, match="port"):
        helm("install", RELEASE, CHART, "--set=web.port=high")
    assert inventory(plane) == before
