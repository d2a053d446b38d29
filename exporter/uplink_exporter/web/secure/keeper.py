"""The web config as it is on the disk now: looked at for each handshake and each request, and told of when it breaks.

The disk may stall in the very outage. Then what was read last counts, so that the page is there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from logging import getLogger
from pathlib import Path
from typing import TYPE_CHECKING

from uplink_exporter.files import read as content
from uplink_exporter.threads import in_thread
from uplink_exporter.web.config import ConfigError, Pem, WebConfig, parse

if TYPE_CHECKING:
    from ssl import SSLContext

PATIENCE = 0.5
LARGEST = 1024 * 1024
# OpenSSL keeps a session for each handshake of TLS 1.2 without tickets, up to 20,480 of them, and Python has no knob.
MOST_SESSIONS = 512

log = getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A web config that can be used, and what the files held that it was made of."""

    config: WebConfig
    contents: Mapping[Path, bytes] = field(repr=False)
    context: SSLContext | None = None

    @property
    def worn(self) -> bool:
        """Whether OpenSSL remembers so many sessions that it had better begin anew."""
        return self.context is not None and self.context.session_stats()["number"] > MOST_SESSIONS


class CertificateError(ConfigError):
    """The web config is sound, but a certificate or key that it names is not: nobody new can be let in."""

    def __init__(self, error: ConfigError, config: WebConfig) -> None:
        super().__init__(str(error))
        self.config = config


def load(path: Path, before: Loaded | None = None) -> Loaded:
    """The web config in this file: `before`, if nothing has changed. Raises ConfigError."""
    if before is not None and not before.worn and _unchanged(before.contents):
        return before
    contents = {path: _read(path, "")}
    config = parse(contents[path], path.parent)

    def read(pem: Pem) -> bytes:
        if pem.path is None:
            return pem.text.encode()
        if pem.path not in contents:
            contents[pem.path] = _read(pem.path, f"{pem.where}: ")
        return contents[pem.path]

    if config.tls is None:
        return Loaded(config=config, contents=contents)
    from uplink_exporter.web.secure.context import context  # OpenSSL comes with it

    try:
        return Loaded(config=config, context=context(config.tls, read), contents=contents)
    except ConfigError as error:
        raise CertificateError(error, config) from error


def _unchanged(contents: Mapping[Path, bytes]) -> bool:
    try:
        return all(content(path, LARGEST + 1) == held for path, held in contents.items())
    except OSError:
        return False  # what is wrong, and with which key, is told by who reads it anew


def _read(path: Path, where: str) -> bytes:
    try:
        data = content(path, LARGEST + 1)
    except OSError as error:
        raise ConfigError(f"{where}cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"{where}cannot read {str(path)!r}: no path can hold that") from error
    if len(data) > LARGEST:
        raise ConfigError(f"{where}{path} is larger than any such file ({LARGEST} bytes)")
    return data


@dataclass(slots=True, kw_only=True)
class Keeper:
    """Keeps what was loaded up to date, and says when that cannot be used."""

    path: Path
    loaded: Loaded
    error: str = ""
    despite: WebConfig | None = None
    looking: asyncio.Task[None] | None = None
    since: float = 0.0

    async def current(self) -> Loaded:
        """The web config as it is now. Raises ConfigError if it cannot be used."""
        now = asyncio.get_running_loop().time()
        if self.looking is None:
            self.looking, self.since = asyncio.create_task(self._look()), now
        patience = self.since + PATIENCE - now
        if patience > 0:
            await asyncio.wait([self.looking], timeout=patience)
        if self.error:
            raise ConfigError(self.error)
        return self.loaded

    async def for_a_request(self) -> WebConfig:
        """The web config for a request, which needs no certificate any more. Raises ConfigError."""
        try:
            return (await self.current()).config
        except ConfigError:
            if self.despite is None:
                raise
            return self.despite

    async def for_a_connection(self) -> Loaded:
        """The web config for a new connection. Raises ConfigError, where it should be encrypted and cannot be."""
        try:
            return await self.current()
        except ConfigError:
            if self.loaded.context is not None:
                raise
            return self.loaded  # each of its requests will be refused

    async def _look(self) -> None:
        try:
            self._keep(await in_thread(load, self.path, self.loaded))
        except ConfigError as error:
            self.despite = error.config if isinstance(error, CertificateError) else None
            self._tell(str(error))
        except RuntimeError:
            log.debug("no thread can be had: what was read last counts, as where the disk stalls")
        except Exception:  # a fault of ours must not let anybody in, nor end the server
            self.despite = None
            log.exception("the web config could not be looked at")
            self._tell("the exporter's log says why")
        finally:
            self.looking = None

    def _keep(self, loaded: Loaded) -> None:
        if self.loaded.context is not None and loaded.context is None:
            what = "tls_server_config is gone; put it back, or restart the exporter to serve without encryption"
            raise ConfigError(f"line 1: {what}")
        if self.loaded.config.users and not loaded.contents[self.path].strip():
            # As an editor leaves it for a moment, and a full disk for good.
            raise ConfigError("line 1: the file is empty; put it there anew, or write {} to let everybody in")
        if self.error or loaded.contents != self.loaded.contents:
            log.info("the web config was read anew", extra={"file": str(self.path)})
        self.loaded, self.error = loaded, ""

    def _tell(self, error: str) -> None:
        if error != self.error:
            log.error(
                "the web config cannot be used: until it can, nobody new is let in",
                extra={"file": str(self.path), "error": error},
            )
        self.error = error
