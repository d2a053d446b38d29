"""What an exporter that was installed on a node answers there."""

from __future__ import annotations

import time
from http.client import HTTPConnection

from tests.kernel.namespace import Namespace

PORT = 10077
PATIENCE = 20.0


def get(node: Namespace, path: str) -> tuple[int, str]:
    """An answer's status and body; the status is 0 while nobody answers."""
    return node.call(_get, path)


def waits_for(node: Namespace, *samples: str) -> str:
    """The first metrics page with these lines."""
    deadline = time.monotonic() + PATIENCE
    while True:
        page = get(node, "/metrics")[1]
        missing = set(samples) - set(page.splitlines())
        if not missing:
            return page
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {PATIENCE:g} s: {missing}\n{page}")
        time.sleep(0.005)


def _get(path: str) -> tuple[int, str]:
    connection = HTTPConnection("127.0.0.1", PORT, timeout=PATIENCE)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except ConnectionError:
        return 0, ""
    finally:
        connection.close()
