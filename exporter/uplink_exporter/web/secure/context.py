"""What the web config says of TLS, as OpenSSL has it. The only file that loads OpenSSL for the server."""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from uplink_exporter.web.config import ClientAuth, ConfigError, Pem, Tls, Version

Read = Callable[[Pem], bytes]

_CERTIFICATE = b"-----BEGIN CERTIFICATE-----"
_DAMAGED = "is damaged; put it there anew"
# In a comment, by rights. ssl takes no such character at all.
_NOT_ASCII = re.compile(rb"[^\0-\x7f]")
_VERSIONS = {Version.TLS12: ssl.TLSVersion.TLSv1_2, Version.TLS13: ssl.TLSVersion.TLSv1_3}


def context(tls: Tls, read: Read) -> ssl.SSLContext:
    """A context for this server; `read` gives what is in a Pem. Raises ConfigError."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version, made.maximum_version = _VERSIONS[tls.minimum], _VERSIONS[tls.maximum]
    made.options |= ssl.OP_NO_RENEGOTIATION
    if not tls.prefers_ours:
        made.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    if tls.ciphers:
        made.set_ciphers(":".join(tls.ciphers))
    made.set_alpn_protocols(["http/1.1"])
    made.num_tickets = 0  # a scraper keeps its connection
    _certify(made, tls, read)
    if tls.clients is not None:
        _ask_for_certificates(made, tls.clients, read)
    return made


def _certify(made: ssl.SSLContext, tls: Tls, read: Read) -> None:
    with ExitStack() as stack:
        certificate, key = (stack.enter_context(_in_memory(read(pem))) for pem in (tls.certificate, tls.key))
        try:
            # Without a password OpenSSL would ask for one at the terminal.
            made.load_cert_chain(certificate, key, password=_no_password)
        except (ssl.SSLError, _EncryptedError) as error:
            raise _unusable(tls, read, error) from error


class _EncryptedError(Exception):
    """The key is under a password."""


def _no_password() -> str:
    raise _EncryptedError


def _unusable(tls: Tls, read: Read, error: Exception) -> ConfigError:
    if isinstance(error, _EncryptedError):
        what = "is encrypted, and there is nobody to give its password; decrypt it with `openssl pkey`"
        return ConfigError(f"{tls.key.where}: {what}")
    reason = str(getattr(error, "reason", None) or error)
    if reason == "KEY_VALUES_MISMATCH":
        return ConfigError(f"{tls.key.where}: is not the key of the certificate; give the two that belong together")
    if _CERTIFICATE not in read(tls.certificate):
        return ConfigError(f"{tls.certificate.where}: holds no certificate in PEM (-----BEGIN CERTIFICATE-----)")
    if b"PRIVATE KEY-----" not in read(tls.key):
        return ConfigError(f"{tls.key.where}: holds no private key in PEM (-----BEGIN PRIVATE KEY-----)")
    if not _sound(read(tls.certificate)):
        return ConfigError(f"{tls.certificate.where}: {_DAMAGED}")
    if getattr(error, "reason", None) is None:  # of what else OpenSSL minds, it tells the reason
        return ConfigError(f"{tls.key.where}: {_DAMAGED}")
    return ConfigError(f"{tls.certificate.where}: OpenSSL cannot use certificate and key: {reason}")


def _sound(certificates: bytes) -> bool:
    try:
        _trust(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), certificates)
    except (ssl.SSLError, ValueError):
        return False
    return True


def _trust(made: ssl.SSLContext, certificates: bytes) -> None:
    made.load_verify_locations(cadata=_NOT_ASCII.sub(b"?", certificates).decode("ascii"))


@contextmanager
def _in_memory(data: bytes) -> Iterator[str]:
    """A path that has this in it and is on no disk: ssl takes paths alone, and keys may stand in the web config."""
    descriptor = os.memfd_create("pem", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, data)
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)


def _ask_for_certificates(made: ssl.SSLContext, clients: ClientAuth, read: Read) -> None:
    made.verify_mode = ssl.CERT_REQUIRED if clients.required else ssl.CERT_OPTIONAL
    try:
        _trust(made, read(clients.ca))
    except (ssl.SSLError, ValueError) as error:  # ValueError for nothing at all
        there = _CERTIFICATE in read(clients.ca)
        what = _DAMAGED if there else "holds no CA certificate in PEM, so that nobody could connect"
        raise ConfigError(f"{clients.ca.where}: {what}") from error
