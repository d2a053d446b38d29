"""What is served where: `/metrics`, `/-/healthy`, `/-/ready`, and the status page at `/`, made from the snapshot.

An answer with a page is kept for a moment, so that all who ask in it are sent the same bytes.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from uplink_exporter.facts import Host, Network, NodeState
from uplink_exporter.families import Scene
from uplink_exporter.web.landing import landing
from uplink_exporter.web.page import Page, acceptable, negotiate
from uplink_exporter.web.rebinding import misled

MOMENT = 1.0
# Level 1 takes a third of the time of level 6, for a page that is a tenth larger.
COMPRESSION = 1
# The status page is made of what devices and objects are named, which anybody may choose.
SAFE = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What an answer depends on. `open` says that anybody may ask, without encryption and without a password."""

    method: str
    path: str
    headers: Mapping[str, str]
    open: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer before it is sent."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


def text(status: int, body: str, headers: Mapping[str, str] | None = None) -> Answer:
    """An answer of one line for people."""
    plain = {"Content-Type": "text/plain; charset=utf-8"}
    return Answer(status=status, headers={**plain, **(headers or {})}, body=f"{body}\n".encode())


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """An answer, with what it was made from and when, in seconds since boot."""

    state: NodeState | None
    made: float
    answer: Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Answers requests."""

    telemetry_path: str
    scene: Callable[[], Scene]
    page: Page = field(default_factory=Page)
    kept: dict[tuple[str, ...], Kept] = field(default_factory=dict)

    def answer(self, request: Request) -> Answer:
        """The answer to a request. Waits for nothing."""
        if request.method not in ("GET", "HEAD"):
            return text(405, "only GET and HEAD", {"Allow": "GET, HEAD"})
        if request.path == "/-/healthy":
            return text(200, "uplink-exporter is healthy.")
        scene = self.scene()
        host = scene.state.last(Host)
        if request.open and host is not None and misled(request.headers, host.name):
            return text(421, f"this is {host.name}; ask it by its address or by this name")
        if request.path == self.telemetry_path:
            return self._metrics(scene, request.headers)
        if request.path == "/":
            return self._landing(scene)
        if request.path == "/-/ready":
            return _ready(scene)
        return text(404, f"nothing here; the metrics are at {self.telemetry_path}")

    def _metrics(self, scene: Scene, headers: Mapping[str, str]) -> Answer:
        accept, packed = headers.get("Accept", ""), acceptable("gzip", headers.get("Accept-Encoding", ""))
        key = (negotiate(accept), "gzip" if packed else "")
        kept = self.kept.get(key)
        if kept is None or kept.state is not scene.state or not _fresh(kept, scene):
            kept = Kept(state=scene.state, made=scene.now.uptime, answer=self._page(scene, accept, packed))
            self.kept[key] = kept
        return kept.answer

    def _page(self, scene: Scene, accept: str, packed: bool) -> Answer:
        body, content_type = self.page.render(scene, accept)
        headers = {"Content-Type": content_type, "Vary": "Accept, Accept-Encoding"}
        if packed:
            headers["Content-Encoding"] = "gzip"
            body = gzip.compress(body, COMPRESSION, mtime=0)
        return Answer(headers=headers, body=body)

    def _landing(self, scene: Scene) -> Answer:
        # Whatever has changed since: it takes much longer to make, and who looks at it looks longer than a moment.
        kept = self.kept.get(("/",))
        if kept is None or not _fresh(kept, scene):
            body = landing(scene, self.telemetry_path).encode(errors="backslashreplace")
            kept = Kept(state=None, made=scene.now.uptime, answer=Answer(headers=SAFE, body=body))
            self.kept["/",] = kept
        return kept.answer


def _fresh(kept: Kept, scene: Scene) -> bool:
    return 0 <= scene.now.uptime - kept.made < MOMENT


def _ready(scene: Scene) -> Answer:
    looked = scene.state.health.get(Network.source)
    if looked is None or looked.last_fact is None:
        return text(503, "uplink-exporter has not seen the network yet.")
    return text(200, "uplink-exporter is ready.")
