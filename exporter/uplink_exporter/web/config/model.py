"""The web config as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path


class Version(StrEnum):
    """A version of TLS, by its name in the file."""

    TLS12 = "TLS12"
    TLS13 = "TLS13"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pem:
    """A certificate or a key: in a file, or in the web config itself. `where` begins what is said of it."""

    where: str
    path: Path | None = None
    text: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientAuth:
    """Who may connect: holders of a certificate by this CA, with one of these names if there are any."""

    ca: Pem
    required: bool
    names: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """How to encrypt. `ciphers` are OpenSSL's names of suites of TLS 1.2; empty means the library's choice."""

    certificate: Pem
    key: Pem
    clients: ClientAuth | None = None
    minimum: Version = Version.TLS12
    maximum: Version = Version.TLS13
    ciphers: tuple[str, ...] = ()
    prefers_ours: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """`burst` requests at once, and one more each `interval` seconds."""

    interval: float
    burst: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WebConfig:
    """The whole file. Users are by name, with the bcrypt hash of their password."""

    tls: Tls | None = None
    users: Mapping[bytes, bytes] = field(default_factory=dict, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    rate_limit: RateLimit | None = None
