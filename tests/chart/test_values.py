"""The values: each one known to the schema, and whatever the schema admits is one that the exporter takes."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given, settings

from tests.chart.helm import CHART, Chart, HelmError, Object, environment, values_of
from tests.chart.strategies import SCHEMA, admitted
from uplink_exporter.settings import FLAGS, Settings, parse

FROM_THE_NODE = {"UPLINK_EXPORTER_KUBERNETES_NODE": "pi-master1", "HOST_IP": "192.0.2.7", "TZ": "UTC"}
# `output` is how a command at the prompt answers.
SETTABLE = {flag.name: flag for flag in FLAGS if flag.name != "output"}
# The value for each flag of the exporter, and what its variable or argument then says.
BY_VALUE: dict[str, tuple[str, str]] = {
    "web.listen-address": ("{web: {port: 18077}}", ":18077"),
    "web.telemetry-path": ("{web: {telemetryPath: /m}}", "/m"),
    "web.config.file": ("{web: {config: {secretName: a, key: b.yml}}}", "/etc/uplink-exporter/web/b.yml"),
    "uplink.device": ("{uplink: {devices: [wlan0, eth0]}}", "wlan0,eth0"),
    "uplink.require-family": ("{uplink: {requiredFamilies: []}}", "none"),
    "interface.include": ("{interface: {include: '(eth|wlan)0$'}}", "(eth|wlan)0$"),
    "interface.exclude": ("{interface: {exclude: '$(HOME)$$'}}", "$(HOME)$$"),
    "flannel.container": ("{flannel: {containers: [a, b]}}", "a,b"),
    "flannel.namespace": ("{flannel: {namespaces: [kube-flannel]}}", "kube-flannel"),
    "flannel.pod": ("{flannel: {pod: ^canal-}}", "^canal-"),
    "flannel.unit": ("{flannel: {units: [k3s-edge.service, 'k3s-*.service']}}", "k3s-edge.service,k3s-*.service"),
    "flannel.args": ("{flannel: {args: --iface=wlan0 --ip-masq}}", "--iface=wlan0 --ip-masq"),
    "flannel.version": ("{flannel: {version: v0.28.9}}", "v0.28.9"),
    "flannel.stack": ("{flannel: {stack: dual}}", "dual"),
    "flannel.delta-window": ("{flannel: {deltaWindows: [15m, 60s, 24h]}}", "15m,60s,24h"),
    "source.kubernetes": ("{sources: {kubernetes: false}}", "off"),
    "source.pod-logs": ("{sources: {podLogs: false}}", "off"),
    "source.units": ("{hostMounts: {units: /run/systemd/units}}", "on"),
    "source.journal": ("{}", "off"),
    "kubernetes.api-server": ("{kubernetes: {apiServers: ['https://[::1]:6443']}}", "https://[::1]:6443"),
    "kubernetes.kubeconfig": ("{kubernetes: {kubeconfig: /etc/u/kubeconfig}}", "/etc/u/kubeconfig"),
    "kubernetes.node": ("{}", "pi-master1"),
    "path.procfs": ("{extraArgs: [--path.procfs=/host/proc]}", "/host/proc"),
    "path.rootfs": ("{extraArgs: [--path.rootfs=/host]}", "/host"),
    "path.pod-logs": ("{hostMounts: {podLogs: /data/pods}}", "/data/pods"),
    "path.flannel-run": ("{hostMounts: {flannelRun: /run/f}}", "/run/f"),
    "path.units": ("{hostMounts: {units: /run/openrc/options}}", "/run/openrc/options"),
    "path.journal": ("{hostMounts: {journal: [/run/log/journal, /data/journal]}}", "/run/log/journal,/data/journal"),
    "state.directory": ("{}", "/var/lib/uplink-exporter"),
    "log.level": ("{log: {level: debug}}", "debug"),
    "log.format": ("{log: {format: json}}", "json"),
}


def accepted(container: Object) -> Settings:
    """What the exporter makes of its arguments and variables. Raises SettingsError."""
    return parse(container.get("args", []), environment(container, **FROM_THE_NODE))


def test_every_flag_of_the_exporter_has_its_value() -> None:
    assert SETTABLE.keys() == BY_VALUE.keys()


@pytest.mark.parametrize("flag", BY_VALUE)
def test_a_value_becomes_its_flag(chart: Chart, flag: str) -> None:
    values, said = BY_VALUE[flag]
    container = chart.container(yaml.safe_load(values))
    given_so = dict(argument.removeprefix("--").split("=", 1) for argument in container.get("args", []))
    variable = "UPLINK_EXPORTER_" + re.sub(r"[.-]", "_", flag).upper()
    assert given_so.get(flag, environment(container, **FROM_THE_NODE).get(variable)) == said
    accepted(container)


@settings(max_examples=int(os.environ.get("CHART_EXAMPLES", "25")))
@given(admitted(SCHEMA))
def test_what_the_schema_admits_renders_and_the_exporter_takes_it(values: Object) -> None:
    jsonschema.Draft7Validator(SCHEMA).validate(values)
    try:
        objects = Chart().objects(values)
    except HelmError as error:
        # What no schema can say; the message names the key.
        assert re.search(r"\): (flannel|scrapeAnnotations|web|staticPod|prometheusRule)[.a-zA-Z]*: ", str(error)), error
        return
    for one in objects:
        if one["kind"] == "DaemonSet":
            accepted(one["spec"]["template"]["spec"]["containers"][0])


def test_the_schema_is_one() -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    jsonschema.Draft7Validator(SCHEMA).validate(values_of(CHART / "values.yaml"))


def test_the_schema_knows_every_value_and_no_other() -> None:
    assert set(leaves(values_of(CHART / "values.yaml"))) - set(named(SCHEMA)) == set()
    defaults = json.dumps(values_of(CHART / "values.yaml"))
    missing = [path for path in named(SCHEMA) if f'"{path.rpartition(".")[2]}"' not in defaults]
    assert set(missing) <= OPTIONAL


# Parts of a value whose default is empty, or to which Kubernetes gives a default.
OPTIONAL = {
    *(f"monitor.tlsConfig.{name}" for name in ("ca", "cert", "keySecret", "serverName", "insecureSkipVerify")),
    *(f"monitor.basicAuth.{name}" for name in ("username", "password")),
    *(f"affinity.{name}" for name in ("nodeAffinity", "podAffinity", "podAntiAffinity")),
    *(f"probes.{name}.initialDelaySeconds" for name in ("startup", "liveness", "readiness")),
    *(f"resources.{name}.ephemeral-storage" for name in ("requests", "limits")),
}


def leaves(values: Object, path: str = "") -> Iterator[str]:
    for name, value in values.items():
        yield f"{path}{name}"
        if isinstance(value, dict) and name not in ("podSecurityContext", "securityContext", "nodeSelector", "labels"):
            yield from leaves(value, f"{path}{name}.")


def named(schema: dict[str, Any], path: str = "") -> Iterator[str]:
    """Every key for which the schema has a name of its own."""
    for name, value in schema.get("properties", {}).items():
        resolved = SCHEMA["definitions"][value["$ref"].rpartition("/")[2]] if "$ref" in value else value
        yield f"{path}{name}"
        if "secret" not in resolved.get("properties", {}) and "key" not in resolved.get("required", ()):
            yield from named(resolved, f"{path}{name}.")


def test_every_object_of_the_schema_is_strict_but_those_that_kubernetes_judges() -> None:
    loose = {path for path, schema in objects_of(SCHEMA) if "additionalProperties" not in schema}
    kubernetes = {"podSecurityContext", "securityContext"}
    affinity = {"affinity.nodeAffinity", "affinity.podAffinity", "affinity.podAntiAffinity"}
    assert loose == {"extraEnv[]", "[]", "global", *kubernetes, *affinity}


def objects_of(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    if schema.get("type") == "object":
        yield path, schema
    for name, value in schema.get("properties", {}).items():
        yield from objects_of(value, f"{path}.{name}".lstrip("."))
    if isinstance(schema.get("items"), dict):
        yield from objects_of(schema["items"], f"{path}[]")
    for value in schema.get("definitions", {}).values():
        yield from objects_of(value)
