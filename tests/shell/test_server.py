"""The HTTP side over a real socket: what is where, for whom, and in which form."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import HOST, NETWORK, node
from tests.shell.http import Server, request, served
from uplink_exporter.facts import NodeState
from uplink_exporter.web.page import acceptable


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    """The server of a healthy node."""
    async with served(node(NETWORK, HOST)) as running:
        yield running


async def test_metrics(server: Server) -> None:
    answer = await server.ask("/metrics")
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert 'uplink_diagnosis{verdict="healthy"} 1.0\n' in answer.text


async def test_openmetrics_if_it_is_asked_for(server: Server) -> None:
    answer = await server.ask("/metrics", Accept="application/openmetrics-text;version=1.0.0")
    assert answer.headers["content-type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert answer.text.endswith("# EOF\n")


async def test_gzip_carries_the_same_page(server: Server) -> None:
    plain = await server.ask("/metrics")
    packed = await server.ask("/metrics", Accept_Encoding="gzip")
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["vary"] == "Accept, Accept-Encoding"
    assert len(packed.body) < len(plain.body) / 4
    assert gzip.decompress(packed.body) == plain.body


async def test_head_tells_the_length_and_no_more(server: Server) -> None:
    async with server.client() as client:
        head = await client.ask("/metrics", "HEAD")
        whole = await client.ask("/metrics")
    assert head.status == 200
    assert int(head.headers["content-length"]) == len(whole.body)


@pytest.mark.parametrize("path", ["/nothing", "/metrics/", "//metrics", "/-/", "/../metrics", "/%2e%2e/etc/passwd"])
async def test_elsewhere_is_nothing_and_the_answer_says_where_the_metrics_are(server: Server, path: str) -> None:
    answer = await server.ask(path)
    assert answer.status == 404
    assert "/metrics" in answer.text


async def test_a_query_is_no_part_of_the_path(server: Server) -> None:
    assert (await server.ask("/metrics?name[]=up")).status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
async def test_only_get_and_head(server: Server, method: str) -> None:
    answer = await server.ask("/metrics", method)
    assert answer.status == 405
    assert answer.headers["allow"] == "GET, HEAD"


async def test_healthy_means_that_it_answers_whatever_the_node_is(server: Server) -> None:
    server.state = NodeState()
    assert (await server.ask("/-/healthy")).status == 200


async def test_ready_means_that_the_network_was_seen(server: Server) -> None:
    server.state = node(HOST)
    assert (await server.ask("/-/ready")).status == 503
    server.state = node(NETWORK)
    assert (await server.ask("/-/ready")).status == 200


async def test_the_status_page_is_html_that_may_load_nothing(server: Server) -> None:
    answer = await server.ask("/")
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_connection_serves_scrape_after_scrape(server: Server) -> None:
    async with server.client() as client:
        assert [(await client.ask("/metrics")).status for _ in range(5)] == [200] * 5


async def test_http_1_0_gets_one_answer_and_the_end(server: Server) -> None:
    async with server.client() as client:
        client.send("GET /-/healthy HTTP/1.0\r\n\r\n")
        assert (await client.rest()).endswith(b"uplink-exporter is healthy.\n")


async def test_requests_that_do_not_wait_for_their_answers_get_them_all(server: Server) -> None:
    async with server.client() as client:
        client.send(request("/-/healthy") * 500)
        assert [(await client.answer()).status for _ in range(500)] == [200] * 500


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param("\x16\x03\x01\x02\x00\x01\x00", id="TLS"),
        pytest.param("GET /metrics HTTP/9.9\r\n\r\n", id="a version that is none"),
        pytest.param("GET http://[ HTTP/1.1\r\nHost: node\r\n\r\n", id="an address that is none"),
        pytest.param("GET /metrics HTTP/1.1\r\nHost: node\r\nA b: c\r\n\r\n", id="a header that is none"),
        pytest.param("GET /metrics HTTP/1.1\r\nContent-Length: -1\r\n\r\n", id="a length that is none"),
        pytest.param(request("/metrics", Cookie="x" * 100_000), id="a header of 100 kB"),
        pytest.param(request("/" + "x" * 100_000), id="a path of 100 kB"),
        pytest.param("GET /metrics HTTP/1.1\r\n" + "a: b\r\n" * 50_000 + "\r\n", id="50,000 headers"),
    ],
)
async def test_what_is_no_request_is_refused_without_a_word_in_the_log(
    server: Server, raw: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with server.client() as client:
        client.send(raw)
        refused = await client.rest()
    assert refused.startswith((b"HTTP/1.1 4", b"HTTP/1.0 4"))
    assert (await server.ask("/metrics")).status == 200
    assert caplog.records == []


async def test_an_answer_that_fails_is_logged_and_takes_nothing_else_along(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    server.state = "no state"  # type: ignore[assignment]
    assert (await server.ask("/")).status == 500
    assert [record.getMessage() for record in caplog.records] == ["request failed"]
    assert (await server.ask("/-/healthy")).status == 200


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        ("gzip", True),
        ("deflate, gzip;q=1.0, *;q=0.5", True),
        ("GZIP", True),
        ("gzip; q=0.5", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000", False),
        ("identity", False),
        ("x-gzip-not", False),
        ("", False),
    ],
)
def test_gzip_only_where_it_is_accepted(header: str, accepted: bool) -> None:
    assert acceptable("gzip", header) is accepted


@given(st.text())
def test_no_accept_encoding_header_makes_it_raise(header: str) -> None:
    assert acceptable("gzip", header) in (True, False)
