"""The exporter's ServiceAccount: its own token, and what the API server lets it do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from tests.cluster import tools
from tests.cluster.control_plane import URL, ControlPlane, Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A ServiceAccount, as a pod has it in `directory`."""

    plane: ControlPlane
    kubeconfig: Path
    directory: Path

    def ask(self, *arguments: str, text: str = "") -> str:
        """What kubectl says to it."""
        return self.plane.machine.run(tools.KUBECTL, f"--kubeconfig={self.kubeconfig}", *arguments, text=text)

    def rules(self, namespace: str) -> frozenset[str]:
        """All that it may do in a namespace, cluster-wide rules among them, as `verb group/resource name`."""
        status = self._review("selfsubjectrulesreviews", "SelfSubjectRulesReview", {"namespace": namespace})
        return frozenset(
            f"{verb} {what}"
            for rule in (*status["resourceRules"], *status["nonResourceRules"])
            for verb in rule["verbs"]
            for what in _covered(rule)
        )

    def may(self, verb: str, resource: str, namespace: str = "", name: str = "") -> bool:
        """Whether it may; the resource as `resource.group/subresource`."""
        whole, _, subresource = resource.partition("/")
        plural, _, group = whole.partition(".")
        attributes = {"verb": verb, "resource": plural, "group": group, "subresource": subresource}
        asked = {"resourceAttributes": attributes | {"namespace": namespace, "name": name}}
        return bool(self._review("selfsubjectaccessreviews", "SelfSubjectAccessReview", asked)["allowed"])

    def _review(self, path: str, kind: str, spec: Json) -> Json:
        review = {"apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": spec}
        raw = f"--raw=/apis/authorization.k8s.io/v1/{path}"
        answer: Json = json.loads(self.ask("create", raw, "--filename=-", text=json.dumps(review)))
        status: Json = answer["status"]
        return status


def _covered(rule: Json) -> Iterator[str]:
    """What a rule is about: URLs, or resources by group and, if it has them, names."""
    if "nonResourceURLs" in rule:
        yield from rule["nonResourceURLs"]
        return
    for group, resource, name in product(rule["apiGroups"], rule["resources"], rule.get("resourceNames", [""])):
        yield f"{group}/{resource} {name}".strip()


def account(plane: ControlPlane, namespace: str, name: str) -> Account:
    """A ServiceAccount with a new token, by the TokenRequest API."""
    directory = plane.machine.directory / f"account-{namespace}-{name}"
    directory.mkdir(exist_ok=True)
    token = plane.ask("create", "token", name, f"--namespace={namespace}").strip()
    (directory / "token").write_text(token)
    (directory / "ca.crt").write_text(plane.pki.certificate("ca").read_text())
    kubeconfig = plane.pki.kubeconfig(directory.name, URL, token)
    return Account(plane=plane, kubeconfig=kubeconfig, directory=directory)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """One verb on one resource, in the Role of one namespace or cluster-wide."""

    verb: str
    resource: str
    namespace: str = ""

    def __str__(self) -> str:
        return f"{self.verb} {self.resource} in {self.namespace or 'all namespaces'}"


def grants(roles: list[Json]) -> set[Grant]:
    """All that some Roles and ClusterRoles grant."""
    return {
        Grant(verb=verb, resource=resource, namespace=role["metadata"].get("namespace", ""))
        for role in roles
        for rule in role["rules"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


@contextmanager
def without(plane: ControlPlane, roles: list[Json], grant: Grant) -> Iterator[None]:
    """The cluster as if the chart did not grant one thing."""
    role = next(role for role in roles if grant in grants([role]))
    rules = [
        rule | {"verbs": [verb for verb in rule["verbs"] if verb != grant.verb]}
        if grant.resource in rule["resources"]
        else rule
        for rule in role["rules"]
    ]
    _replace(plane, role | {"rules": [rule for rule in rules if rule["verbs"]]})
    try:
        yield
    finally:
        _replace(plane, role)


def _replace(plane: ControlPlane, role: Json) -> None:
    metadata = {name: value for name, value in role["metadata"].items() if name not in ("resourceVersion", "uid")}
    plane.ask("replace", "--filename=-", text=json.dumps(role | {"metadata": metadata}))
