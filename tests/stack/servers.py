"""The monitoring host of the LAN: a real Prometheus, a real Alertmanager, and the webhook that it notifies."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

from tests.alerts.tools import Tools, alertmanager_command
from tests.kernel.namespace import Namespace
from tests.stack.configuration import ALERTMANAGER, PROMETHEUS, WEBHOOK, for_alertmanager, for_prometheus
from tests.stack.web import fetch, serving

PATIENCE = 60.0
Json = Mapping[str, Any]


class BrokenReplayError(Exception):
    """The replay cannot go on, for a reason that the reader can do something about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """What Alertmanager sent to one of its receivers."""

    receiver: str
    status: str
    alerts: tuple[Json, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Servers:
    """The monitoring host of the LAN."""

    lan: Namespace
    notifications: Sequence[Notification]

    def ask(self, path: str) -> Any:
        """What Prometheus answers to the path and query of a URL."""
        return fetch(self.lan, f"http://127.0.0.1:{PROMETHEUS}{path}")["data"]

    def knows(self, query: str) -> bool:
        """Whether there is anything now that a query finds."""
        return bool(self.ask(f"/api/v1/query?{urlencode({'query': query})}")["result"])

    def alerts(self) -> Sequence[Json]:
        """The alerts that are pending or fire in Prometheus."""
        found: Sequence[Json] = self.ask("/api/v1/alerts")["alerts"]
        return found

    def managed(self) -> Sequence[Json]:
        """The alerts that Alertmanager knows, and by which others they are muted."""
        found: Sequence[Json] = fetch(self.lan, f"http://127.0.0.1:{ALERTMANAGER}/api/v2/alerts")
        return found

    def version(self) -> str:
        """Of both."""
        prometheus = self.ask("/api/v1/status/buildinfo")["version"]
        alertmanager = fetch(self.lan, f"http://127.0.0.1:{ALERTMANAGER}/api/v2/status")["versionInfo"]["version"]
        # A program that was built from source without more may not know its version.
        return f"Prometheus {prometheus or 'of today'} and Alertmanager {alertmanager or 'of today'}"


@contextmanager
def serving_alerts(lan: Namespace, directory: Path, tools: Tools) -> Iterator[Servers]:
    """Both servers and the webhook, from when they are ready on."""
    if tools.prometheus is None or tools.alertmanager is None:
        raise BrokenReplayError("there is no prometheus or no alertmanager; to get them: tests/setup")
    notifications: list[Notification] = []

    def note(path: str, body: bytes) -> object:
        sent = json.loads(body)
        notifications.append(
            Notification(receiver=sent["receiver"], status=sent["status"], alerts=tuple(sent["alerts"]))
        )
        return {}

    prometheus = (str(tools.prometheus), *for_prometheus(directory))
    alertmanager = (*map(str, alertmanager_command(tools.alertmanager)), *for_alertmanager(directory))
    with ExitStack() as stack:
        stack.enter_context(serving(lan, ("127.0.0.1", WEBHOOK), note))
        for command, port in ((prometheus, PROMETHEUS), (alertmanager, ALERTMANAGER)):
            stack.enter_context(running(lan, command, port, directory))
        yield Servers(lan=lan, notifications=notifications)


@contextmanager
def running(lan: Namespace, command: Sequence[str], port: int, directory: Path) -> Iterator[None]:
    """A server in the LAN, from when it is ready on. It outlives neither this process nor a Ctrl-C in its terminal."""
    inside = ("setpriv", "--pdeathsig=KILL", "ip", "netns", "exec", lan.name, *command)
    said = directory / f"{port}.log"
    with said.open("wb") as log:
        process = subprocess.Popen(inside, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    try:
        deadline = time.monotonic() + PATIENCE
        while not lan.call(ready, port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise BrokenReplayError(f"{command[0]} does not get ready:\n{said.read_text()[-2000:]}")
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        finally:
            process.kill()


def ready(port: int) -> bool:
    """Whether the server says so. Raises OSError for what only a broken namespace can be."""
    try:
        with urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=5) as response:
            return bool(response.status == 200)
    except (URLError, TimeoutError):
        return False
