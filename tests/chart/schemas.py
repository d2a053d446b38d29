"""Strict JSON schemas of Kubernetes and of the Prometheus operator: an unknown key is an error."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import yaml
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT7

from tests.chart.get import CACHE
from tests.chart.helm import LOWEST, NEWEST, Object
from tests.fixtures import FIXTURES

Schema = dict[str, Any]
Errors = Callable[[Object], list[str]]


def _of_package(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


INSTALLED = _of_package("kubernetes_validate") / "kubernetes-json-schema"
KUBERNETES = {LOWEST: CACHE / "schemas", NEWEST: INSTALLED / f"v{NEWEST}-local-strict"}
# The kinds of the Prometheus operator; tests/fixtures/crds/README.md says where they are from.
CRDS = sorted((FIXTURES / "crds").glob("*.yaml"))
STRINGS = {"type": "object", "additionalProperties": {"type": "string"}}
METADATA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name", "namespace", "labels"],
    "properties": {
        "name": {"type": "string"},
        "namespace": {"type": "string"},
        "labels": STRINGS,
        "annotations": STRINGS,
    },
}
"""As strict as those of Kubernetes' own kinds; a CRD says nothing of it."""


def kubernetes_errors(version: str) -> Errors:
    """What a version of Kubernetes has against an object of its own kinds."""
    directory = KUBERNETES[version]

    def errors(one: Object) -> list[str]:
        schema = {"$ref": f"file:///{schema_name(one)}"}
        return complaints(jsonschema.Draft7Validator(schema, registry=registry(directory)), one)

    return errors


def schema_name(one: Object) -> str:
    """The file with the schema of an object: kind, first part of the group, version."""
    group, _, version = str(one["apiVersion"]).rpartition("/")
    return "-".join(part for part in (str(one["kind"]).lower(), group.partition(".")[0], version) if part) + ".json"


@cache
def registry(directory: Path) -> Registry[Any]:
    """The schemas of a directory, each read once."""

    @cache
    def retrieve(uri: str) -> Resource[Schema]:
        contents = json.loads((directory / uri.rpartition("/")[2]).read_text())
        return Resource.from_contents(contents, default_specification=DRAFT7)

    return Registry(retrieve=retrieve)  # type: ignore[call-arg] # attrs takes it, its types do not say so


def operator_errors(one: Object) -> list[str]:
    """What the Prometheus operator has against an object of its kinds."""
    return complaints(jsonschema.Draft7Validator(crds()[one["kind"]]), one)


def complaints(validator: jsonschema.Draft7Validator, one: Object) -> list[str]:
    return [f"{one['kind']} {error.json_path}: {error.message}" for error in validator.iter_errors(one)]


@cache
def crds() -> dict[str, Schema]:
    """The operator's CRDs made strict, by kind."""
    return dict(map(crd, CRDS))


def crd(path: Path) -> tuple[str, Schema]:
    """The kind and the schema of a CRD."""
    spec = yaml.safe_load(path.read_text())["spec"]
    (version,) = (version for version in spec["versions"] if version["name"] == "v1")
    schema = strict(version["schema"]["openAPIV3Schema"])
    schema["properties"] |= {"apiVersion": {"const": f"{spec['group']}/v1"}, "metadata": METADATA}
    schema["required"] += ["apiVersion", "kind", "metadata"]
    return spec["names"]["kind"], schema


def strict(schema: Schema) -> Schema:
    """An OpenAPI schema of a CRD as one that refuses what it does not know."""
    kept = {key: value for key, value in schema.items() if not key.startswith("x-") and key != "format"}
    if schema.get("x-kubernetes-int-or-string"):
        kept |= {"type": ["integer", "string"]}
    # Go's (?i) is no part of JSON schema's expressions; what it stands before is a closed set besides.
    if kept.get("pattern", "").startswith("(?i)"):
        del kept["pattern"]
    if "properties" in kept:
        kept["properties"] = {name: strict(value) for name, value in kept["properties"].items()}
        kept.setdefault("additionalProperties", False)
    for key in ("items", "additionalProperties"):
        if isinstance(kept.get(key), dict):
            kept[key] = strict(kept[key])
    return kept
