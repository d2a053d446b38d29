"""The HTTP side: `/metrics`, `/-/healthy`, `/-/ready` and the status page. Every answer is made from the snapshot."""

from __future__ import annotations

import asyncio
import gzip
import socket
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from logging import CRITICAL, Logger, getLogger

from uplink_exporter.facts import Network
from uplink_exporter.families import Scene
from uplink_exporter.lean import bare_package
from uplink_exporter.web.connections import Gate
from uplink_exporter.web.landing import landing
from uplink_exporter.web.listen import BACKLOG
from uplink_exporter.web.page import Page

with bare_package("aiohttp", __version__=""):
    from aiohttp.web_request import BaseRequest
    from aiohttp.web_response import Response
    from aiohttp.web_server import Server

GRACE = 1.0
# Level 1 takes a third of the time of level 6, for a page that is a tenth larger.
COMPRESSION = 1
# The status page is made of what devices and objects are named, which anybody may choose.
SAFE = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}

log = getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What is served where."""

    telemetry_path: str
    scene: Callable[[], Scene]
    page: Page = field(default_factory=Page)

    def answer(self, request: BaseRequest) -> Response:
        """The answer to a request. Waits for nothing."""
        if request.method not in ("GET", "HEAD"):
            return Response(status=405, text="only GET and HEAD\n", headers={"Allow": "GET, HEAD"})
        if request.path == self.telemetry_path:
            return self._metrics(request)
        if request.path == "/":
            text = landing(self.scene(), self.telemetry_path)
            return Response(text=text, content_type="text/html", headers=SAFE)
        if request.path == "/-/healthy":
            return Response(text="uplink-exporter is healthy.\n")
        if request.path == "/-/ready":
            return self._ready()
        return Response(status=404, text=f"nothing here; the metrics are at {self.telemetry_path}\n")

    def _metrics(self, request: BaseRequest) -> Response:
        body, content_type = self.page.render(self.scene(), request.headers.get("Accept", ""))
        headers = {"Content-Type": content_type, "Vary": "Accept, Accept-Encoding"}
        if accepts_gzip(request.headers.get("Accept-Encoding", "")):
            headers["Content-Encoding"] = "gzip"
            body = gzip.compress(body, COMPRESSION, mtime=0)
        return Response(body=body, headers=headers)

    def _ready(self) -> Response:
        looked = self.scene().state.health.get(Network.source)
        if looked is None or looked.last_fact is None:
            return Response(status=503, text="uplink-exporter has not seen the network yet.\n")
        return Response(text="uplink-exporter is ready.\n")


def accepts_gzip(header: str) -> bool:
    """Whether an Accept-Encoding header asks for gzip (RFC 9110, section 12.5.3)."""
    for coding in header.split(","):
        name, _, parameter = coding.partition(";")
        if name.strip().lower() == "gzip":
            return parameter.replace(" ", "").lower() not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


@asynccontextmanager
async def serving(site: Site, sockets: Iterable[socket.socket]) -> AsyncIterator[None]:
    """Serve on the sockets until the context ends."""

    async def answer(request: BaseRequest) -> Response:
        gate.served(request.transport)
        try:
            return site.answer(request)
        except Exception:  # a fault of ours in one answer must not end the others
            log.exception("request failed", extra={"path": request.path[:200]})
            return Response(status=500, text="this could not be made; the exporter's log says why\n")

    # aiohttp logs a traceback for each request that is none: anybody could fill the log.
    server = Server(answer, access_log=None, lingering_time=0.0, logger=Logger("aiohttp", CRITICAL))
    gate = Gate(server)
    loop = asyncio.get_running_loop()
    # create_server() listens anew, by default with a shorter queue.
    listeners = [await loop.create_server(gate, sock=sock, backlog=BACKLOG) for sock in sockets]
    try:
        yield
    finally:
        for listener in listeners:
            listener.close()
        await server.shutdown(GRACE)
