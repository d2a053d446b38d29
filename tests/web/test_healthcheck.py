"""The health check against an exporter that encrypts and lets in only whom it should: it knows no secret of it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.builders import NETWORK, node
from tests.shell.test_app import LOCAL, exporting, run
from tests.shell.test_healthcheck import check
from tests.web.pki import Pki
from tests.web.rows import HASH, USERS
from tests.web.served import TLS, Secured, secured
from uplink_exporter.commands.healthcheck import complaint_of

CLIENTS = TLS.replace("}", ", client_auth_type: RequireAndVerifyClientCert, client_ca_file: ../ca.crt}")
UNUSABLE = "it cannot use its web config; its log says what is wrong with it"


async def complaint(secure: Secured) -> str:
    return await asyncio.to_thread(complaint_of, ("127.0.0.1", secure.server.port))


@pytest.mark.parametrize(
    "config",
    [
        pytest.param("# nothing\n", id="nothing"),
        pytest.param(USERS, id="users"),
        pytest.param(TLS, id="TLS"),
        pytest.param(TLS + USERS, id="TLS and users"),
        pytest.param(TLS + "rate_limit: {interval: 1h, burst: 1}", id="a rate limit that is used up"),
        pytest.param(TLS.replace("}", ", max_version: TLS12}"), id="TLS 1.2"),
        pytest.param(CLIENTS, id="client certificates"),
        pytest.param(CLIENTS.replace("}", ", max_version: TLS12}"), id="client certificates by TLS 1.2"),
    ],
)
async def test_it_lives_whoever_is_let_in(config: str, tmp_path: Path, pki: Pki) -> None:
    (tmp_path / "ca.crt").write_bytes(pki.crt("ca").read_bytes())
    (tmp_path / "web").mkdir()
    async with secured(node(NETWORK), tmp_path / "web", pki, config) as secure:
        assert [await complaint(secure), await complaint(secure)] == ["", ""]


@pytest.mark.parametrize("config", [TLS, USERS])
async def test_an_exporter_that_cannot_use_its_web_config_is_not_healthy(config: str, tmp_path: Path, pki: Pki) -> None:
    async with secured(node(NETWORK), tmp_path, pki, config) as secure:
        secure.write("rubbish: 1")
        assert await complaint(secure) == UNUSABLE
        secure.write(config)
        assert await complaint(secure) == ""


def test_the_process_needs_no_more_than_the_address(tmp_path: Path, pki: Pki) -> None:
    config = tmp_path / "web.yml"
    certificate = f"cert_file: {pki.crt('server')}, key_file: {pki.key('server')}"
    config.write_text(f"tls_server_config: {{{certificate}}}\nbasic_auth_users: {{anna: '{HASH}'}}\n")
    with exporting(f"--web.config.file={config}", "--web.listen-address=127.0.0.3:0") as exporter:
        assert 'guard="TLS, users"' in exporter.said
        assert "libcrypto" in Path(f"/proc/{exporter.process.pid}/maps").read_text()
        where = f"127.0.0.3:{exporter.ports[0]}"
        asked = check("healthcheck", UPLINK_EXPORTER_WEB_LISTEN_ADDRESS=where)
        assert (asked.returncode, "not healthy" in asked.stderr) == (0, False)


def test_without_tls_no_openssl_is_loaded_for_a_web_config(tmp_path: Path) -> None:
    config = tmp_path / "web.yml"
    config.write_text(USERS)
    with exporting(f"--web.config.file={config}", "--web.listen-address=127.0.0.1:0") as exporter:
        assert exporter.get("/metrics")[0] == 401
        assert "libcrypto" not in Path(f"/proc/{exporter.process.pid}/maps").read_text()


def test_a_web_config_that_cannot_be_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    config = tmp_path / "web.yml"
    config.write_text("basic_auth_users:\n  anna: hunter2\n")
    refused = run(LOCAL, f"--web.config.file={config}")
    assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (2, "", 1)
    assert refused.stderr.startswith(
        f"uplink-exporter: --web.config.file: {config}: line 2: basic_auth_users.anna: is not a bcrypt hash"
    )
