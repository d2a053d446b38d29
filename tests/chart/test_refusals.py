"""Mistakes that a user makes, and the key that the refusal must name."""

from __future__ import annotations

import pytest
import yaml

from tests.chart.helm import Chart, HelmError

# What is set, the key as the refusal has it, and a word of it that helps where every Helm has one.
MISTAKES = [
    ("{replicaCount: 2}", "replicaCount"),
    ("{web: {prot: 10078}}", "prot"),
    ("{web: {port: abc}}", "web.port"),
    ("{web: {port: '10078'}}", "web.port"),
    ("{web: {port: 80}}", "web.port"),
    ("{web: {port: 70000}}", "web.port"),
    ("{web: {addresses: 192.168.6.11}}", "web.addresses"),
    ("{web: {addresses: [192.168.6.311]}}", "web.addresses.0"),
    ("{web: {addresses: ['192.168.6.11:10077']}}", "web.addresses.0"),
    ("{web: {telemetryPath: metrics}}", "web.telemetryPath"),
    ("{web: {telemetryPath: /-/healthy}}", "web.telemetryPath"),
    ("{web: {config: {tls: true}}}", "web.config.tls"),
    ("{web: {config: {tlsSecretName: mine}}}", "web.config.tlsSecretName"),
    ("{uplink: {devices: wlan0}}", "uplink.devices"),
    ("{uplink: {devices: [a-name-of-17-bytes]}}", "uplink.devices.0"),
    ("{uplink: {devices: [wlan0, wlan0]}}", "uplink.devices"),
    ("{uplink: {requiredFamilies: [IPv4]}}", "uplink.requiredFamilies.0"),
    ("{uplink: {requiredFamilies: [none]}}", "uplink.requiredFamilies.0"),
    ("{interface: {exclude: 'veth('}}", "interface.exclude"),
    ("{flannel: {containers: []}}", "flannel.containers"),
    ("{flannel: {namespaces: [Kube_Flannel]}}", "flannel.namespaces.0"),
    ("{flannel: {version: 0.28.9}}", "flannel.version"),
    ("{flannel: {stack: both}}", "flannel.stack"),
    ("{flannel: {deltaWindows: [15 min]}}", "flannel.deltaWindows.0"),
    ("{flannel: {deltaWindows: [15m, 5s]}}", "flannel.deltaWindows"),
    ("{flannel: {deltaWindows: [2000m]}}", "flannel.deltaWindows"),
    ("{sources: {kubernetes: auto}}", "sources.kubernetes"),
    ("{sources: {podlogs: false}}", "podlogs"),
    ("{kubernetes: {apiServers: [192.168.6.11]}}", "kubernetes.apiServers.0"),
    ("{kubernetes: {apiServers: ['http://192.168.6.11:6443']}}", "kubernetes.apiServers.0"),
    ("{kubernetes: {apiServers: ['https://a:66000']}}", "kubernetes.apiServers.0"),
    ("{kubernetes: {kubeconfig: admin.conf}}", "kubernetes.kubeconfig"),
    ("{log: {level: warning}}", "log.level"),
    ("{hostMounts: {networkConfig: [systemd-networkd]}}", "hostMounts.networkConfig.0"),
    ("{hostMounts: {podLogs: ''}}", "hostMounts.podLogs"),
    ("{hostMounts: {flannelRun: run/flannel}}", "hostMounts.flannelRun"),
    ("{state: {hostPath: /}}", "state.hostPath"),
    ("{state: {sizeLimit: 64MB}}", "state.sizeLimit"),
    ("{image: {pullPolicy: always}}", "image.pullPolicy"),
    ("{image: {digest: deadbeef}}", "image.digest"),
    ("{image: {tag: 1.0}}", "image.tag"),
    ("{imagePullSecrets: [registry]}", "imagePullSecrets.0"),
    ("{releaseLabel: my release}", "releaseLabel"),
    ("{commonLabels: {team: 1}}", "commonLabels.team"),
    ("{nodeSelector: {zone: true}}", "nodeSelector.zone"),
    ("{tolerations: [{effect: NoExec}]}", "tolerations.0.effect"),
    ("{updateStrategy: {maxUnavailable: banana}}", "updateStrategy.maxUnavailable"),
    ("{updateStrategy: {maxUnavailable: 0}}", "updateStrategy.maxUnavailable"),
    ("{updateStrategy: {maxSurge: 1}}", "maxSurge"),
    ("{resources: {limits: {memory: 128}}}", "resources.limits.memory"),
    ("{resources: {request: {}}}", "request"),
    ("{probes: {liveness: {enabled: false}}}", "enabled"),
    ("{monitor: {kind: Probe}}", "monitor.kind"),
    ("{monitor: {interval: 30}}", "monitor.interval"),
    ("{monitor: {relabelings: [{source_labels: [a]}]}}", "source_labels"),
    ("{prometheusRule: {alerts: {UplinkLost: {for: 5 minutes}}}}", "prometheusRule.alerts.UplinkLost.for"),
    ("{prometheusRule: {alerts: {UplinkLost: {severity: page}}}}", "prometheusRule.alerts.UplinkLost.severity"),
    ("{prometheusRule: {alerts: {UplinkLost: {disabled: true}}}}", "disabled"),
    ("{prometheusRule: {alerts: {NodeDown: {for: 5m}}}}", "prometheusRule.alerts"),
    ("{prometheusRule: {runbookBaseUrl: 'https://wiki/'}}", "prometheusRule.runbookBaseUrl"),
    ("{scrapeAnnotations: true}", "scrapeAnnotations"),
    ("{extraArgs: [log.level=debug]}", "extraArgs.0"),
    ("{extraEnv: [{name: UPLINK_EXPORTER_LOG_LEVEL, value: debug}]}", "extraEnv.0.name"),
    ("{staticPod: {manifest: true}}", "staticPod.manifest"),
    (
        "{staticPod: {manifest: true}, sources: {kubernetes: false}, web: {config: {secretName: a}}}",
        "web.config.secretName",
    ),
]


@pytest.mark.parametrize(("values", "key"), MISTAKES, ids=[values for values, _ in MISTAKES])
def test_a_mistake_is_refused_by_its_key(values: str, key: str, major: int) -> None:
    with pytest.raises(HelmError) as refused:
        Chart(major=major).text(yaml.safe_load(values))
    # Helm 4 writes a path as JSON pointers have it.
    assert key in str(refused.value).replace("'", "").replace("/", ".") or key in str(refused.value)


@pytest.mark.parametrize(("values", "key"), MISTAKES[:1])
def test_a_refusal_names_what_is_allowed_where_that_is_a_list(values: str, key: str, major: int) -> None:
    with pytest.raises(HelmError) as refused:
        Chart(major=major).text({"hostMounts": {"networkConfig": ["wicked"]}})
    assert all(name in str(refused.value) for name in ("netplan", "NetworkManager", "networkd", "ifupdown"))


def test_without_an_image_it_says_how_to_get_one(major: int) -> None:
    with pytest.raises(HelmError, match=r"image\.repository: .*build one .*--set image\.repository=NAME"):
        Chart(major=major, image="").text()
