"""A browser that was led to us under another's name is turned away; nobody else ever notices."""

from __future__ import annotations

import pytest

from tests.builders import HOST, NETWORK, node
from tests.shell.http import served
from uplink_exporter.web.rebinding import misled

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.mark.parametrize(
    ("host", "turned_away"),
    [
        ("192.168.6.11:10077", False),
        ("192.168.6.11", False),
        ("[2001:db8::11]:10077", False),
        ("[fe80::1]", False),
        ("localhost:10077", False),
        ("pi-master1:10077", False),
        ("PI-Master1.home.example:10077", False),
        ("pi-master1.", False),
        ("gateway:10077", False),
        ("uplink.lan", False),
        ("uplink-exporter.monitoring.svc:10077", False),
        ("node.cluster.local", False),
        ("", False),
        ("evil.example:10077", True),
        ("pi-master1-evil.example", True),
        ("evil.example.", True),
        ("192.168.6.11.evil.example", True),
        ("evil.example/192.168.6.11", True),
    ],
)
def test_only_a_foreign_name_is_turned_away(host: str, turned_away: bool) -> None:
    assert misled({"User-Agent": BROWSER, "Host": host}, "pi-master1") is turned_away
    assert not misled({"User-Agent": "Prometheus/3.16.0", "Host": host}, "pi-master1")


async def test_it_is_told_how_to_ask() -> None:
    async with served(node(NETWORK, HOST)) as server, server.client() as client:
        client.send(f"GET / HTTP/1.1\r\nHost: evil.example\r\nUser-Agent: {BROWSER}\r\n\r\n")
        answer = await client.answer()
        assert (answer.status, answer.text) == (421, "this is pi-master1; ask it by its address or by this name\n")
        client.send(f"GET /metrics HTTP/1.1\r\nHost: evil.example\r\nUser-Agent: {BROWSER}\r\n\r\n")
        assert (await client.answer()).status == 421
        client.send("GET /metrics HTTP/1.1\r\nHost: node7.example.com\r\nUser-Agent: Prometheus/2.42.0\r\n\r\n")
        assert (await client.answer()).status == 200
