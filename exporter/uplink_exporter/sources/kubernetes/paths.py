"""The ways to the API server, and the credentials to be let in with.

Without a default route the kernel refuses the service's virtual address (ENETUNREACH) before kube-proxy's rules see
the packet, even where the API server runs on this very node (kubernetes/kubernetes#123120). Its real address may well
be on-link. So the service is tried first, then the endpoints behind it, learned while all is well, then what is
configured; and each time anew, so that the first is returned to. Whatever the address, the server proves itself by
the name that the certificate of every cluster carries.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from io import StringIO
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from uplink_exporter.facts import Reason, SourceError
from uplink_exporter.files import read
from uplink_exporter.flannel.observed import ApiPath
from uplink_exporter.sources.kubernetes.access import Access
from uplink_exporter.sources.kubernetes.client import Api, client, configuration, get, kubeconfig_loader
from uplink_exporter.sources.kubernetes.failures import ApiError
from uplink_exporter.sources.kubernetes.terms import Resource, Timing, Way
from uplink_exporter.threads import in_thread

if TYPE_CHECKING:
    from kubernetes.aio.client.configuration import Configuration

SERVER_NAME = "kubernetes.default.svc"
MOST_ENDPOINTS = 8
LONGEST_FILE = 1024 * 1024
"""Bytes of a token, a kubeconfig, a bundle of CAs: etcd takes no larger object either."""


@dataclass(slots=True, kw_only=True)
class Memory:
    """What outlives a failure of the source: the endpoints last learned, and when the API was last turned to.

    `asked` are the seconds for which the servers asked then to be left alone; `reading` is what may stall.
    """

    endpoints: tuple[str, ...] = ()
    turned: float = float("-inf")
    asked: float = 0.0
    reading: asyncio.Task[Credentials] | None = None

    async def pace(self, seconds: float) -> None:
        """Wait until `seconds` have passed since the last time, so that no failure makes a hot loop."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(max(0.0, self.turned + max(seconds, self.asked) - loop.time()))
        self.turned, self.asked = loop.time(), 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What proves us and the server to each other, and the way that comes with it."""

    configuration: Configuration
    authorization: str
    home: Way | None


@asynccontextmanager
async def connected(access: Access, memory: Memory, timing: Timing) -> AsyncGenerator[tuple[Api, bool], None]:
    """An API server that answers, by the first way that leads to one; and whether that was the first way of all."""
    credentials = await _credentials(access, memory, timing)
    failures: list[tuple[Way, SourceError]] = []
    for way in ways(credentials.home, memory.endpoints, access.api_servers):
        async with client(way, credentials.configuration, credentials.authorization, timing) as api:
            try:
                memory.endpoints = await _endpoints(api) or memory.endpoints
            except SourceError as error:
                if error.reason is Reason.PERMISSION:
                    raise
                failures.append((way, error))
                continue
            try:
                yield api, not failures
            except ApiError as error:
                memory.asked = error.retry_after
                raise
            return
    if not failures:
        raise SourceError(Reason.IO, "no API server to ask: KUBERNETES_SERVICE_HOST is not set, and none is configured")
    memory.asked = max(error.retry_after if isinstance(error, ApiError) else 0.0 for _, error in failures)
    tried = "; ".join(f"{way.path} {way.url}: {error}" for way, error in failures)
    raise SourceError(failures[0][1].reason, f"no API server answers: {tried}")


def ways(home: Way | None, endpoints: tuple[str, ...], configured: tuple[str, ...]) -> tuple[Way, ...]:
    """All ways in the order in which they are tried, each address once."""
    found = [] if home is None else [home]
    found += [_way(ApiPath.ENDPOINT, url) for url in endpoints]
    found += [_way(ApiPath.CONFIGURED, url) for url in configured]
    first = {way.url: way for way in reversed(found)}
    return tuple(way for way in found if first[way.url] is way)


def _way(path: ApiPath, url: str) -> Way:
    numeric = _is_ip(urlsplit(url).hostname or "")
    return Way(path=path, url=url, server_name=SERVER_NAME if numeric else "")


async def _credentials(access: Access, memory: Memory, timing: Timing) -> Credentials:
    """Read anew on each visit: tokens, CAs and kubeconfigs are replaced under us. What stalls is not begun twice."""
    if memory.reading is None:
        memory.reading = asyncio.create_task(_looked_up(access))
    await asyncio.wait([memory.reading], timeout=timing.answer)
    if not memory.reading.done():
        said = "not read yet; the disk stalls, or a program that the kubeconfig names gives no answer"
        raise SourceError(Reason.TIMEOUT, f"{access.kubeconfig or access.service_account}: {said}")
    found, memory.reading = memory.reading, None
    return found.result()


async def _looked_up(access: Access) -> Credentials:
    settings = configuration()
    if access.kubeconfig is None:
        return await in_thread(_service_account, access, settings)
    load = kubeconfig_loader(settings, lambda path: StringIO(_content(path).decode()))
    return await in_thread(asyncio.run, _kubeconfig(access.kubeconfig, settings, load))


def _service_account(access: Access, settings: Configuration) -> Credentials:
    token = _read(access.service_account / "token").strip()
    if not token or not token.isascii() or not token.isprintable():
        raise SourceError(Reason.PARSE, f"{access.service_account / 'token'}: not a token")
    settings.ca_cert_data = _read(access.service_account / "ca.crt")
    return Credentials(configuration=settings, authorization=f"Bearer {token}", home=_service(access.environ))


async def _kubeconfig(path: Path, settings: Configuration, load: Callable[[Path], Awaitable[None]]) -> Credentials:
    _read(path)  # the loader only logs what it cannot read
    await load(path)
    try:
        url = parse_api_server(settings.host)
    except ValueError as error:
        raise SourceError(Reason.PARSE, f"{path}: {error}") from error
    for file in (settings.ssl_ca_cert, settings.cert_file, settings.key_file):
        if file:
            _read(Path(file))  # OpenSSL reads whatever it is given, to its end
    home = Way(path=ApiPath.CONFIGURED, url=url, server_name=settings.tls_server_name or "")
    authorization = await settings.get_api_key_with_prefix("BearerToken") or ""
    return Credentials(configuration=settings, authorization=authorization, home=home)


def _read(path: Path) -> str:
    return _content(path).decode("ascii", errors="replace")


def _content(path: Path) -> bytes:
    try:
        content = read(path, LONGEST_FILE + 1)
    except PermissionError as error:
        raise SourceError(Reason.PERMISSION, f"{path}: {error.strerror}") from error
    except OSError as error:
        raise SourceError(Reason.IO, f"{path}: {error.strerror}") from error
    if len(content) > LONGEST_FILE:
        raise SourceError(Reason.PARSE, f"{path}: more than {LONGEST_FILE} bytes")
    return content


def remembered(urls: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the URLs that can have been learned here: what an earlier run left may be anybody's."""
    return tuple(url for url in urls if _learned(url))[:MOST_ENDPOINTS]


def _learned(url: str) -> bool:
    try:
        split = urlsplit(url)
        host, port = split.hostname or "", split.port
    except ValueError:
        return False
    return port is not None and _is_ip(host) and url == _url(host, port)


def _service(environ: Mapping[str, str]) -> Way | None:
    host, port = environ.get("KUBERNETES_SERVICE_HOST", ""), environ.get("KUBERNETES_SERVICE_PORT", "443")
    return _way(ApiPath.SERVICE, _url(host, port)) if host else None


def parse_api_server(text: str) -> str:
    """The URL of an API server given as `HOST`, `HOST:PORT` or `https://HOST:PORT/PREFIX`. Raises ValueError."""
    url = urlsplit(text if "://" in text else f"https://{text}")
    if url.scheme != "https" or not url.hostname or url.username or url.query or url.fragment:
        raise ValueError(f"{text!r} is no address of an API server: https://HOST:PORT is one")
    return _url(url.hostname, url.port or 443) + url.path.rstrip("/")


async def _endpoints(api: Api) -> tuple[str, ...]:
    """The API servers that this one knows of; none if it does not tell. v1beta1 is Kubernetes 1.20's."""
    for version in ("v1", "v1beta1"):
        path = f"/apis/discovery.k8s.io/{version}/namespaces/default/endpointslices/kubernetes"
        found = await get(api, Resource(path=path, name="endpointslices.discovery.k8s.io", verb="get"))
        if found is not None:
            return parse_endpoints(found)
    return ()


def parse_endpoints(found: object) -> tuple[str, ...]:
    """The URLs in the EndpointSlice of the service `kubernetes`; none if it holds none."""
    endpoint_slice = found if isinstance(found, dict) else {}
    ports = [port.get("port") for port in _objects(endpoint_slice.get("ports"))]
    port = next((port for port in ports if type(port) is int and 0 < port < 65536), 443)
    entries = _objects(endpoint_slice.get("endpoints"))
    addresses = [address for entry in entries for address in _array(entry.get("addresses"))]
    urls = [_url(address, port) for address in addresses if isinstance(address, str) and _is_ip(address)]
    return tuple(dict.fromkeys(urls))[:MOST_ENDPOINTS]


def _objects(value: object) -> list[dict[str, object]]:
    return [item for item in _array(value) if isinstance(item, dict)]


def _array(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _is_ip(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return "%" not in text


def _url(host: str, port: int | str) -> str:
    return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
