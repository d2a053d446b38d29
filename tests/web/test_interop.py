"""A real Prometheus, curl and openssl, at an exporter that asks for a certificate and a password."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
import yaml

from tests.alerts.tools import Tools, generations
from tests.shell.test_app import Exporter, exporting
from tests.web.pki import Pki
from tests.web.rows import HASH

PATIENCE = 60.0


@pytest.fixture
def exporter(tmp_path: Path, pki: Pki) -> Iterator[Exporter]:
    """An exporter that lets in who has a certificate by the CA, one of its names, and the password."""
    tls = {
        "cert_file": str(pki.crt("server")),
        "key_file": str(pki.key("server")),
        "client_auth_type": "RequireAndVerifyClientCert",
        "client_ca_file": str(pki.crt("ca")),
        "client_allowed_sans": ["prometheus.example"],
    }
    config = tmp_path / "web.yml"
    config.write_text(yaml.safe_dump({"tls_server_config": tls, "basic_auth_users": {"prometheus": HASH}}))
    with exporting("--web.listen-address=127.0.0.1:0", f"--web.config.file={config}") as running:
        yield running


Job = dict[str, object]


def scraping(pki: Pki, port: int) -> list[Job]:
    """One job that is let in, and one for each thing that may be wrong."""

    def tls(client: str) -> Job:
        trusted: Job = {"ca_file": str(pki.crt("ca")), "server_name": "localhost"}
        return trusted | ({"cert_file": str(pki.crt(client)), "key_file": str(pki.key(client))} if client else {})

    def job(name: str, client: str = "client", password: str = "secret", scheme: str = "https") -> Job:
        user: Job = {"basic_auth": {"username": "prometheus", "password": password}} if password else {}
        where: Job = {"scheme": scheme, "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}
        return {"job_name": name, "tls_config": tls(client), **user, **where}

    return [
        job("right"),
        job("wrong-password", password="wrong"),
        job("no-password", password=""),
        job("no-certificate", client=""),
        job("strange-certificate", client="stranger"),
        job("nameless-certificate", client="renewed"),
        job("plain", scheme="http"),
    ]


# What Prometheus says of each target; a client's certificate is refused after Go took the handshake for done.
ERRORS = {
    "right": "",
    "wrong-password": "server returned HTTP status 401 Unauthorized",
    "no-password": "server returned HTTP status 401 Unauthorized",
    "no-certificate": "certificate required",
    "strange-certificate": "unknown certificate authority",
    "nameless-certificate": "server returned HTTP status 403 Forbidden",
    "plain": "server returned HTTP status 400 Bad Request",
}


@contextmanager
def prometheus(tools: Tools, directory: Path, jobs: list[Job]) -> Iterator[int]:
    """A Prometheus with these jobs; its port."""
    config = directory / "prometheus.yml"
    config.write_text(
        yaml.safe_dump({"global": {"scrape_interval": "1s", "scrape_timeout": "1s"}, "scrape_configs": jobs})
    )
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    command = [
        str(tools.prometheus),
        f"--config.file={config}",
        f"--storage.tsdb.path={directory / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (directory / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            yield port
        finally:
            process.kill()


@dataclass(frozen=True, slots=True)
class Target:
    """What Prometheus tells of a target."""

    job: str
    health: str
    error: str


def targets(port: int) -> list[Target]:
    try:
        with urlopen(f"http://127.0.0.1:{port}/api/v1/targets", timeout=5) as answer:
            active = json.load(answer)["data"]["activeTargets"]
    except (URLError, ConnectionError):
        return []
    return [Target(one["labels"]["job"], one["health"], one["lastError"]) for one in active]


@pytest.mark.parametrize("tools", generations(), ids=lambda tools: tools.generation)
def test_prometheus_is_let_in_and_told_why_where_it_is_not(
    tools: Tools, exporter: Exporter, pki: Pki, tmp_path: Path
) -> None:
    assert tools.prometheus is not None, "tests/setup gets it"
    with prometheus(tools, tmp_path, scraping(pki, exporter.ports[0])) as port:
        until = time.monotonic() + PATIENCE
        while not as_expected(seen := targets(port)):
            assert time.monotonic() < until, f"{seen}\n{(tmp_path / 'log').read_text()[-2000:]}"
            time.sleep(0.2)


def as_expected(seen: list[Target]) -> bool:
    """Whether each target was asked, and of each is said what should be."""
    told = {one.job: ERRORS[one.job] in one.error for one in seen if one.health != "unknown"}
    return told == dict.fromkeys(ERRORS, True) and [one.job for one in seen if one.health == "up"] == ["right"]


def curl(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = ("curl", "--silent", "--show-error", "--max-time", "20", *arguments)
    return subprocess.run(command, capture_output=True, text=True, check=False, env={"PATH": os.environ["PATH"]})


def test_curl_is_let_in_and_gets_http_1_1_though_it_offers_2(exporter: Exporter, pki: Pki, tmp_path: Path) -> None:
    url = f"https://localhost:{exporter.ports[0]}/metrics"
    known = ("--cacert", pki.crt("ca"), "--cert", pki.crt("client"), "--key", pki.key("client"))
    told = curl(*known, "--user", "prometheus:secret", "--http2", "--write-out", "\n%{http_version} %{http_code}", url)
    assert told.stdout.endswith("\n1.1 200"), told.stderr
    assert "uplink_diagnosis{" in told.stdout
    assert curl(*known, "--write-out", "%{http_code}", url).stdout.endswith("401")
    refused = curl("--cacert", pki.crt("ca"), url)
    assert refused.returncode != 0
    assert "certificate required" in refused.stderr


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_openssl_verifies_it(exporter: Exporter, pki: Pki, version: str) -> None:
    command = [
        "openssl", "s_client", version, "-connect", f"127.0.0.1:{exporter.ports[0]}", "-servername", "localhost",
        "-verify_hostname", "localhost", "-verify_return_error", "-CAfile", str(pki.crt("ca")),
        "-cert", str(pki.crt("client")), "-key", str(pki.key("client")), "-alpn", "h2,http/1.1", "-ign_eof",
    ]  # fmt: skip
    request = "GET /-/healthy HTTP/1.0\r\nAuthorization: Basic cHJvbWV0aGV1czpzZWNyZXQ=\r\n\r\n"
    told = subprocess.run(command, input=request, capture_output=True, text=True, timeout=20, check=False)
    assert "uplink-exporter is healthy." in told.stdout
    assert "Verify return code: 0 (ok)" in told.stdout
    assert "ALPN protocol: http/1.1" in told.stdout


@pytest.mark.parametrize("version", ["-tls1", "-tls1_1"])
def test_openssl_is_not_let_in_by_what_is_broken(exporter: Exporter, version: str) -> None:
    where = ("-connect", f"127.0.0.1:{exporter.ports[0]}")
    command = ("openssl", "s_client", version, "-cipher", "ALL:@SECLEVEL=0", *where)
    told = subprocess.run(command, input="", capture_output=True, text=True, timeout=20, check=False)
    assert told.returncode != 0
    assert "protocol version" in told.stderr
