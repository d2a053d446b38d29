"""A stand-in for kube-apiserver: real sockets and TLS, and the watch protocol as the real one was seen to speak it.

What it copies was observed with Kubernetes 1.20 and 1.36: version 0 is answered from the watch cache, which does not
heed `limit`; a watch from a version that is gone is an ERROR event in a stream of status 200; one from a version that
is yet to come is silence; a bookmark is a Pod with nothing but its version; a watch ends after `timeoutSeconds`.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import subprocess
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

Json = dict[str, Any]
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]

SERVER_NAME = "kubernetes.default.svc"
SLICE = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes"


@dataclass(frozen=True)
class Pki:
    """A CA, and the key pair of one server."""

    ca: Path
    certificate: Path
    key: Path


def make_pki(directory: Path, name: str = SERVER_NAME) -> Pki:
    """A CA and a server's certificate for one DNS name and no address, made by openssl."""
    pki = Pki(ca=directory / "ca.crt", certificate=directory / "server.crt", key=directory / "server.key")
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc", "-days", "2"]
    _openssl("req", "-x509", *key, "-subj", "/CN=kubernetes", "-keyout", directory / "ca.key", "-out", pki.ca)
    signed: list[str | Path] = ["-CA", pki.ca, "-CAkey", directory / "ca.key", "-addext", f"subjectAltName=DNS:{name}"]
    leaf = ["-addext", "basicConstraints=critical,CA:FALSE", "-subj", "/CN=kube-apiserver"]
    _openssl("req", "-x509", *key, *signed, *leaf, "-keyout", pki.key, "-out", pki.certificate)
    return pki


def _openssl(*args: str | Path) -> None:
    subprocess.run(["openssl", *args], check=True, capture_output=True)


@dataclass
class ApiServer:
    """What it holds, whom it lets in, and how it misbehaves; all of it may be changed while it runs."""

    token: str = "first-token"
    pods: dict[str, Json] = field(default_factory=dict)
    objects: dict[str, Json] = field(default_factory=dict)
    """What else can be got, by path."""
    forbidden: set[str] = field(default_factory=set)
    """`verb resource`, as `watch pods`."""
    instead: dict[str, Answer] = field(default_factory=dict)
    """Answers other than its own, by verb."""
    cached: bool = True
    bookmarks: float = 60.0
    version: int = 100
    oldest: int = 0
    requests: list[str] = field(default_factory=list)
    """`verb resource query` of each request that was let in."""
    _events: list[tuple[int, bytes]] = field(default_factory=list)
    _streams: list[asyncio.Queue[bytes]] = field(default_factory=list)

    @asynccontextmanager
    async def serving(self, pki: Pki, host: str = "127.0.0.1", port: int = 0) -> AsyncGenerator[str, None]:
        """Listen, and tell the URL."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pki.certificate, pki.key)
        app = web.Application()
        app.router.add_get("/{path:.*}", self._answer)
        runner = web.AppRunner(app, shutdown_timeout=0.1, handle_signals=False)
        await runner.setup()
        try:
            site = web.TCPSite(runner, host, port, ssl_context=context)
            await site.start()
            yield f"https://{host}:{runner.addresses[0][1]}"
        finally:
            # One whose route is gone would never answer a goodbye.
            for connection in runner.server.connections if runner.server else ():
                if connection.transport:
                    connection.transport.abort()
            await runner.cleanup()

    def asked(self, verb: str) -> list[str]:
        """The requests of that verb."""
        return [request for request in self.requests if request.startswith(f"{verb} ")]

    def tells_endpoints(self, *urls: str) -> None:
        """Hold the EndpointSlice of the service `kubernetes`."""
        hosts = [url.removeprefix("https://").rpartition(":") for url in urls]
        self.objects[SLICE] = {
            "kind": "EndpointSlice",
            "addressType": "IPv4",
            "endpoints": [{"addresses": [host], "conditions": {"ready": True}} for host, _, _ in hosts],
            "ports": [{"name": "https", "protocol": "TCP", "port": int(hosts[0][2])}],
        }

    def put(self, pod: Json) -> None:
        """Make or change a pod, and tell all who watch."""
        uid = pod["metadata"]["uid"]
        self._happened("MODIFIED" if uid in self.pods else "ADDED", pod)
        self.pods[uid] = pod

    def delete(self, uid: str) -> None:
        """Delete a pod, and tell all who watch."""
        self._happened("DELETED", self.pods.pop(uid))

    def forget(self) -> None:
        """Compact the history: whoever comes with an old version has to list."""
        self.version += 1
        self.oldest = self.version

    def send(self, data: bytes) -> None:
        """Send something to all who watch."""
        for stream in self._streams:
            stream.put_nowait(data)

    @property
    def watchers(self) -> int:
        """How many watch now."""
        return len(self._streams)

    def _happened(self, kind: str, pod: Json) -> None:
        self.version += 1
        pod["metadata"]["resourceVersion"] = str(self.version)
        line = event(kind, pod)
        self._events.append((self.version, line))
        self.send(line)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        resource = "pods" if request.path == "/api/v1/pods" else request.path.split("/")[-2]
        verb = "get" if resource != "pods" else "watch" if "watch" in request.query else "list"
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return refuse(401, "Unauthorized")
        self.requests.append(f"{verb} {resource} {request.query_string}")
        if f"{verb} {resource}" in self.forbidden:
            return refuse(403, f'{resource} is forbidden: User "exporter" cannot {verb} resource "{resource}"')
        own = {"get": self._get, "list": self.list_pods, "watch": self._watch}
        return await self.instead.get(verb, own[verb])(request)

    async def _get(self, request: web.Request) -> web.StreamResponse:
        found = self.objects.get(request.path)
        return web.json_response(found) if found else refuse(404, "not found")

    async def list_pods(self, request: web.Request) -> web.StreamResponse:
        """Its own answer to a list."""
        node = selected_node(request)
        if node is None:
            return refuse(400, "field label not supported")
        found = [pod for pod in self.pods.values() if pod["spec"].get("nodeName") == node]
        start, limit = (int(request.query.get(key, "0")) for key in ("continue", "limit"))
        whole = not limit or (self.cached and request.query.get("resourceVersion") == "0")
        end = len(found) if whole else start + limit
        metadata = {"resourceVersion": str(self.version)}
        if end < len(found):
            metadata["continue"] = str(end)
        return await stream(request, pod_list(metadata, iter(found[start:end])))

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        since = int(request.query["resourceVersion"])
        response = await opened(request)
        if since < self.oldest:
            await response.write(event("ERROR", status(410, "too old resource version")))
            return response
        queue: asyncio.Queue[bytes] = asyncio.Queue()
        for version, line in self._events if since <= self.version else ():
            if version > since:
                queue.put_nowait(line)
        self._streams.append(queue)
        try:
            async with asyncio.timeout(float(request.query["timeoutSeconds"])):
                await self._follow(queue, response)
        except TimeoutError:
            await response.write_eof()
        finally:
            self._streams.remove(queue)
        return response

    async def _follow(self, queue: asyncio.Queue[bytes], response: web.StreamResponse) -> None:
        while True:
            try:
                async with asyncio.timeout(self.bookmarks):
                    line = await queue.get()
            except TimeoutError:
                line = bookmark(self.version)
            await response.write(line)


def selected_node(request: web.Request) -> str | None:
    """The node of the field selector, None if it is another one."""
    field_name, _, node = request.query.get("fieldSelector", "").partition("=")
    return node if field_name == "spec.nodeName" else None


def event(kind: str, thing: Json) -> bytes:
    """A watch event, as it stands on the wire."""
    return json.dumps({"type": kind, "object": thing}, separators=(",", ":")).encode() + b"\n"


def bookmark(version: int) -> bytes:
    """A BOOKMARK event."""
    metadata = {"resourceVersion": str(version), "creationTimestamp": None}
    empty = {"metadata": metadata, "spec": {"containers": None}, "status": {}}
    return event("BOOKMARK", {"kind": "Pod", "apiVersion": "v1", **empty})


def status(code: int, message: str) -> Json:
    """The object that every refusal is."""
    reason = {401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 410: "Expired"}.get(code, "")
    head = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
    return {**head, "message": message, "reason": reason, "code": code}


def refuse(code: int, message: str) -> web.Response:
    """An answer that is no success."""
    return web.json_response(status(code, message), status=code)


def pod_list(metadata: Json, pods: Iterator[Json]) -> Iterator[bytes]:
    """A PodList on the wire, in pieces; the items last, as Go's encoder has them."""
    head = {"kind": "PodList", "apiVersion": "v1", "metadata": metadata}
    yield json.dumps(head, separators=(",", ":")).encode()[:-1] + b',"items":['
    for number, pod in enumerate(pods):
        yield (b"," if number else b"") + json.dumps(pod, separators=(",", ":")).encode()
    yield b"]}\n"


async def opened(request: web.Request) -> web.StreamResponse:
    """A chunked answer of which only the head is sent yet."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    response.enable_chunked_encoding()
    await response.prepare(request)
    return response


async def stream(request: web.Request, pieces: Iterator[bytes] | AsyncIterator[bytes]) -> web.StreamResponse:
    """A chunked answer, written as its pieces come."""
    response = await opened(request)
    if isinstance(pieces, AsyncIterator):
        async for piece in pieces:
            await response.write(piece)
    else:
        for piece in pieces:
            await response.write(piece)
    return response
