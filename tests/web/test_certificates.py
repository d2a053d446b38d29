"""What a file with certificates may hold: comments in any language, or nothing that OpenSSL can use."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.web.pki import Pki
from tests.web.rows import TLS, VERIFIED
from uplink_exporter.web.secure import ConfigError
from uplink_exporter.web.secure.connection import allowed
from uplink_exporter.web.secure.keeper import load


def with_clients_of(authority: bytes, directory: Path, pki: Pki) -> Path:
    """A web config that lets in those who have a certificate by this CA."""
    (directory / "clients.crt").write_bytes(authority)
    path = directory / "web.yml"
    text = VERIFIED.replace("{pki}/ca.crt", str(directory / "clients.crt"))
    path.write_text(text.replace("{pki}", str(pki.directory)))
    return path


@pytest.mark.parametrize("authority", [b"", b"# to come\n", "# für später\n".encode(), b"\0", b"\xff\xfe"])
def test_a_client_ca_without_a_certificate_is_refused(authority: bytes, tmp_path: Path, pki: Pki) -> None:
    with pytest.raises(ConfigError, match=r"^line 4: tls_server_config.client_ca_file: holds no CA certificate in PEM"):
        load(with_clients_of(authority, tmp_path, pki))


def test_a_client_ca_may_be_commented_in_any_language(tmp_path: Path, pki: Pki) -> None:
    commented = "# Prüfstelle 東京\n".encode() + pki.crt("ca").read_bytes()
    context = load(with_clients_of(commented, tmp_path, pki)).context
    assert context is not None
    assert [issuer["subject"] for issuer in context.get_ca_certs()] == [((("commonName", "ca"),),)]


def test_a_damaged_client_ca_is_told_from_one_that_is_none(tmp_path: Path, pki: Pki) -> None:
    half = pki.crt("ca").read_bytes()[:200]
    with pytest.raises(ConfigError, match=r"^line 4: tls_server_config.client_ca_file: is damaged; put it there anew"):
        load(with_clients_of(half, tmp_path, pki))


@pytest.mark.parametrize(("which", "where"), [("crt", "line 2: .*cert_file"), ("key", "line 3: .*key_file")])
def test_of_a_certificate_and_a_key_the_damaged_one_is_named(which: str, where: str, tmp_path: Path, pki: Pki) -> None:
    for name in ("crt", "key"):
        whole = (pki.directory / f"server.{name}").read_bytes()
        (tmp_path / f"server.{name}").write_bytes(whole[: len(whole) // 2] if name == which else whole)
    (tmp_path / "web.yml").write_text(TLS.replace("{pki}/", ""))
    with pytest.raises(ConfigError, match=rf"^{where}: is damaged; put it there anew$"):
        load(tmp_path / "web.yml")


def test_an_address_of_a_wrong_length_is_nobody_s_name() -> None:
    assert not allowed({"subjectAltName": (("IP Address", "<invalid>"),)}, frozenset({"10.0.0.1"}))
    assert allowed({"subjectAltName": (("IP Address", "<invalid>"), ("DNS", "a.b"))}, frozenset({"a.b"}))
