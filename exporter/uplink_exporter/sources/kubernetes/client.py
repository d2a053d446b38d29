"""One API server, asked over HTTP: the only file that knows the kubernetes client and the aiohttp under it.

Of the client only the configuration, the kubeconfig loader and the REST layer are loaded. Its models, and the blocking
client that its packages pull in, cost 20 MiB on each node even if nothing of them is used, and its watch resumes from
the very version that has just expired.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from copy import copy
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol
from urllib.parse import urlencode

from uplink_exporter import __version__
from uplink_exporter.facts import Reason, SourceError
from uplink_exporter.lean import bare_package
from uplink_exporter.sources.kubernetes.failures import ApiError, judged, redirected, refusal
from uplink_exporter.sources.kubernetes.json_stream import LONGEST_OBJECT, loads
from uplink_exporter.sources.kubernetes.terms import Resource, Timing, Way
from uplink_exporter.threads import in_thread

if TYPE_CHECKING:
    from aiohttp import ClientResponse, ClientTimeout, TraceConfig, TraceRequestRedirectParams
    from kubernetes.aio.client.configuration import Configuration

_READ_AHEAD = 64 * 1024
# A dead connection is noticed after 20 s.
_KEEP_ALIVE = ((socket.TCP_KEEPIDLE, 10), (socket.TCP_KEEPINTVL, 5), (socket.TCP_KEEPCNT, 2))
_PACKAGES = ("kubernetes", "kubernetes.aio", "kubernetes.aio.client", "kubernetes.aio.config", "kubernetes.aio.utils")


class Answer(Protocol):
    """What is used of the client's RESTResponse."""

    response: ClientResponse


class Rest(Protocol):
    """What is used of the client's RESTClientObject, whose methods have no types of their own."""

    async def request(
        self, method: str, url: str, headers: dict[str, str], *, _request_timeout: ClientTimeout
    ) -> Answer:
        """Send a request; the body of the answer is still to be read."""
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """An API server by one way, and what it takes to be let in."""

    way: Way
    rest: Rest
    headers: Mapping[str, str]
    timing: Timing


def configuration() -> Configuration:
    """The client's configuration, as one that watches for ever on a small node wants it."""
    with _lean():
        from kubernetes.aio.client.configuration import Configuration
    made = Configuration()
    # No proxy of the environment: it would lie beyond the uplink. No decompression: it has no bound.
    made.client_session_kwargs = {"read_bufsize": _READ_AHEAD, "trust_env": False, "auto_decompress": False}
    made.trace_configs = [_no_redirects()]
    # From Python 3.13 on OpenSSL would refuse the CAs of many clusters for lacking a key identifier; Go never does.
    made.disable_strict_ssl_verification = True
    return made


def _no_redirects() -> TraceConfig:
    """Ends a request where aiohttp would follow a redirect: to another host, in clear, to a cloud's metadata."""
    from aiohttp import TraceConfig

    async def refuse(session: object, context: object, redirect: TraceRequestRedirectParams) -> None:
        redirect.response.close()
        raise redirected(redirect.response.status)

    tracing = TraceConfig()
    tracing.on_request_redirect.append(refuse)
    return tracing


def kubeconfig_loader(
    configuration: Configuration, opened: Callable[[Path], IO[str]]
) -> Callable[[Path], Awaitable[None]]:
    """What fills in what a kubeconfig's current context says. That certificates be verified is not its to say.

    It reads files, and may start a program that gives a token: it is to be awaited in a thread with a loop of its own.
    """

    def open_it(path: str, mode: str = "r") -> IO[Any]:
        # Files of its own making it writes.
        return opened(Path(path)) if mode == "r" else Path(path).open(mode)

    with _lean():
        stand_in = sys.modules["kubernetes.aio.client"]
        if not hasattr(stand_in, "ApiClient"):
            vars(stand_in).update(Configuration=type(configuration), ApiClient=None)
        from kubernetes.aio.config import kube_config
    vars(kube_config)["open"] = open_it  # it opens whatever the kubeconfig names, and reads that to its end
    load: Callable[..., Awaitable[object]] = kube_config.load_kube_config

    async def load_it(path: Path) -> None:
        with judged():
            try:
                await load(str(path), client_configuration=configuration, persist_config=False)
            except (OSError, SourceError):
                raise
            except Exception as error:
                # The loader takes the file's shape for granted, so a wrong one can raise anything; and its messages
                # quote the file, with the secrets in it.
                said = f"{path}: not a kubeconfig that serves ({type(error).__name__})"
                raise SourceError(Reason.PARSE, said) from error
        configuration.verify_ssl = True

    return load_it


@contextmanager
def _lean() -> Iterator[None]:
    with ExitStack() as stack:
        for name in _PACKAGES:
            stack.enter_context(bare_package(name))
        yield


@asynccontextmanager
async def client(
    way: Way, configuration: Configuration, authorization: str, timing: Timing
) -> AsyncGenerator[Api, None]:
    """The means to ask one API server; nothing is sent yet."""
    with _lean():
        from kubernetes.aio.client.rest import RESTClientObject
    own = copy(configuration)
    own.tls_server_name = way.server_name or None
    with judged():
        rest: Rest = await in_thread(RESTClientObject, own)  # it reads certificates
    try:
        yield Api(way=way, rest=rest, headers=_headers(authorization), timing=timing)
    finally:
        await rest.close()


def _headers(authorization: str) -> dict[str, str]:
    agent = f"uplink-exporter/{__version__}"
    headers = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": agent}
    return headers | ({"Authorization": authorization} if authorization else {})


@asynccontextmanager
async def request(
    api: Api, resource: Resource, query: Mapping[str, str], *, within: float | None = None
) -> AsyncGenerator[AsyncIterator[bytes], None]:
    """Ask for a resource and yield the body as it arrives: `within` seconds, or for ever and the caller keeps time."""
    from aiohttp import ClientTimeout

    timing = api.timing
    limits = ClientTimeout(total=within, connect=timing.connect, sock_read=timing.answer if within else None)
    url = f"{api.way.url}{resource.path}?{urlencode(query)}"
    with judged():
        async with asyncio.timeout(timing.connect + timing.answer):
            response = await _answer(api, resource, url, limits)
        try:
            yield response.content.iter_chunked(_READ_AHEAD)
        finally:
            response.close()


async def _answer(api: Api, resource: Resource, url: str, limits: ClientTimeout) -> ClientResponse:
    response = (await api.rest.request("GET", url, dict(api.headers), _request_timeout=limits)).response
    _keep_alive(response)
    if response.status == HTTPStatus.OK:
        return response
    try:
        said, retry_after = await response.content.read(_READ_AHEAD), response.headers.get("Retry-After", "")
        raise refusal(response.status, resource, _status(said), retry_after)
    finally:
        response.close()


def _keep_alive(response: ClientResponse) -> None:
    """Have the kernel ask a silent peer: where the uplink took our address with it, nobody can tell us of the end."""
    transport = response.connection.transport if response.connection else None
    connection = transport.get_extra_info("socket") if transport else None
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in _KEEP_ALIVE:
            connection.setsockopt(socket.IPPROTO_TCP, option, value)


async def get(api: Api, resource: Resource) -> object:
    """One object; None if there is none or we may not read it. Version 0 spares etcd: any cached state will do."""
    body = b""
    try:
        async with request(api, resource, {"resourceVersion": "0"}, within=api.timing.answer) as chunks:
            async for chunk in chunks:
                body += chunk
                if len(body) > LONGEST_OBJECT:
                    raise SourceError(Reason.PARSE, f"{resource.path} has more than {LONGEST_OBJECT} bytes")
    except ApiError as error:
        if error.status in (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND):
            return None
        raise
    return loads(body)


def _status(body: bytes) -> object:
    try:
        return loads(body)
    except SourceError:  # a proxy's page, not the API server's words
        return None
