"""What comes before each answer: is the web config sound, is there room, and is it somebody who may ask."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address
from pathlib import Path

from uplink_exporter.settings import SettingsError
from uplink_exporter.threads import in_thread
from uplink_exporter.web.config import ConfigError, WebConfig
from uplink_exporter.web.guest import Handler, RefusedError
from uplink_exporter.web.secure.keeper import Keeper, load
from uplink_exporter.web.secure.rate import Bucket
from uplink_exporter.web.secure.users import Users
from uplink_exporter.web.site import Answer, text

# RFC 8446, section 6: a fatal alert, internal_error.
INTERNAL_ERROR = b"\x15\x03\x03\x00\x02\x02\x50"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """The answer to who may not ask; else what headers the answer gets, and whether anybody at all may ask."""

    refusal: Answer | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    open: bool = False


@dataclass(slots=True)
class Guard:
    """Lets in whom the web config lets in."""

    keeper: Keeper
    users: Users = field(default_factory=Users)
    bucket: Bucket | None = None

    @property
    def summary(self) -> str:
        """What the web config asks for, for the log."""
        config = self.keeper.loaded.config
        clients = "TLS, client certificates" if config.tls and config.tls.clients else "TLS"
        asks = {clients: config.tls, "users": config.users, "rate limit": config.rate_limit}
        return ", ".join(name for name, asked in asks.items() if asked) or "nothing"

    async def rule(self, authorization: str, transport: asyncio.BaseTransport | None) -> Ruling:
        """What becomes of a request. The order is the toolkit's: the config, the rate, then the user."""
        told: Callable[[str], object] = transport.get_extra_info if transport else lambda name: None
        try:
            config = await self.keeper.for_a_request()
        except ConfigError:
            return Ruling(refusal=text(500, "uplink-exporter: its web config cannot be used; its log says why"))
        encrypted = told("ssl_object") is not None
        if config.tls is not None and not encrypted:
            return Ruling(refusal=text(400, "uplink-exporter: ask by https", {"Connection": "close"}))
        if not self._has_room(config):
            return Ruling(refusal=text(429, "uplink-exporter: too many requests, by rate_limit of its web config"))
        if config.users and not await self.users.admit(config.users, authorization, nearby(told("peername"))):
            challenge = {**config.headers, "WWW-Authenticate": 'Basic realm="uplink-exporter"'}
            return Ruling(refusal=text(401, "uplink-exporter: it asks for a user and a password", challenge))
        return Ruling(headers=config.headers, open=not (encrypted or config.users))

    def _has_room(self, config: WebConfig) -> bool:
        if config.rate_limit is None:
            self.bucket = None
            return True
        now = asyncio.get_running_loop().time()
        if self.bucket is None or self.bucket.limit != config.rate_limit:
            self.bucket = Bucket(config.rate_limit, config.rate_limit.burst, now)
        return self.bucket.take(now)

    async def handler(self, transport: asyncio.Transport, handler: Handler) -> Handler:
        """Who is to handle a new connection: aiohttp's handler itself, or TLS before it. Raises RefusedError."""
        try:
            loaded = await self.keeper.for_a_connection()
        except ConfigError as error:
            raise RefusedError(INTERNAL_ERROR) from error
        tls, context = loaded.config.tls, loaded.context
        if tls is None or context is None:
            return handler
        from uplink_exporter.web.secure.connection import Encrypted  # OpenSSL comes with it

        return Encrypted(transport, handler, context, tls.clients.names if tls.clients else frozenset())


def guarded(path: Path) -> Guard:
    """The guard by the web config in this file. Raises ConfigError."""
    return Guard(Keeper(path=path, loaded=load(path)))


async def as_set(path: Path) -> Guard:
    """The guard by the file that --web.config.file names. Raises SettingsError."""
    try:
        return await in_thread(guarded, path)
    except ConfigError as error:
        raise SettingsError(f"--web.config.file: {path}: {error}") from error


def nearby(peer: object) -> str:
    """Which addresses count as one: those of an IPv6 network of 64 bits, of which one machine may have all."""
    host = str(peer[0]) if isinstance(peer, tuple) else ""
    try:
        found = ip_address(host)
    except ValueError:
        return host
    if isinstance(found, IPv6Address) and found.ipv4_mapped is None:
        return str(int(found) >> 64)
    return str(found)
