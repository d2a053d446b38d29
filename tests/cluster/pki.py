"""The certificates and kubeconfigs of a cluster, as kubeadm makes them, by openssl."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

EC = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc", "-days", "2")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pki:
    """A directory of keys and certificates by name."""

    directory: Path

    def key(self, name: str) -> Path:
        """The private key."""
        return self.directory / f"{name}.key"

    def certificate(self, name: str) -> Path:
        """The certificate, or for `sa` the public key."""
        return self.directory / f"{name}.crt"

    def sign(self, name: str, subject: str, names: Sequence[str] = ()) -> None:
        """Make a key, and a certificate of it: for a server of these names, else for a client."""
        use = "serverAuth,clientAuth" if names else "clientAuth"
        extensions = ["basicConstraints=critical,CA:FALSE", f"extendedKeyUsage={use}"]
        extensions += [f"subjectAltName={','.join(names)}"] if names else []
        added = [word for extension in extensions for word in ("-addext", extension)]
        authority = ("-CA", self.certificate("ca"), "-CAkey", self.key("ca"))
        _openssl("req", "-x509", *EC, "-subj", subject, *authority, *added, *self._out(name))

    def kubeconfig(self, name: str, server: str, token: str = "") -> Path:
        """A kubeconfig for a client that has a certificate, or a token."""
        path = self.directory / f"{name}.conf"
        cluster = {"server": server, "certificate-authority": str(self.certificate("ca"))}
        certified = {"client-certificate": str(self.certificate(name)), "client-key": str(self.key(name))}
        user = {"token": token} if token else certified
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": name, "user": user}],
            "contexts": [{"name": name, "context": {"cluster": "test", "user": name}}],
            "current-context": name,
        }
        path.write_text(json.dumps(config))
        return path

    def _out(self, name: str) -> tuple[str | Path, ...]:
        return ("-keyout", self.key(name), "-out", self.certificate(name))

    def make_authorities(self) -> None:
        """The CA of the cluster, and the key pair that signs the tokens of ServiceAccounts."""
        self.directory.mkdir()
        _openssl("req", "-x509", *EC, "-subj", "/CN=kubernetes", *self._out("ca"))
        _openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", self.key("sa"))
        _openssl("pkey", "-in", self.key("sa"), "-pubout", "-out", self.certificate("sa"))


def _openssl(*args: str | Path) -> None:
    subprocess.run(["openssl", *args], check=True, capture_output=True)
