"""Every key of the toolkit's file: what we make of it, beside what the toolkit does. The table in docs is made of it.

`ours` and `theirs` are the answers to the probes; none at all means that the file is refused at start.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from ssl import TLSVersion

from tests.web.pki import Pki
from tests.web.probes import Probe

# Of `secret`, at the least cost that bcrypt has.
HASH = "$2b$04$6EeLaBW.QHNhdE4Vdulop.lbZ1gv0dhdErUWh/tDDnBP90HWywrMC"
USERS = "basic_auth_users: {prometheus: '" + HASH + "'}"
TLS = "tls_server_config:\n  cert_file: {pki}/server.crt\n  key_file: {pki}/server.key\n"
CLIENTS = TLS + "  client_ca_file: {pki}/ca.crt\n"
VERIFIED = CLIENTS + "  client_auth_type: RequireAndVerifyClientCert\n"
PLAIN = Probe(https=False)
ANY = Probe()
CLIENT, STRANGER = Probe(client="client"), Probe(client="stranger")
OLD, NEW = Probe(version=TLSVersion.TLSv1_2), Probe(version=TLSVersion.TLSv1_3)


class Kind(StrEnum):
    """How ours compares."""

    SAME = "same"
    BETTER = "better"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table, and the file that shows it."""

    key: str
    kind: Kind
    what: str
    file: str
    probes: tuple[Probe, ...] = ()
    ours: tuple[str, ...] = ()
    theirs: tuple[str, ...] = ()

    def text(self, pki: Pki) -> str:
        """The file, with the paths of certificates and, in `cert: |` and its like, the certificates themselves."""
        text = self.file.replace("{pki}", str(pki.directory))
        for name, pem in (("{crt}", pki.crt("server")), ("{key}", pki.key("server")), ("{ca}", pki.crt("ca"))):
            text = text.replace(name, "\n".join(f"    {line}" for line in pem.read_text().splitlines()))
        return text


def same(key: str, what: str, file: str, probes: tuple[Probe, ...] = (), *answers: str) -> Row:
    """A row that is the same in both."""
    return Row(key=key, kind=Kind.SAME, what=what, file=file, probes=probes, ours=answers, theirs=answers)


def refused(key: str, what: str, file: str, probes: tuple[Probe, ...] = (), *theirs: str) -> Row:
    """A row that is refused here alone."""
    return Row(key=key, kind=Kind.REFUSED, what=what, file=file, probes=probes, theirs=theirs)


ROWS = (
    same("`cert_file`, `key_file`", "relative to the web config's directory; read for each handshake", TLS,
         (ANY, PLAIN), "200", "400"),
    same("`cert`, `key`", "in the file itself, as PEM", "tls_server_config:\n  cert: |\n{crt}\n  key: |\n{key}\n",
         (ANY, PLAIN), "200", "400"),
    refused("`cert_file` and `cert`", "one of the two must be wrong; the toolkit takes the file",
            TLS + "  cert: nothing\n", (ANY,), "200"),
    same("`cert_file` without `key_file`", "refused", "tls_server_config: {cert_file: '{pki}/server.crt'}"),
    same("`key_file` of another certificate", "refused", TLS.replace("server.key", "client.key")),
    same("`min_version: TLS13`", "older clients get an alert", TLS + "  min_version: TLS13\n",
         (NEW, OLD), "200", "alert"),
    same("`max_version: TLS12`", "newer clients use TLS 1.2, or get an alert", TLS + "  max_version: TLS12\n",
         (OLD, NEW), "200", "alert"),
    refused("`min_version: TLS10` or `TLS11`", "OpenSSL speaks neither", TLS + "  min_version: TLS10\n", (ANY,), "200"),
    refused("`min_version` above `max_version`", "in the toolkit each handshake fails",
            TLS + "  min_version: TLS13\n  max_version: TLS12\n", (ANY,), "alert"),
    same("`cipher_suites`", "Go's names; for TLS 1.2 alone, as in Go",
         TLS + "  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]\n",
         (Probe(cipher="ECDHE-ECDSA-AES128-GCM-SHA256"), Probe(cipher="ECDHE-ECDSA-AES256-GCM-SHA384"), NEW),
         "200", "alert", "200"),
    same("`cipher_suites` that Go does not know, or takes for insecure", "refused",
         TLS + "  cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]\n"),
    same("`cipher_suites` of TLS 1.3 alone", "refused: these cannot be chosen, and none is left for TLS 1.2",
         TLS + "  cipher_suites: [TLS_AES_128_GCM_SHA256]\n"),
    refused("`curve_preferences`", "Python's ssl cannot choose curves", TLS + "  curve_preferences: [CurveP256]\n",
            (ANY,), "200"),
    Row(key="`prefer_server_cipher_suites`", kind=Kind.BETTER, what="done; the toolkit reads and ignores it",
        file=TLS + "  prefer_server_cipher_suites: false\n", probes=(ANY,), ours=("200",), theirs=("200",)),
    same("`client_auth_type: RequireAndVerifyClientCert`", "with `client_ca_file`", VERIFIED,
         (CLIENT, STRANGER, ANY), "200", "alert", "alert"),
    same("`client_ca`", "in the file itself, as PEM", "tls_server_config:\n  cert: |\n{crt}\n  key: |\n{key}\n"
         "  client_auth_type: RequireAndVerifyClientCert\n  client_ca: |\n{ca}\n", (CLIENT, ANY), "200", "alert"),
    same("`client_auth_type: VerifyClientCertIfGiven`", "who has none is let in",
         CLIENTS + "  client_auth_type: VerifyClientCertIfGiven\n", (CLIENT, STRANGER, ANY), "200", "alert", "200"),
    same("`client_auth_type: NoClientCert`", "the default", TLS + "  client_auth_type: NoClientCert\n", (ANY,), "200"),
    *(refused(f"`client_auth_type: {policy}`", "it verifies nothing, and Python's ssl cannot do that",
              f"{TLS}  client_auth_type: {policy}\n", (STRANGER,), "200")
      for policy in ("RequestClientCert", "RequireAnyClientCert", "RequireClientCert")),
    same("`client_ca_file` without `client_auth_type`", "refused", CLIENTS),
    refused("`client_auth_type` without a CA", "the toolkit lets in every public CA's clients",
            TLS + "  client_auth_type: RequireAndVerifyClientCert\n", (CLIENT,), "alert"),
    refused("`client_ca_file` without a certificate in it", "in the toolkit nobody can connect then",
            VERIFIED.replace("ca.crt", "ca.key"), (CLIENT,), "alert"),
    same("`client_allowed_sans`", "DNS names, addresses, e-mail addresses and URIs",
         VERIFIED + "  client_allowed_sans: ['2001:db8::77', elsewhere.example]\n", (CLIENT,), "200"),
    Row(key="`client_allowed_sans` without a client's name", kind=Kind.BETTER,
        what="403 and a line that says so, where the toolkit breaks the connection off",
        file=VERIFIED + "  client_allowed_sans: [elsewhere.example]\n", probes=(CLIENT,),
        ours=("403",), theirs=("alert",)),
    refused("`client_allowed_sans` without `client_auth_type`", "the toolkit asks nobody for a name then",
            TLS + "  client_allowed_sans: [elsewhere.example]\n", (ANY,), "200"),
    refused("`tls_server_config` without a certificate", "the toolkit serves plain HTTP then",
            "tls_server_config: {min_version: TLS13}", (PLAIN,), "200"),
    same("`tls_server_config: {}`", "as if it were not there: plain HTTP", "tls_server_config: {}", (PLAIN,), "200"),
    same("`http2: false`", "there is none without TLS anyway", "http_server_config: {http2: false}", (PLAIN,), "200"),
    refused("`http2: true`", "this exporter speaks HTTP/1.1 alone", "http_server_config: {http2: true}",
            (PLAIN,), "200"),
    same("`headers`", "the five that the toolkit lets be set; where the status page sets one itself, that one counts",
         "http_server_config: {headers: {X-Frame-Options: deny}}",
         (Probe(https=False, header="X-Frame-Options"),), "200 deny"),
    same("`headers` of another name or value", "refused", "http_server_config: {headers: {X-Frame-Options: allow}}"),
    same("`basic_auth_users`", "bcrypt, `$2a$`, `$2b$`, `$2x$`, `$2y$` or `$2$`; each password is hashed once", USERS,
         (PLAIN, Probe(https=False, user="prometheus:secret"), Probe(https=False, user="prometheus:wrong"),
          Probe(https=False, user="nobody:secret")), "401", "200", "401", "401"),
    Row(key="`basic_auth_users` without that user", kind=Kind.BETTER,
        what="takes as long as a known one; in the toolkit only where their hashes cost 10", file=USERS,
        probes=(Probe(https=False, user="nobody:secret"),), ours=("401",), theirs=("401",)),
    same("`basic_auth_users` with a hash of bcrypt's first version", "read as `$2b$`", USERS.replace("$2b$", "$2$"),
         (Probe(https=False, user="prometheus:secret"), Probe(https=False, user="prometheus:wrong")), "200", "401"),
    same("`basic_auth_users` without a bcrypt hash", "refused", "basic_auth_users: {prometheus: secret}"),
    refused("`basic_auth_users` with a broken hash", "the toolkit refuses each password then",
            USERS.replace("$04$6", "$04$!"), (Probe(https=False, user="prometheus:secret"),), "401"),
    refused("`basic_auth_users` at a cost above 18", "one check would take minutes", USERS.replace("$04$", "$19$"),
            (PLAIN,), "401"),
    same("`rate_limit`", "429; counted before the password", "rate_limit: {interval: 1h, burst: 2}",
         (PLAIN, PLAIN, PLAIN), "200", "200", "429"),
    refused("`rate_limit` without a `burst`", "the toolkit answers nobody then", "rate_limit: {interval: 1s}",
            (PLAIN,), "429"),
    refused("`rate_limit` without a unit", "the toolkit takes `5` for 5 ns", "rate_limit: {interval: 5, burst: 1}",
            (PLAIN, PLAIN), "200", "200"),
    same("an unknown key", "refused", "tls_server_config: {cert_fil: a}"),
    same("a key given twice", "refused", "rate_limit: {burst: 1, burst: 2}"),
    same("an empty file", "plain HTTP for everybody", "# nothing\n", (PLAIN,), "200"),
)  # fmt: skip
