"""The section `tls_server_config`."""

from __future__ import annotations

from pathlib import Path

from uplink_exporter.web.config.ciphers import TLS12, TLS13
from uplink_exporter.web.config.document import Value, shown
from uplink_exporter.web.config.model import ClientAuth, Pem, Tls, Version

KEYS = (
    "cert",
    "key",
    "client_ca",
    "cert_file",
    "key_file",
    "client_auth_type",
    "client_ca_file",
    "client_allowed_sans",
    "cipher_suites",
    "curve_preferences",
    "min_version",
    "max_version",
    "prefer_server_cipher_suites",
)
# By the toolkit's names: whether a client must have a certificate.
_POLICIES = {"NoClientCert": None, "VerifyClientCertIfGiven": False, "RequireAndVerifyClientCert": True}
_UNVERIFIED = ("RequestClientCert", "RequireAnyClientCert", "RequireClientCert")


def tls(section: Value, directory: Path) -> Tls | None:
    """How to encrypt; None if the section is empty. Raises ConfigError."""
    found = section.section(KEYS)
    if not found:
        return None
    if "curve_preferences" in found:
        raise found["curve_preferences"].error("Python's ssl cannot choose curves; leave it out for OpenSSL's choice")
    minimum = _version(found, "min_version", Version.TLS12)
    maximum = _version(found, "max_version", Version.TLS13)
    if minimum > maximum:
        raise found.get("min_version", section).error("is above max_version, so that no version is left; raise that")
    certificate, key = _pem(found, "cert", directory), _pem(found, "key", directory)
    if certificate is None:
        raise section.error("has neither cert_file nor cert, so that nothing would be encrypted; add one")
    if key is None:
        raise section.error("has neither key_file nor key; add one")
    ours = found.get("prefer_server_cipher_suites")
    return Tls(
        certificate=certificate,
        key=key,
        clients=_clients(found, directory),
        minimum=minimum,
        maximum=maximum,
        ciphers=_ciphers(found["cipher_suites"], minimum) if "cipher_suites" in found else (),
        prefers_ours=ours is None or ours.flag(),
    )


def _pem(found: dict[str, Value], name: str, directory: Path) -> Pem | None:
    inline, file = found.get(name), found.get(f"{name}_file")
    if inline is not None and file is not None:
        raise inline.error(f"{name}_file is given as well; leave one of the two")
    if file is not None and file.text():
        return Pem(where=file.where, path=directory / file.text())
    return Pem(where=inline.where, text=inline.text()) if inline is not None and inline.text() else None


def _version(found: dict[str, Value], name: str, default: Version) -> Version:
    if name not in found:
        return default
    text = found[name].text()
    if text in ("TLS10", "TLS11"):
        raise found[name].error(f"OpenSSL does not speak {text} any more; allowed is TLS12 or TLS13")
    if text not in tuple(Version):
        raise found[name].error(f"{shown(text)} is not allowed; allowed is TLS12 or TLS13")
    return Version(text)


def _ciphers(suites: Value, minimum: Version) -> tuple[str, ...]:
    named = [(suite, suite.text()) for suite in suites.texts()]
    for suite, name in named:
        if name not in TLS12 and name not in TLS13:
            raise suite.error(f"{shown(name)} is not allowed; allowed is any of {', '.join((*TLS12, *TLS13))}")
    chosen = tuple(TLS12[name] for _, name in named if name in TLS12)
    if named and not chosen and minimum is Version.TLS12:
        raise suites.error("names no suite of TLS 1.2, and those of TLS 1.3 are all on; set min_version: TLS13 instead")
    return chosen


def _clients(found: dict[str, Value], directory: Path) -> ClientAuth | None:
    ca, sans = _pem(found, "client_ca", directory), found.get("client_allowed_sans")
    required = _policy(found["client_auth_type"]) if "client_auth_type" in found else None
    if required is None:
        for value in (found.get("client_ca_file"), found.get("client_ca"), sans):
            if value is not None:
                raise value.error("nobody is asked for a certificate; add client_auth_type: RequireAndVerifyClientCert")
        return None
    if ca is None:
        raise found["client_auth_type"].error(
            "without a CA a certificate of any public one would do; add client_ca_file or client_ca"
        )
    return ClientAuth(ca=ca, required=required, names=frozenset(_names(sans)) if sans else frozenset())


def _policy(value: Value) -> bool | None:
    text = value.text() or "NoClientCert"
    if text in _UNVERIFIED:
        raise value.error(f"{text} verifies nothing, and Python's ssl cannot do that; use RequireAndVerifyClientCert")
    if text not in _POLICIES:
        raise value.error(f"{shown(text)} is not allowed; allowed is any of {', '.join(_POLICIES)}")
    return _POLICIES[text]


def _names(sans: Value) -> tuple[str, ...]:
    names = tuple(name.text() for name in sans.texts())
    if not names:
        raise sans.error("is empty, so that nobody could connect; name somebody, or leave it out")
    return names
