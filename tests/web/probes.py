"""One request to a server, and what became of it in one word: the same for ours and for the toolkit's."""

from __future__ import annotations

import ssl
import time
from base64 import b64encode
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection

from tests.web.pki import Pki


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """How to ask; `client` is whose certificate to show, `cipher` the only suite of TLS 1.2 to offer."""

    https: bool = True
    client: str = ""
    user: str = ""
    version: ssl.TLSVersion | None = None
    cipher: str = ""
    header: str = ""


def asked(probe: Probe, port: int, pki: Pki) -> str:
    """The status that was answered, with a header's value if one is asked for; `alert` where TLS failed."""
    connection = HTTPConnection("localhost", port, timeout=20)
    if probe.https:
        connection = HTTPSConnection("localhost", port, timeout=20, context=_context(probe, pki))
    basic = b64encode(probe.user.encode("latin-1")).decode()
    try:
        connection.request("GET", "/metrics", headers={"Authorization": f"Basic {basic}"} if probe.user else {})
        answer = connection.getresponse()
        answer.read()
    except (ssl.SSLError, HTTPException, ConnectionError):
        return "alert"
    finally:
        connection.close()
    return f"{answer.status} {answer.headers[probe.header]}" if probe.header else str(answer.status)


def _context(probe: Probe, pki: Pki) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=pki.crt("ca"))
    if probe.client:
        context.load_cert_chain(pki.crt(probe.client), pki.key(probe.client))
    if probe.version is not None:
        context.minimum_version = context.maximum_version = probe.version
    if probe.cipher:
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(probe.cipher)
    return context


def wait_for(port: int) -> None:
    """Wait until somebody answers there, whatever it is; at most 10 s."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        connection = HTTPConnection("localhost", port, timeout=1)
        with suppress(ConnectionRefusedError):
            connection.connect()
            connection.close()
            return
        time.sleep(0.02)
    raise AssertionError(f"nobody listens on {port}")
