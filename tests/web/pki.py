"""Certificates for a server and for clients, made by openssl."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

EC = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc", "-days", "2")
SERVER = ("DNS:localhost", "IP:127.0.0.1")
# In every form that a client's certificate may name its holder by.
CLIENT = ("DNS:prometheus.example", "IP:2001:db8::77", "email:ops@example.com", "URI:spiffe://cluster/prometheus")


@dataclass(frozen=True, slots=True)
class Pki:
    """A directory of certificates `NAME.crt` with their keys `NAME.key`."""

    directory: Path

    def crt(self, name: str) -> Path:
        """The certificate."""
        return self.directory / f"{name}.crt"

    def key(self, name: str) -> Path:
        """The private key."""
        return self.directory / f"{name}.key"

    def authority(self, name: str) -> None:
        """Make a certificate that signs others."""
        openssl("req", "-x509", *EC, "-subj", f"/CN={name}", *self._out(name))

    def sign(self, name: str, names: Sequence[str], by: str = "ca") -> None:
        """Make a certificate for these names."""
        named = ("-addext", f"subjectAltName={','.join(names)}") if names else ()
        signer = ("-CA", self.crt(by), "-CAkey", self.key(by))
        added = ("-addext", "basicConstraints=critical,CA:FALSE")
        openssl("req", "-x509", *EC, "-subj", f"/CN={name}", *signer, *added, *named, *self._out(name))

    def _out(self, name: str) -> tuple[str | Path, ...]:
        return ("-keyout", self.key(name), "-out", self.crt(name))


def made(directory: Path) -> Pki:
    """A CA with a server and a client, and a stranger by another CA."""
    pki = Pki(directory)
    for authority in ("ca", "foreign"):
        pki.authority(authority)
    pki.sign("server", SERVER)
    pki.sign("renewed", SERVER)
    pki.sign("client", CLIENT)
    pki.sign("stranger", CLIENT, by="foreign")
    return pki


def openssl(*arguments: str | Path) -> None:
    """Run openssl."""
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)
