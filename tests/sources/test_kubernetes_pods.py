"""The watch of this node's pods against a stand-in API server on a real TLS socket."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from aiohttp import web

from tests.sources import api_server
from tests.sources.api_server import ApiServer, Json, Pki, make_pki
from uplink_exporter.facts import Reason, SourceError
from uplink_exporter.files import read
from uplink_exporter.flannel.observed import ApiPath, NodePods, Selection, WaitingContainer
from uplink_exporter.sources.kubernetes import paths, pods
from uplink_exporter.sources.kubernetes.access import Access
from uplink_exporter.sources.kubernetes.failures import LONGEST_RETRY_AFTER
from uplink_exporter.sources.kubernetes.json_stream import LONGEST_OBJECT
from uplink_exporter.sources.kubernetes.paths import LONGEST_FILE, Memory
from uplink_exporter.sources.kubernetes.terms import Timing

FIXTURES = Path(__file__).parent.parent / "fixtures/api"
NODE = "pi-master1"
SUBJECT = pods.Subject(node=NODE, selection=Selection())
QUICK = Timing(connect=2, answer=2, list=5, call=1, silence=5, visit=60, pace=0.05, keepalive=0)
"""Short where a test waits for it to pass, long where it must not."""
PATIENCE = 10.0


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return make_pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture
def server() -> ApiServer:
    """An API server with the incident's pods."""
    server = ApiServer()
    for name in ("flannel", "etcd", "coredns"):
        server.put(fixture(name))
    return server


def fixture(name: str) -> Json:
    found: Json = json.loads((FIXTURES / f"{name}.json").read_text())
    return found


def service_account(directory: Path, pki: Pki, token: str = "first-token") -> Path:
    """The directory that the kubelet mounts into a pod."""
    directory.mkdir(exist_ok=True)
    (directory / "ca.crt").write_text(pki.ca.read_text())
    (directory / "token").write_text(f"{token}\n")
    return directory


def in_cluster(url: str, account: Path, *api_servers: str) -> Access:
    host, _, port = url.removeprefix("https://").rpartition(":")
    environ = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port}
    return Access(environ=environ, service_account=account, api_servers=api_servers)


@dataclass
class Watching:
    """A running watch, of which a test takes one fact after another."""

    facts: AsyncGenerator[NodePods, None]

    async def until(self, wanted: Callable[[NodePods], bool]) -> NodePods:
        """The next fact that is as wanted."""
        async with asyncio.timeout(PATIENCE):
            async for fact in self.facts:
                if wanted(fact):
                    return fact
        raise AssertionError("the watch came to an end")

    async def failure(self) -> SourceError:
        """The error that it ends with."""
        with pytest.raises(SourceError) as raised:
            await self.until(lambda fact: False)
        return raised.value


@asynccontextmanager
async def watching(
    access: Access, timing: Timing = QUICK, memory: Memory | None = None, subject: pods.Subject = SUBJECT
) -> AsyncGenerator[Watching, None]:
    async with aclosing(pods.watch(access, subject, memory or Memory(), timing)) as facts:
        yield Watching(facts)


def always(fact: NodePods) -> bool:
    return True


def restarts(fact: NodePods) -> list[int]:
    return [container.restarts.count for container in fact.flannel]


async def eventually(true: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not true():  # noqa: ASYNC110 - nothing signals what the server has come to
            await asyncio.sleep(0.01)


def restarted(pod: Json, count: int) -> Json:
    changed = deepcopy(pod)
    changed["status"]["containerStatuses"][0]["restartCount"] = count
    return changed


def unused_port(host: str = "127.0.0.1") -> int:
    with socket.socket() as sock:
        sock.bind((host, 0))
        port: int = sock.getsockname()[1]
        return port


# What is told


async def test_tells_flannel_and_the_waiting_system_pods(server: ApiServer, pki: Pki, tmp_path: Path) -> None:
    server.objects["/api/v1/namespaces/kube-system/configmaps/kube-flannel-cfg"] = fixture("configmap")
    async with server.serving(pki) as url, watching(in_cluster(url, service_account(tmp_path, pki))) as watch:
        fact = await watch.until(always)
    assert fact.path is ApiPath.SERVICE
    assert [(one.waiting, one.running, one.ready) for one in fact.flannel] == [("CrashLoopBackOff", False, False)]
    assert restarts(fact) == [1244]
    assert (fact.args, fact.version, fact.stack) == (
        ("/opt/bin/flanneld", "--ip-masq", "--kube-subnet-mgr"),
        "v0.14.0",
        "dual",
    )
    assert fact.waiting == (
        WaitingContainer(
            namespace="kube-system", pod="etcd-pi-master1", container="etcd", reason="CreateContainerError"
        ),
        WaitingContainer(
            namespace="kube-system", pod="kube-flannel-ds-jqgsm", container="kube-flannel", reason="CrashLoopBackOff"
        ),
    )


async def test_follows_restarts_deletion_and_the_pod_that_comes_after(
    server: ApiServer, pki: Pki, tmp_path: Path
) -> None:
    pod = fixture("flannel")
    async with server.serving(pki) as url, watching(in_cluster(url, service_account(tmp_path, pki))) as watch:
        await watch.until(lambda fact: restarts(fact) == [1244])
        server.put(restarted(pod, 1245))
        await watch.until(lambda fact: restarts(fact) == [1245])
        server.put(fixture("flannel-new"))
        both = await watch.until(lambda fact: restarts(fact) == [5, 1245])
        server.delete(pod["metadata"]["uid"])
        alone = await watch.until(lambda fact: restarts(fact) == [5])
    assert both.version == alone.version == "v0.28.9"
    assert alone.flannel[0].running
    assert alone.flannel[0].ready
    assert len(server.asked("list")) == 1


async def test_pods_of_other_nodes_and_of_users_do_not_show(server: ApiServer, pki: Pki, tmp_path: Path) -> None:
    elsewhere, users = fixture("etcd"), fixture("etcd")
    elsewhere["metadata"] |= {"uid": "elsewhere", "name": "etcd-elsewhere"}
    elsewhere["spec"]["nodeName"] = "zcloud"
    users["metadata"] |= {"uid": "users", "namespace": "shop", "annotations": {}}
    users["spec"]["priorityClassName"] = ""
    server.put(elsewhere)
    server.put(users)
    async with server.serving(pki) as url, watching(in_cluster(url, service_account(tmp_path, pki))) as watch:
        fact = await watch.until(always)
    assert [one.pod for one in fact.waiting] == ["etcd-pi-master1", "kube-flannel-ds-jqgsm"]


async def test_a_quiet_stream_lives_by_its_bookmarks(server: ApiServer, pki: Pki, tmp_path: Path) -> None:
    server.bookmarks = 0.05
    timing = replace(QUICK, call=60, silence=2)
    async with server.serving(pki) as url, watching(in_cluster(url, service_account(tmp_path, pki)), timing) as watch:
        facts = [await watch.until(always) for _ in range(5)]
    assert len(set(map(str, facts))) == 1
    assert len(server.asked("watch")) == 1


async def test_an_unchanged_fact_is_held_back_until_it_is_due(server: ApiServer, pki: Pki, tmp_path: Path) -> None:
    server.bookmarks = 0.01
    timing = replace(QUICK, call=60, keepalive=3600)
    async with server.serving(pki) as url, watching(in_cluster(url, service_account(tmp_path, pki)), timing) as watch:
        await watch.until(always)
        changed = asyncio.create_task(watch.until(always))
        await eventually(lambda: server.watchers)
        server.put(restarted(fixture("flannel"), 1245))
        assert restarts(await changed) == [1245]


# Resuming


async def test_resumes_after_the_last_bookmark(server: ApiServer, pki: Pki, tmp_path: Path) -> None:
    async with server.serving(pki) as url, watching(in_cluster(url, service_account(tmp_path, pki))) as watch:
        following = asyncio.create_task(watch.until(lambda fact: restarts(fact) == [1245]))
        await eventually(lambda: server.watchers)
        server.version = 5000
        server.send(api_server.bookmark(5000))
        await eventually(lambda: len(server.asked("watch")) == 2)
        server.put(restarted(fixture("flannel"), 1245))
        await following
    assert "resourceVersion=5000" in server.asked("watch")[1]
    assert len(server.asked("list")) == 1


async def test_a_version_that_expires_in_the_stream_is_listed_afresh(
    server: ApiServer, pki: Pki, tmp_path: Path
) -> None:
    async with server.serving(pki) as url, watching(in_cluster(url, service_account(tmp_path, pki))) as watch:
        following = asyncio.create_task(watch.until(lambda fact: restarts(fact) == []))
        await eventually(lambda: server.watchers)
        server.pods.clear()
        server.forget()
        server.send(api_server.event("ERROR", api_server.status(410, "too old resource version: 103 (104)")))
        await following
    assert "resourceVersion=0" in server.asked("list")[0]
    assert "resourceVersion" not in server.asked("list")[1]


async def test_a_version_that_expired_between_two_calls_is_listed_afresh(
    server: ApiServer, pki: Pki, tmp_path: Path
) -> None:
    async with server.serving(pki) as url, watching(in_cluster(url, service_account(tmp_path, pki))) as watch:
        following = asyncio.create_task(watch.until(lambda fact: restarts(fact) == []))
        await eventually(lambda: server.watchers)
        server.pods.clear()
        server.forget()
        await following
    assert len(server.asked("list")) == 2


async def test_status_410_is_listed_afresh_too(server: ApiServer, pki: Pki, tmp_path: Path) -> None:
    async def gone(request: web.Request) -> web.StreamResponse:
        del server.instead["watch"]
        return api_server.refuse(410, "too old resource version")

    server.instead["watch"] = gone
    async with server.serving(pki) as url, watching(in_cluster(url, service_account(tmp_path, pki))) as watch:
        following = asyncio.create_task(watch.until(lambda fact: restarts(fact) == [1245]))
        await eventually(lambda: server.watchers)
        server.put(restarted(fixture("flannel"), 1245))
        await following
    assert len(server.asked("list")) == 2


async def test_a_server_without_a_cache_gives_pages(server: ApiServer, pki: Pki, tmp_path: Path) -> None:
    server.cached = False
    for number in range(2 * pods.PAGE):
        pod = fixture("coredns")
        pod["metadata"] |= {"uid": f"uid-{number}", "name": f"coredns-{number}"}
        server.put(pod)
    last = fixture("flannel-new")
    server.put(last)
    async with server.serving(pki) as url, watching(in_cluster(url, service_account(tmp_path, pki))) as watch:
        fact = await watch.until(always)
    assert restarts(fact) == [5, 1244]
    assert len(server.asked("list")) == 3


async def test_a_server_that_ends_every_call_at_once_makes_no_hot_loop(
    server: ApiServer, pki: Pki, tmp_path: Path
) -> None:
    async def ended(request: web.Request) -> web.StreamResponse:
        return await api_server.stream(request, iter([]))

    server.instead["watch"] = ended
    timing = replace(QUICK, pace=0.2)
    async with server.serving(pki) as url, watching(in_cluster(url, service_account(tmp_path, pki)), timing) as watch:
        loop = asyncio.get_running_loop()
        started = loop.time()
        while len(server.asked("watch")) < 6:
            await watch.until(always)
        # Six calls have five pauses between them.
        assert loop.time() - started >= 5 * timing.pace


async def test_nor_does_a_source_that_is_started_again_and_again(server: ApiServer, pki: Pki, tmp_path: Path) -> None:
    server.instead["watch"] = garbled(b"no event\n")
    memory, timing = Memory(), replace(QUICK, pace=0.2)
    async with server.serving(pki) as url:
        access = in_cluster(url, service_account(tmp_path, pki))
        loop = asyncio.get_running_loop()
        started = loop.time()
        for _ in range(4):
            async with watching(access, timing, memory) as watch:
                await watch.failure()
        assert loop.time() - started >= 3 * timing.pace


# What a server can do to us


def garbled(*pieces: bytes) -> api_server.Answer:
    async def answer(request: web.Request) -> web.StreamResponse:
        return await api_server.stream(request, iter(pieces))

    return answer


async def silent(request: web.Request) -> web.StreamResponse:
    """Open a stream and say nothing more, nor ever end it."""
    response = await api_server.opened(request)
    await asyncio.sleep(3600)
    return response


async def dumb(request: web.Request) -> web.StreamResponse:
    """Take the request, and give no answer."""
    await asyncio.sleep(3600)
    raise AssertionError


async def wordless(request: web.Request) -> web.StreamResponse:
    """Refuse, and never send the reason that was announced."""
    response = web.StreamResponse(status=500, headers={"Content-Length": "100"})
    await response.prepare(request)
    await asyncio.sleep(3600)
    return response


async def dripping(request: web.Request) -> web.StreamResponse:
    """Send byte by byte of an event that never ends."""
    response = await api_server.opened(request)
    while True:
        await response.write(b" ")
        await asyncio.sleep(0.01)


async def endless_line(request: web.Request) -> web.StreamResponse:
    response = await api_server.opened(request)
    for _ in range(LONGEST_OBJECT // 65536 + 2):
        await response.write(b"x" * 65536)
    await asyncio.sleep(3600)
    return response


async def torn(request: web.Request) -> web.StreamResponse:
    response = await api_server.opened(request)
    await response.write(b'{"type":"MODI')
    assert request.transport is not None
    request.transport.abort()
    return response


async def endless_pages(request: web.Request) -> web.StreamResponse:
    return await api_server.stream(request, api_server.pod_list({"resourceVersion": "7", "continue": "7"}, iter([])))


def crowd(count: int) -> list[Json]:
    """So many system pods, all of which wait."""
    pods = []
    for number in range(count):
        pod = fixture("etcd")
        pod["metadata"] |= {"uid": f"uid-{number}", "name": f"etcd-{number}"}
        pods.append(pod)
    return pods


MODIFIED = api_server.event("MODIFIED", {"metadata": {"resourceVersion": "7"}})
LIST_START = b'{"metadata":{"resourceVersion":"7"},"items":['
MISBEHAVIOUR: dict[str, tuple[str, api_server.Answer, Reason]] = {
    "a watch falls silent": ("watch", silent, Reason.TIMEOUT),
    "a watch is never answered": ("watch", dumb, Reason.TIMEOUT),
    "a watch is refused without a word": ("watch", wordless, Reason.TIMEOUT),
    "a watch drips bytes but no event": ("watch", dripping, Reason.TIMEOUT),
    "a watch sends no JSON": ("watch", garbled(b"<html>\n"), Reason.PARSE),
    "a watch sends JSON that is no event": ("watch", garbled(b"[]\n"), Reason.PARSE),
    "a watch sends an event of no known kind": ("watch", garbled(b'{"type":"X","object":{}}\n'), Reason.PARSE),
    "a watch sends a pod without a name": ("watch", garbled(MODIFIED), Reason.PARSE),
    "a watch sends no UTF-8": ("watch", garbled(b'{"type":"\xff\n'), Reason.PARSE),
    "a watch sends JSON too deep": ("watch", garbled(b"[" * 100_000 + b"\n"), Reason.PARSE),
    "a watch sends a line without end": ("watch", endless_line, Reason.PARSE),
    "a watch ends within an event": ("watch", garbled(b'{"type":"MODIFIED"'), Reason.CLOSED),
    "a watch is torn": ("watch", torn, Reason.CLOSED),
    "a watch has an ERROR other than 410": (
        "watch",
        garbled(api_server.event("ERROR", api_server.status(500, "etcd is gone"))),
        Reason.IO,
    ),
    "a list is never answered": ("list", dumb, Reason.TIMEOUT),
    "a list falls silent": ("list", silent, Reason.TIMEOUT),
    "a list is no object": ("list", garbled(b"[]"), Reason.PARSE),
    "a list is a page of HTML": ("list", garbled(b"<html>"), Reason.PARSE),
    "a list is empty": ("list", garbled(b""), Reason.PARSE),
    "a list has no version": ("list", garbled(b'{"items":[]}'), Reason.PARSE),
    "a list breaks off": ("list", garbled(LIST_START), Reason.PARSE),
    "a list has commas for pods": ("list", garbled(LIST_START, b",,,]}"), Reason.PARSE),
    "a list has numbers for pods": ("list", garbled(LIST_START, b"1,2]}"), Reason.PARSE),
    "a list nests too deep": ("list", garbled(LIST_START, b"[" * 100_000), Reason.PARSE),
    "a list has a pod without end": ("list", garbled(LIST_START, b'"' + b"x" * LONGEST_OBJECT), Reason.PARSE),
    "a list has a pod of too many values": ("list", garbled(LIST_START, b"[" + b"{}," * 60_000), Reason.PARSE),
    "a list has no UTF-8": ("list", garbled(LIST_START, b"\xff"), Reason.PARSE),
    "a list has pages without end": ("list", endless_pages, Reason.OVERFLOW),
    "a list has a thousand waiting pods": (
        "list",
        lambda request: api_server.stream(
            request, api_server.pod_list({"resourceVersion": "7"}, iter(crowd(pods.MOST_KEPT + 1)))
        ),
        Reason.OVERFLOW,
    ),
    "the server is overloaded": ("list", lambda request: refused(429), Reason.IO),
    "a list is not modified": ("list", lambda request: refused(304), Reason.IO),
    "the server's etcd is gone": ("list", lambda request: refused(500), Reason.IO),
}


async def refused(code: int) -> web.StreamResponse:
    return api_server.refuse(code, "not now")


@pytest.mark.parametrize(("verb", "answer", "reason"), MISBEHAVIOUR.values(), ids=MISBEHAVIOUR)
async def test_misbehaviour_ends_the_source_for_a_reason(
    server: ApiServer, pki: Pki, tmp_path: Path, verb: str, answer: api_server.Answer, reason: Reason
) -> None:
    server.instead[verb] = answer
    timing = replace(QUICK, answer=0.5, connect=0.5, silence=0.5, pace=0)
    async with server.serving(pki) as url, watching(in_cluster(url, service_account(tmp_path, pki)), timing) as watch:
        assert (await watch.failure()).reason is reason


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("verb", ["get", "list", "watch"])
async def test_a_redirect_is_an_error_and_is_not_followed(
    server: ApiServer, pki: Pki, tmp_path: Path, verb: str, code: int
) -> None:
    elsewhere = ApiServer()

    async def redirect(request: web.Request) -> web.StreamResponse:
        return web.Response(status=code, headers={"Location": f"{other}{request.path_qs}"})

    server.instead[verb] = redirect
    account = service_account(tmp_path, pki)
    async with (
        elsewhere.serving(pki) as other,
        server.serving(pki) as url,
        watching(in_cluster(url, account)) as watch,
    ):
        failure = await watch.failure()
    assert failure.reason is Reason.IO
    assert f"{code}: a redirect" in str(failure)
    assert elsewhere.requests == []


@pytest.mark.parametrize("verb", ["get", "list", "watch"])
@pytest.mark.parametrize("code", [429, 503])
async def test_a_server_that_asks_for_patience_is_left_alone_for_so_long(
    server: ApiServer, pki: Pki, tmp_path: Path, verb: str, code: int
) -> None:
    async def busy(request: web.Request) -> web.StreamResponse:
        answer = api_server.refuse(code, "not now")
        answer.headers["Retry-After"] = "3600"
        return answer

    server.instead[verb] = busy
    memory = Memory()
    async with server.serving(pki) as url:
        async with watching(in_cluster(url, service_account(tmp_path, pki)), memory=memory) as watch:
            await watch.failure()
        assert memory.asked == LONGEST_RETRY_AFTER
        before = len(server.requests)
        async with watching(in_cluster(url, service_account(tmp_path, pki)), memory=memory) as watch:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(10 * QUICK.pace):
                    await watch.facts.asend(None)
        assert len(server.requests) == before
        memory.asked = 0.0
        server.instead.clear()
        async with watching(in_cluster(url, service_account(tmp_path, pki)), memory=memory) as watch:
            assert (await watch.until(always)).flannel
        assert memory.asked == 0.0


async def test_a_server_that_does_not_end_a_call_is_left(server: ApiServer, pki: Pki, tmp_path: Path) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = await api_server.opened(request)
        while True:
            await response.write(api_server.bookmark(200))
            await asyncio.sleep(0.01)

    server.instead["watch"] = endless
    timing = replace(QUICK, call=0.1, answer=0.1)
    async with server.serving(pki) as url, watching(in_cluster(url, service_account(tmp_path, pki)), timing) as watch:
        await watch.until(lambda fact: len(server.asked("watch")) > 1)


async def test_ten_thousand_pods_in_one_list_take_no_memory(pki: Pki, tmp_path: Path) -> None:
    """The peak of a process of its own, over what it had after a list of three pods."""
    server = ApiServer()
    for name in ("flannel", "etcd", "coredns"):
        server.put(fixture(name))
    users = fixture("coredns")
    users["metadata"]["annotations"] = {"padding": "x" * 4000}

    async def crowded(request: web.Request) -> web.StreamResponse:
        if len(server.asked("list")) == 1:
            return await server.list_pods(request)
        pods = ({**users, "metadata": {**users["metadata"], "uid": f"uid-{number}"}} for number in range(10_000))
        return await api_server.stream(request, api_server.pod_list({"resourceVersion": "900"}, pods))

    server.instead["list"] = crowded
    server.instead["watch"] = garbled(api_server.event("ERROR", api_server.status(410, "too old")))
    async with server.serving(pki) as url:
        account = service_account(tmp_path, pki)
        script = Path(__file__).with_name("watch_memory.py")
        process = await asyncio.create_subprocess_exec(
            sys.executable, script, url, account, env={"PYTHONPATH": ":".join(sys.path)}, stdout=subprocess.PIPE
        )
        async with asyncio.timeout(60):
            out, _ = await process.communicate()
    assert process.returncode == 0
    found = json.loads(out)
    assert found["flannel"] == 0
    assert found["growth"] <= 16.0


# Ways


async def test_takes_the_learned_endpoint_and_returns_to_the_service(
    server: ApiServer, pki: Pki, tmp_path: Path
) -> None:
    """Both are addresses that the certificate does not name: it names kubernetes.default.svc alone."""
    access = in_cluster(f"https://127.0.0.1:{(port := unused_port())}", service_account(tmp_path, pki))
    memory, timing = Memory(), replace(QUICK, visit=0)
    async with server.serving(pki, "127.0.0.2") as endpoint:
        server.tells_endpoints(endpoint)
        async with server.serving(pki, port=port), watching(access, timing, memory) as watch:
            assert (await watch.until(always)).path is ApiPath.SERVICE
            assert memory.endpoints == (endpoint,)
        async with watching(access, timing, memory) as watch:
            assert (await watch.until(always)).path is ApiPath.ENDPOINT
            async with server.serving(pki, port=port):
                await watch.until(lambda fact: fact.path is ApiPath.SERVICE)
    # Behind all addresses is one etcd, whose versions hold everywhere: only each start lists.
    assert len(server.asked("list")) == 2


async def test_takes_a_configured_address_last(server: ApiServer, pki: Pki, tmp_path: Path) -> None:
    service, endpoint = (f"https://127.0.0.1:{unused_port()}" for _ in range(2))
    async with server.serving(pki) as url:
        access = in_cluster(service, service_account(tmp_path, pki), url)
        async with watching(access, memory=Memory(endpoints=(endpoint,))) as watch:
            assert (await watch.until(always)).path is ApiPath.CONFIGURED


async def test_a_way_that_swallows_packets_or_answers_with_an_error_is_passed_by(
    server: ApiServer, pki: Pki, tmp_path: Path
) -> None:
    ill = ApiServer(instead={"get": lambda request: refused(503)})
    mute = ApiServer(instead={"get": dumb})
    timing = replace(QUICK, connect=0.2, answer=0.2)
    async with server.serving(pki) as url, ill.serving(pki) as first, mute.serving(pki) as second:
        access = in_cluster(first, service_account(tmp_path, pki), url)
        async with watching(access, timing, Memory(endpoints=(second,))) as watch:
            assert (await watch.until(always)).path is ApiPath.CONFIGURED


async def test_no_way_leads_there(pki: Pki, tmp_path: Path) -> None:
    service, configured = (f"https://127.0.0.1:{unused_port()}" for _ in range(2))
    async with watching(in_cluster(service, service_account(tmp_path, pki), configured)) as watch:
        failure = await watch.failure()
    assert failure.reason is Reason.IO
    for part in ("service", service, "configured", configured, "refused"):
        assert part in str(failure)


async def test_a_server_of_another_ca_is_refused(server: ApiServer, pki: Pki, tmp_path: Path) -> None:
    other = make_pki(tmp_path)
    async with server.serving(other) as url, watching(in_cluster(url, service_account(tmp_path / "sa", pki))) as watch:
        failure = await watch.failure()
    assert failure.reason is Reason.IO
    assert "certificate" in str(failure)
    assert server.requests == []


async def test_a_server_of_another_name_is_refused(server: ApiServer, tmp_path: Path) -> None:
    """Signed by the cluster's CA, as a kubelet's certificate is."""
    other = make_pki(tmp_path, name="pi-worker1")
    async with server.serving(other) as url, watching(in_cluster(url, service_account(tmp_path, other))) as watch:
        failure = await watch.failure()
    assert "certificate" in str(failure)
    assert server.requests == []


# Credentials


async def test_tokens_are_read_again(server: ApiServer, pki: Pki, tmp_path: Path) -> None:
    account = service_account(tmp_path, pki)
    async with server.serving(pki) as url, watching(in_cluster(url, account), replace(QUICK, visit=0)) as watch:
        following = asyncio.create_task(watch.until(lambda fact: len(server.asked("watch")) == 2))
        await eventually(lambda: server.watchers)
        server.token = "second-token"
        service_account(tmp_path, pki, "second-token")
        await following
    assert len(server.asked("list")) == 1


async def test_cas_are_read_again(server: ApiServer, pki: Pki, tmp_path: Path) -> None:
    other = make_pki(tmp_path)
    account, timing = service_account(tmp_path / "sa", pki), replace(QUICK, visit=0)
    async with AsyncExitStack() as first:
        url = await first.enter_async_context(server.serving(pki))
        async with watching(in_cluster(url, account), timing) as watch:
            await watch.until(always)
            following = asyncio.create_task(watch.until(lambda fact: restarts(fact) == [1245]))
            await eventually(lambda: server.watchers)
            port = int(url.rpartition(":")[2])
            service_account(account, other)
            await first.aclose()
            async with server.serving(other, port=port):
                with pytest.raises(SourceError):
                    await following
                async with watching(in_cluster(url, account), timing) as again:
                    await again.until(always)


@pytest.mark.parametrize("forbidden", ["list pods", "watch pods"])
async def test_a_lack_of_rights_names_the_right(server: ApiServer, pki: Pki, tmp_path: Path, forbidden: str) -> None:
    server.forbidden = {forbidden}
    async with server.serving(pki) as url, watching(in_cluster(url, service_account(tmp_path, pki))) as watch:
        failure = await watch.failure()
    verb, resource = forbidden.split()
    assert failure.reason is Reason.PERMISSION
    assert f"grant the verb {verb} on {resource}" in str(failure)


async def test_a_refused_token_is_said_to_be_one(server: ApiServer, pki: Pki, tmp_path: Path) -> None:
    account = service_account(tmp_path, pki, token="another")
    async with server.serving(pki) as url, watching(in_cluster(url, account)) as watch:
        failure = await watch.failure()
    assert failure.reason is Reason.PERMISSION
    assert "401" in str(failure)
    assert "token" in str(failure)


async def test_does_without_what_it_may_not_read(server: ApiServer, pki: Pki, tmp_path: Path) -> None:
    server.forbidden = {"get endpointslices", "get configmaps"}
    async with server.serving(pki) as url, watching(in_cluster(url, service_account(tmp_path, pki))) as watch:
        fact = await watch.until(always)
    assert (restarts(fact), fact.stack) == ([1244], "")


@pytest.mark.parametrize("missing", ["token", "ca.crt"])
async def test_missing_credentials_are_named(pki: Pki, tmp_path: Path, missing: str) -> None:
    account = service_account(tmp_path, pki)
    (account / missing).unlink()
    async with watching(in_cluster("https://127.0.0.1:1", account)) as watch:
        failure = await watch.failure()
    assert failure.reason is Reason.IO
    assert missing in str(failure)


@pytest.mark.parametrize("content", ["", "two\nlines", "näh", "\x00"])
async def test_a_token_that_is_none_is_not_sent(pki: Pki, tmp_path: Path, content: str) -> None:
    account = service_account(tmp_path, pki, token=content)
    async with watching(in_cluster("https://127.0.0.1:1", account)) as watch:
        assert (await watch.failure()).reason is Reason.PARSE


def kubeconfig(path: Path, url: str, pki: Pki, **cluster: object) -> Path:
    found = {
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": url, "certificate-authority": str(pki.ca), **cluster}}],
        "users": [{"name": "u", "user": {"token": "first-token"}}],
    }
    path.write_text(json.dumps(found))
    return path


async def test_out_of_a_cluster_by_kubeconfig(server: ApiServer, pki: Pki, tmp_path: Path) -> None:
    named = {"tls-server-name": api_server.SERVER_NAME}
    async with server.serving(pki) as url:
        access = Access(environ={}, kubeconfig=kubeconfig(tmp_path / "config", url, pki, **named))
        async with watching(access) as watch:
            fact = await watch.until(always)
    assert (fact.path, restarts(fact)) == (ApiPath.CONFIGURED, [1244])


async def test_a_kubeconfig_cannot_switch_verification_off(server: ApiServer, pki: Pki, tmp_path: Path) -> None:
    loose = {"insecure-skip-tls-verify": True}
    async with server.serving(pki) as url:
        access = Access(environ={}, kubeconfig=kubeconfig(tmp_path / "config", url, pki, **loose))
        async with watching(access) as watch:
            assert "certificate" in str(await watch.failure())
    assert server.requests == []


# The token stands one level too high, and the loader's message quotes what it found there.
LEAKY = json.dumps(
    {
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1"}}],
        "users": [{"name": "u", "token": "secret"}],
    }
)


@pytest.mark.parametrize(
    "content", ["", "[]", "{", "1", "current-context: x", "contexts: {}\ncurrent-context: [x]", LEAKY]
)
async def test_a_kubeconfig_of_the_wrong_shape(tmp_path: Path, content: str) -> None:
    path = tmp_path / "config"
    path.write_text(content)
    async with watching(Access(environ={}, kubeconfig=path)) as watch:
        failure = await watch.failure()
    assert failure.reason is Reason.PARSE
    assert str(path) in str(failure)
    assert "secret" not in str(failure)


@pytest.mark.parametrize("of", ["token", "ca.crt", "kubeconfig"])
@pytest.mark.parametrize(
    ("make", "reason", "says"),
    [
        pytest.param(os.mkfifo, Reason.IO, "not a regular file", id="a FIFO"),
        pytest.param(lambda path: path.symlink_to("/dev/zero"), Reason.IO, "not a regular file", id="no end"),
        pytest.param(lambda path: path.write_bytes(bytes(LONGEST_FILE + 1)), Reason.PARSE, "more than", id="too long"),
    ],
)
async def test_credentials_are_files_of_a_size(
    pki: Pki, tmp_path: Path, of: str, make: Callable[[Path], object], reason: Reason, says: str
) -> None:
    account = service_account(tmp_path, pki)
    (account / of).unlink(missing_ok=True)
    make(account / of)
    access = in_cluster("https://127.0.0.1:1", account)
    access = replace(access, kubeconfig=account / of) if of == "kubeconfig" else access
    async with watching(access) as watch:
        failure = await watch.failure()
    assert failure.reason is reason
    assert str(failure).startswith(f"{account / of}: {says}")


async def test_a_kubeconfig_s_certificates_are_of_a_size_too(pki: Pki, tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_bytes(bytes(LONGEST_FILE + 1))
    config = kubeconfig(tmp_path / "config", "https://127.0.0.1:1", replace(pki, ca=tmp_path / "ca.crt"))
    async with watching(Access(environ={}, kubeconfig=config)) as watch:
        failure = await watch.failure()
    assert str(failure) == f"{tmp_path / 'ca.crt'}: more than {LONGEST_FILE} bytes"


def kubeconfig_of(user: dict[str, object], path: Path, pki: Pki) -> Path:
    """A kubeconfig in which this is said of the user."""
    found = json.loads(kubeconfig(path, "https://127.0.0.1:1", pki).read_text())
    path.write_text(json.dumps({**found, "users": [{"name": "u", "user": user}]}))
    return path


@pytest.mark.parametrize(
    ("make", "says"),
    [
        pytest.param(os.mkfifo, "not a regular file", id="a FIFO"),
        pytest.param(lambda path: path.symlink_to("/dev/zero"), "not a regular file", id="no end"),
        pytest.param(lambda path: path.write_bytes(bytes(LONGEST_FILE + 1)), "more than", id="too long"),
    ],
)
async def test_a_kubeconfig_s_token_is_a_file_of_a_size_too(
    pki: Pki, tmp_path: Path, make: Callable[[Path], object], says: str
) -> None:
    make(tmp_path / "token")
    config = kubeconfig_of({"tokenFile": str(tmp_path / "token")}, tmp_path / "config", pki)
    async with asyncio.timeout(PATIENCE), watching(Access(environ={}, kubeconfig=config)) as watch:
        assert str(await watch.failure()).startswith(f"{tmp_path / 'token'}: {says}")


async def test_a_program_that_gives_no_token_is_told_of_and_not_started_twice(pki: Pki, tmp_path: Path) -> None:
    version = "client.authentication.k8s.io/v1"
    token = json.dumps({"apiVersion": version, "kind": "ExecCredential", "status": {"token": "late"}})
    script = f"echo begun >>{tmp_path}/log; while [ ! -e {tmp_path}/go ]; do sleep 0.05; done; echo '{token}'"
    program = {"apiVersion": version, "command": "sh", "args": ["-c", script]}
    config = kubeconfig_of({"exec": program}, tmp_path / "config", pki)
    access, memory = Access(environ={}, kubeconfig=config), Memory()
    for _ in range(2):
        async with asyncio.timeout(PATIENCE), watching(access, replace(QUICK, answer=0.5), memory) as watch:
            failure = await watch.failure()
        assert (failure.reason, str(failure).partition(";")[0]) == (Reason.TIMEOUT, f"{config}: not read yet")
    (tmp_path / "go").touch()
    async with asyncio.timeout(PATIENCE), watching(access, memory=memory) as watch:
        assert "Connection refused" in str(await watch.failure())
    assert (tmp_path / "log").read_text() == "begun\n"


@pytest.mark.parametrize("by", ["service account", "kubeconfig"])
async def test_a_disk_that_stalls_holds_up_nothing_else(
    server: ApiServer, pki: Pki, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    spins = threading.Event()

    def stalled(path: Path, longest: int) -> bytes:
        spins.wait(PATIENCE)
        return read(path, longest)

    monkeypatch.setattr(paths, "read", stalled)
    async with server.serving(pki) as url:
        account = service_account(tmp_path, pki)
        named = {"tls-server-name": api_server.SERVER_NAME}
        config = kubeconfig(tmp_path / "config", url, pki, **named)
        access = in_cluster(url, account) if by == "service account" else Access(environ={}, kubeconfig=config)
        async with watching(access) as watch:
            first = asyncio.create_task(watch.until(always))
            for _ in range(10):
                await asyncio.sleep(0.01)
            assert not first.done()
            spins.set()
            assert (await first).flannel


async def test_a_kubeconfig_that_is_missing_or_leads_past_tls(pki: Pki, tmp_path: Path) -> None:
    async with watching(Access(environ={}, kubeconfig=tmp_path / "none")) as watch:
        assert (await watch.failure()).reason is Reason.IO
    plain = kubeconfig(tmp_path / "config", "http://127.0.0.1:8080", pki)
    async with watching(Access(environ={}, kubeconfig=plain)) as watch:
        assert (await watch.failure()).reason is Reason.PARSE


@pytest.mark.parametrize("node", ["", "a,b=c", "UPPER", "x" * 254])
async def test_a_node_that_has_no_name_is_not_asked_for(pki: Pki, tmp_path: Path, node: str) -> None:
    access = in_cluster("https://127.0.0.1:1", service_account(tmp_path, pki))
    subject = pods.Subject(node=node, selection=Selection())
    async with watching(access, subject=subject) as watch:
        assert (await watch.failure()).reason is Reason.PARSE


async def test_nothing_to_go_by(pki: Pki, tmp_path: Path) -> None:
    async with watching(Access(environ={}, service_account=service_account(tmp_path, pki))) as watch:
        assert "KUBERNETES_SERVICE_HOST" in str(await watch.failure())
