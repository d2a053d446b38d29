"""A real Prometheus and a real Alertmanager with the shipped rules and the shipped example, their durations shortened.

One small HTTP server plays all else: the exporters that are scraped, and those who are notified.
"""

from __future__ import annotations

import json
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.alerts import configuration
from tests.alerts.configuration import Json, Pace
from tests.alerts.tools import alertmanager_command

PATIENCE = 60.0
ADDRESSES = {"webhook_configs": "url", "slack_configs": "api_url"}
"""The ways to tell that are looked at, and where each has its address."""
Pages = Callable[[str], str | None]
"""The metrics page of a node, None if it does not answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """What a receiver was sent, when, and by whom the configuration knows it."""

    receiver: str
    at: float
    body: Mapping[str, Any]

    @property
    def alerts(self) -> list[Mapping[str, Mapping[str, str]]]:
        """The alerts in a webhook's notification."""
        alerts: list[Mapping[str, Mapping[str, str]]] = self.body["alerts"]
        return alerts

    @property
    def text(self) -> str:
        """All of it, to look for words in."""
        return json.dumps(self.body)


@dataclass(slots=True, kw_only=True)
class Stack:
    """Both servers at work, and what was notified so far."""

    prometheus: str
    alertmanager: str
    notifications: list[Notification] = field(default_factory=list)

    def firing(self, alert: str) -> int:
        """On how many nodes Alertmanager holds the alert for active or suppressed."""
        return len(get(f"{self.alertmanager}/api/v2/alerts?filter=alertname%3D{alert}"))

    def count(self, query: str) -> int:
        """How many series Prometheus answers the query with; 0 while it starts."""
        try:
            return len(get(f"{self.prometheus}/api/v1/query?query={quote(query)}")["data"]["result"])
        except OSError:
            return 0

    def ready(self) -> bool:
        """Whether Alertmanager answers."""
        try:
            return get(f"{self.alertmanager}/api/v2/status") is not None
        except OSError:
            return False

    def post(self, alerts: Sequence[Mapping[str, str]]) -> None:
        """Tells Alertmanager of alerts of other rules, by their labels."""
        body = json.dumps([{"labels": dict(labels)} for labels in alerts]).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.alertmanager}/api/v2/alerts", body, headers)
        urllib.request.urlopen(request, timeout=PATIENCE).close()

    def to(self, receiver: str) -> list[Notification]:
        """What the receiver was sent."""
        return [notification for notification in self.notifications if notification.receiver == receiver]

    def muted(self) -> set[int]:
        """Of the alerts whose `side` is target, the clusters of those that another mutes."""
        alerts = get(f"{self.alertmanager}/api/v2/alerts?filter=side%3Dtarget")
        return {int(alert["labels"]["cluster"]) for alert in alerts if alert["status"]["inhibitedBy"]}


def wait_for(what: str, happened: Callable[[], object], patience: float = PATIENCE) -> None:
    """Looks until it has happened."""
    deadline = time.monotonic() + patience
    while not happened():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.1)


def get(url: str) -> Any:
    """The JSON at that address."""
    with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
        return json.load(answer)


@contextmanager
def stack(
    prometheus: Path, alertmanager: Path, directory: Path, nodes: Sequence[str], pages: Pages, pace: Pace
) -> Iterator[Stack]:
    """Both servers, watching the nodes."""
    with ExitStack() as exits:
        notifications: list[Notification] = []
        port = exits.enter_context(world(pages, notifications))
        first, second = (configuration.Server(directory=directory, port=free_port()) for _ in range(2))
        servers: tuple[tuple[str, tuple[str | Path, ...]], ...] = (
            (
                "alertmanager",
                (*alertmanager_command(alertmanager), *configuration.alertmanager(second, telling(port), pace)),
            ),
            (
                "prometheus",
                (prometheus, *configuration.prometheus(first, scraping(nodes, port), second.port, pace)),
            ),
        )
        for name, command in servers:
            exits.enter_context(process(directory, name, command))
        addresses = [f"http://127.0.0.1:{server.port}" for server in (first, second)]
        yield Stack(prometheus=addresses[0], alertmanager=addresses[1], notifications=notifications)


@contextmanager
def alertmanager_alone(program: Path, directory: Path) -> Iterator[Stack]:
    """An Alertmanager with the shipped example that waits for so long that it tells nobody."""
    server = configuration.Server(directory=directory, port=free_port())
    flags = configuration.alertmanager(server, telling(free_port()), Pace(factor=1000.0))
    with process(directory, "alertmanager", (*alertmanager_command(program), *flags)):
        alone = Stack(prometheus="", alertmanager=f"http://127.0.0.1:{server.port}")
        wait_for("Alertmanager", alone.ready)
        yield alone


def scraping(nodes: Sequence[str], port: int) -> Json:
    """Each node is a path of the one server, under its own name; its page may tell of others as well."""
    return {
        "honor_labels": True,
        "static_configs": [
            {
                "targets": [f"127.0.0.1:{port}"],
                "labels": {"__metrics_path__": f"/nodes/{node}", "node": node, "instance": f"{node}:10077"},
            }
            for node in nodes
        ],
    }


def telling(port: int) -> Callable[[Json], Json]:
    """How receivers are altered: what goes to a webhook or to Slack goes to the one server, and nobody gets mail."""

    def altered(receiver: Json) -> Json:
        url = f"http://127.0.0.1:{port}/notify/{receiver['name']}"
        ways = {key: value for key, value in receiver.items() if key in ADDRESSES}
        return {"name": receiver["name"]} | {
            key: [{**way, ADDRESSES[key]: url} for way in value] for key, value in ways.items()
        }

    return altered


def free_port() -> int:
    """A port that nobody has now."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


@contextmanager
def process(directory: Path, name: str, command: Sequence[str | Path]) -> Iterator[None]:
    """A server, and its end; what it logs is kept beside its files."""
    with (directory / f"{name}.log").open("w") as log:
        running = subprocess.Popen(command, cwd=directory, stdout=log, stderr=subprocess.STDOUT)
        try:
            yield
        finally:
            running.terminate()
            running.wait(PATIENCE)


@contextmanager
def world(pages: Pages, notifications: list[Notification]) -> Iterator[int]:
    """The HTTP server that plays the exporters and those who are notified; its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = pages(self.path.removeprefix("/nodes/"))
            if page is not None:
                self.answer(page.encode())

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            receiver = self.path.removeprefix("/notify/")
            notifications.append(Notification(receiver=receiver, at=time.monotonic(), body=body))
            self.answer(b"ok")

        def answer(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
