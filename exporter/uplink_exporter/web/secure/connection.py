"""One connection's TLS, between the socket and aiohttp. Bytes in, bytes out: the sockets are asyncio's.

asyncio's own TLS would hold 256 KiB for each connection, wait for a handshake where nobody counts it, and break off
a failed one without the alert that says why.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable
from contextlib import suppress
from ipaddress import ip_address
from typing import Any

from uplink_exporter.web.guest import Handler

_READ = 16 * 1024
PLAIN_HTTP = b"HTTP/1.0 400 Bad Request\r\n\r\nuplink-exporter: Client sent an HTTP request to an HTTPS server.\n"
FORBIDDEN = (
    b"HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n"
    b"uplink-exporter: none of the names in this client's certificate is among client_allowed_sans.\n"
)


class Encrypted(asyncio.Transport):
    """To the socket's side a handler, to aiohttp's handler a transport."""

    def __init__(
        self, raw: asyncio.Transport, handler: Handler, context: ssl.SSLContext, names: frozenset[str]
    ) -> None:
        super().__init__()
        self.raw = raw
        self.handler = handler
        self.names = names
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_side=True)
        self.established = False  # the handshake is over
        self.met = False  # and the handler knows of the connection
        self.closing = False
        self.held = False  # by the handler, which wants no more for now
        self.choked = False  # by the client, which takes no more for now

    # What the socket's side calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is the client who begins."""

    def connection_lost(self, exc: BaseException | None) -> None:
        """The end, of which the handler hears if it heard of the beginning."""
        self.closing = True
        if self.met:
            self.handler.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Encrypted bytes."""
        if self.closing:
            return
        self.incoming.write(data)
        if not self.established:
            self._handshake()
        if self.established:
            self._decrypt()

    def eof_received(self) -> bool | None:
        """The client sends no more."""
        return self.handler.eof_received() if self.met else None

    def pause_writing(self) -> None:
        """A client that takes nothing is not read either: what it sends may ask for answers of TLS's own."""
        self.choked = True
        self._set_reading()
        if self.met:
            self.handler.pause_writing()

    def resume_writing(self) -> None:
        """It takes again."""
        self.choked = False
        self._set_reading()
        if self.met:
            self.handler.resume_writing()

    def _handshake(self) -> None:
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
        except ssl.SSLError as error:
            if error.reason == "HTTP_REQUEST":
                self.outgoing.read()
                self.raw.write(PLAIN_HTTP)
            self._refuse()
        else:
            self._flush()
            self.established = True
            self.met = allowed(self.tls.getpeercert(), self.names)
            if self.met:
                self.handler.connection_made(self)
            if self.met and self.choked:
                self.handler.pause_writing()

    def _decrypt(self) -> None:
        try:
            while not (self.closing or self.held or self.choked):
                data = self.tls.read(_READ)
                if data and self.met:
                    self.handler.data_received(data)
                elif data:
                    self.write(FORBIDDEN)
                    self.close()
                else:
                    self._end()
        except ssl.SSLWantReadError:
            self._flush()
        except ssl.SSLError:
            self._end()

    def _flush(self) -> None:
        if self.outgoing.pending:
            self.raw.write(self.outgoing.read())

    def _refuse(self) -> None:
        # To close while the client still sends would be a reset, which may overtake the alert.
        self.closing = True
        self._flush()
        self.raw.write_eof()

    def _end(self) -> None:
        # With what is left to say, such as the alert that tells why.
        self.closing = True
        self._flush()
        self.raw.close()

    def _set_reading(self) -> None:
        if self.closing:
            return
        if self.held or self.choked:
            self.raw.pause_reading()
        elif not self.raw.is_reading():
            self.raw.resume_reading()
            # Some of it may be here already.
            asyncio.get_running_loop().call_soon(self._read_on)

    def _read_on(self) -> None:
        if self.established and not self.closing:
            self._decrypt()

    # What the handler calls: asyncio.Transport's.

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send."""
        if self.closing:
            return
        with suppress(ssl.SSLError):  # the connection is broken, and reading tells
            self.tls.write(data)
        self._flush()

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        """Send all of it."""
        self.write(b"".join(list_of_data))

    def close(self) -> None:
        """Take leave, and end once all is sent."""
        if self.closing:
            return
        with suppress(ssl.SSLError):  # it would wait for the client to take leave as well
            self.tls.unwrap()
        self._end()

    def abort(self) -> None:
        """End at once."""
        self.closing = True
        self.raw.abort()

    def is_closing(self) -> bool:
        """Whether it has ended or is about to."""
        return self.closing or self.raw.is_closing()

    def is_reading(self) -> bool:
        """Whether the handler wants more."""
        return not self.held

    def pause_reading(self) -> None:
        """The handler wants no more for now."""
        self.held = True
        self._set_reading()

    def resume_reading(self) -> None:
        """The handler wants more."""
        self.held = False
        self._set_reading()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """What is known of the connection."""
        return self.tls if name == "ssl_object" else self.raw.get_extra_info(name, default)


def allowed(certificate: Any, names: frozenset[str]) -> bool:
    """Whether a client with this certificate, as ssl tells it, may connect; one that has none may, if it got here."""
    if not names or not certificate:
        return True
    return any(_as_go_writes(kind, name) in names for kind, name in certificate.get("subjectAltName", ()))


def _as_go_writes(kind: str, name: str) -> str:
    # ssl writes 2001:DB8:0:0:0:0:0:1, which is 2001:db8::1 in the toolkit's file.
    if kind != "IP Address":
        return name
    try:
        return str(ip_address(name))
    except ValueError:  # "<invalid>": of neither 4 bytes nor 16
        return name
