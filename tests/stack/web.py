"""HTTP in a network namespace: small servers that answer with JSON, and a client."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.request import urlopen

from tests.kernel.namespace import Namespace

Answer = Callable[[str, bytes], object]
"""From the path and the body of a request to what is answered."""


@contextmanager
def serving(namespace: Namespace, address: tuple[str, int], answer: Answer) -> Iterator[None]:
    """Answer every request inside."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            said = json.dumps(answer(self.path, body)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        do_GET = do_PATCH = do_POST  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Nobody reads an access log here."""

    server = namespace.call(ThreadingHTTPServer, address, Handler)
    ended = namespace.start(server.serve_forever, 0.05)
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        ended.result()


def fetch(namespace: Namespace, url: str) -> Any:
    """The JSON that a server inside answers with."""
    return json.loads(namespace.call(_read, url))


def _read(url: str) -> bytes:
    with urlopen(url, timeout=5) as response:
        body: bytes = response.read()
        return body
