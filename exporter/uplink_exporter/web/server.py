"""The HTTP side: from sockets to the site's answers and back, through the gate, and past the guard if there is one."""

from __future__ import annotations

import asyncio
import math
import socket
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from logging import CRITICAL, Logger, getLogger
from typing import TYPE_CHECKING, Any

from uplink_exporter.lean import bare_package
from uplink_exporter.web.connections import LIMIT, Gate
from uplink_exporter.web.guest import Guest
from uplink_exporter.web.listen import BACKLOG, connections
from uplink_exporter.web.site import Answer, Request, Site, text

with bare_package("aiohttp", __version__=""):
    from aiohttp.web_request import BaseRequest
    from aiohttp.web_response import StreamResponse
    from aiohttp.web_server import Server

if TYPE_CHECKING:
    from uplink_exporter.web.secure import Guard

GRACE = 0.25
# asyncio accepts as many in one turn, before the gate sees any of them.
AT_ONCE = 16
PIECE = 16 * 1024

log = getLogger(__name__)


@dataclass(slots=True)
class Complaints:
    """What asyncio complains of. That there is no descriptor it says for each connection: once a minute will do."""

    told: float = -math.inf

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """asyncio's handler of exceptions."""
        if "out of system resource" not in context.get("message", ""):
            loop.default_exception_handler(context)
        elif loop.time() - self.told >= 60:
            self.told = loop.time()
            log.error("connections wait: no file descriptor is left for them", extra={"error": context["exception"]})


@asynccontextmanager
async def serving(site: Site, sockets: Collection[socket.socket], guard: Guard | None = None) -> AsyncIterator[Gate]:
    """Serve on the sockets until the context ends; the gate knows who is connected."""

    async def answer(request: BaseRequest) -> StreamResponse:
        guest = gate.of(request.transport)
        if guest is None:
            raise ConnectionResetError("the client has left")
        guest.begin()
        try:
            return await _send(request, guest, await _answer(site, guard, request))
        finally:
            guest.end()

    # aiohttp logs a traceback for each request that is none: anybody could fill the log.
    server = Server(
        answer, access_log=None, lingering_time=0.0, handler_cancellation=True, logger=Logger("aiohttp", CRITICAL)
    )
    # Besides those who are in, some of each socket are on their way in or out.
    limit = max(connections() - 2 * AT_ONCE * len(sockets), 1)
    gate = Gate(server, secure=guard.handler if guard else None, limit=min(limit, LIMIT))
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(Complaints())
    listeners = [await loop.create_server(gate, sock=sock, backlog=AT_ONCE) for sock in sockets]
    for sock in sockets:
        sock.listen(BACKLOG)  # create_server() listens anew, with as short a queue as it accepts at once
    try:
        yield gate
    finally:
        for listener in listeners:
            listener.close()
        await gate.close(GRACE)
        await server.shutdown(GRACE)


async def _answer(site: Site, guard: Guard | None, request: BaseRequest) -> Answer:
    asked = Request(method=request.method, path=request.path, headers=request.headers, open=guard is None)
    try:
        if guard is None:
            return site.answer(asked)
        ruling = await guard.rule(request.headers.get("Authorization", ""), request.transport)
        if ruling.refusal is not None:
            return ruling.refusal
        answer = site.answer(replace(asked, open=ruling.open))
        return replace(answer, headers={**ruling.headers, **answer.headers})
    except Exception:  # a fault of ours in one answer must not end the others
        log.exception("request failed", extra={"path": request.path[:200]})
        return text(500, "this could not be made; the exporter's log says why")


async def _send(request: BaseRequest, guest: Guest, answer: Answer) -> StreamResponse:
    """Send it in pieces, each once the client has taken those before: however slow, it holds no copy of its own."""
    response = StreamResponse(status=answer.status, headers={"Server": "uplink-exporter", **answer.headers})
    response.content_length = len(answer.body)
    if answer.headers.get("Connection") == "close":
        response.force_close()
    await response.prepare(request)
    if request.method != "HEAD":
        guest.take(answer.body)
        body = memoryview(answer.body)
        for start in range(0, len(body), PIECE):
            await guest.room.wait()
            await response.write(body[start : start + PIECE])
    await response.write_eof()
    return response
