"""The order of the ways to the API server, and what counts as an address of one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from uplink_exporter.flannel.observed import ApiPath
from uplink_exporter.sources.kubernetes.access import Access
from uplink_exporter.sources.kubernetes.failures import parse_retry_after
from uplink_exporter.sources.kubernetes.paths import (
    MOST_ENDPOINTS,
    SERVER_NAME,
    parse_api_server,
    parse_endpoints,
    remembered,
    ways,
)
from uplink_exporter.sources.kubernetes.terms import Way

FIXTURES = Path(__file__).parent.parent / "fixtures/api"
SERVICE = Way(path=ApiPath.SERVICE, url="https://10.96.0.1:443", server_name=SERVER_NAME)


def test_the_service_then_the_endpoints_then_what_is_configured() -> None:
    found = ways(SERVICE, ("https://192.168.6.11:6443", "https://[fd00::b]:6443"), ("https://api.example.org:6443",))
    assert [(way.path, way.url, way.server_name) for way in found] == [
        ("service", "https://10.96.0.1:443", SERVER_NAME),
        ("endpoint", "https://192.168.6.11:6443", SERVER_NAME),
        ("endpoint", "https://[fd00::b]:6443", SERVER_NAME),
        ("configured", "https://api.example.org:6443", ""),
    ]


def test_no_address_is_tried_twice() -> None:
    found = ways(SERVICE, (SERVICE.url, "https://192.168.6.11:6443"), ("https://192.168.6.11:6443",))
    assert [way.path for way in found] == [ApiPath.SERVICE, ApiPath.ENDPOINT]


def test_endpoints() -> None:
    found = parse_endpoints(json.loads((FIXTURES / "endpointslice.json").read_text()))
    assert found == ("https://192.168.6.11:6443", "https://192.168.6.12:6443")


@pytest.mark.parametrize(
    ("addresses", "ports", "urls"),
    [
        (["fd00::b"], [{"port": 6443}], ("https://[fd00::b]:6443",)),
        (["10.0.0.1", "10.0.0.1"], [{"port": 6443}], ("https://10.0.0.1:6443",)),
        (["10.0.0.1"], [], ("https://10.0.0.1:443",)),
        (["10.0.0.1"], [{"port": True}, {"port": 0}, {"port": 65536}, {"port": "x"}], ("https://10.0.0.1:443",)),
        (["evil.example.org", "10.0.0.1@evil", "fe80::1%eth0", "", 7, None], [{"port": 6443}], ()),
    ],
)
def test_endpoints_are_addresses_and_ports(addresses: object, ports: object, urls: tuple[str, ...]) -> None:
    assert parse_endpoints({"endpoints": [{"addresses": addresses}], "ports": ports}) == urls


def test_endpoints_are_few() -> None:
    entries = [{"addresses": [f"10.0.0.{number}"]} for number in range(100)]
    assert len(parse_endpoints({"endpoints": entries, "ports": [{"port": 6443}]})) == MOST_ENDPOINTS


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("192.168.6.11:6443", "https://192.168.6.11:6443"),
        ("https://192.168.6.11", "https://192.168.6.11:443"),
        ("https://192.168.6.11:6443/", "https://192.168.6.11:6443"),
        ("[fd00::b]:6443", "https://[fd00::b]:6443"),
        ("https://rancher.example.org/k8s/clusters/c-1", "https://rancher.example.org:443/k8s/clusters/c-1"),
    ],
)
def test_api_servers_as_people_write_them(text: str, url: str) -> None:
    assert parse_api_server(text) == url


@pytest.mark.parametrize(
    "text",
    ["", "http://192.168.6.11:8080", "https://", "https://user@host", "host:port", "host:99999", "https://h?x=1"],
)
def test_what_is_no_api_server_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_api_server(text)


@pytest.mark.parametrize(
    ("mode", "token", "config", "wanted"),
    [
        ("on", False, False, True),
        ("off", True, True, False),
        ("auto", False, False, False),
        ("auto", True, False, True),
        ("auto", False, True, True),
    ],
)
def test_auto_goes_by_credentials(tmp_path: Path, mode: str, token: bool, config: bool, wanted: bool) -> None:
    if token:
        (tmp_path / "token").write_text("x")
    kubeconfig = tmp_path / "config" if config else None
    if kubeconfig:
        kubeconfig.write_text("x")
    assert Access(environ={}, service_account=tmp_path, kubeconfig=kubeconfig).wanted(mode) is wanted


LEAN = """
import sys
from uplink_exporter.sources.kubernetes import client, terms
assert not {"aiohttp", "kubernetes"} & set(sys.modules), "loaded before it is used"
import asyncio
from pathlib import Path
configuration = client.configuration()
asyncio.run(client.kubeconfig_loader(configuration, Path.open)(Path(sys.argv[1])))
way = terms.Way(path="service", url="https://127.0.0.1")
async def open_and_close():
    async with client.client(way, configuration, "", terms.Timing()):
        pass
asyncio.run(open_and_close())
heavy = {"pydantic", "requests", "urllib3", "kubernetes.client", "kubernetes.aio.client.models", "dateutil"}
print(sorted(heavy & set(sys.modules)))
import kubernetes.aio
assert kubernetes.aio.client.CoreV1Api and kubernetes.aio.config.load_kube_config and kubernetes.aio.client.ApiClient
from kubernetes.aio.client import rest
assert rest.RESTClientObject
"""


def test_the_client_loads_without_its_models_and_can_still_be_loaded_whole(tmp_path: Path) -> None:
    config = {
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1"}}],
        "users": [{"name": "u", "user": {"token": "x"}}],
    }
    (tmp_path / "config").write_text(json.dumps(config))
    script = [sys.executable, "-c", LEAN, str(tmp_path / "config")]
    done = subprocess.run(script, env={"PYTHONPATH": ":".join(sys.path)}, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("", 0),
        ("1", 1),
        ("30", 30),
        ("3600", 300),
        ("-5", 0),
        ("1.5", 0),
        ("9" * 50, 0),
        ("Fri, 27 Nov 2026 23:00:00 GMT", 0),
    ],
)
def test_how_long_a_server_asks_to_be_left_alone(text: str, seconds: float) -> None:
    assert parse_retry_after(text) == seconds


def test_of_remembered_endpoints_only_those_are_tried_that_can_have_been_learned() -> None:
    sound = ("https://192.168.6.11:6443", "https://[2001:db8::1]:6443")
    rubbish = (
        "http://192.168.6.11:6443",
        "https://evil.example.org:443",
        "https://user:word@192.168.6.11:6443",
        "https://192.168.6.11:6443/elsewhere",
        "https://192.168.6.11:port",
        "file:///etc/shadow",
        "192.168.6.11:6443",
        "https://[::1",
        "",
    )
    assert remembered((*rubbish, *sound)) == sound
    assert len(remembered(tuple(f"https://192.168.6.{number}:6443" for number in range(99)))) == MOST_ENDPOINTS
