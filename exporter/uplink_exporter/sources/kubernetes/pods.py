"""This node's pods as the API server has them: flannel's containers, and the system pods that wait.

Three generators, each with one reason to end. A call ends when the server ends it; a visit, when it is time to look
again for the best way to the API; the visits never. Each call resumes where the last one stopped, and when the server
no longer knows that version (410), the next visit lists afresh. A stream that is silent for longer than a live one can
be is dead, though its socket may never know.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field
from http import HTTPStatus

from uplink_exporter.facts import Reason, SourceError
from uplink_exporter.flannel.observed import ApiPath, NodePods, Selection
from uplink_exporter.sources.kubernetes.access import Access
from uplink_exporter.sources.kubernetes.client import Api, get, request
from uplink_exporter.sources.kubernetes.failures import ApiError, refusal
from uplink_exporter.sources.kubernetes.json_stream import lines, loads, members
from uplink_exporter.sources.kubernetes.objects import (
    MOST_WAITING,
    SUBDOMAIN,
    Command,
    Pod,
    parse_config_map,
    parse_pod,
    parse_resource_version,
    parse_uid,
)
from uplink_exporter.sources.kubernetes.paths import Memory, connected
from uplink_exporter.sources.kubernetes.terms import Resource, Timing, flannel_config

PAGE = 100
# A node runs some hundred pods. More come from a server that has lost its way, or means harm.
MOST_LISTED = 20_000
MOST_PAGES = 200
MOST_KEPT = 1_000
MOST_FLANNEL = 16

_PODS = "/api/v1/pods"
_WATCH = Resource(path=_PODS, name="pods", verb="watch")
_LIST = Resource(path=_PODS, name="pods", verb="list")
_EVENTS = ("ADDED", "MODIFIED", "DELETED", "BOOKMARK")


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Whose pods are watched, and which of them are flannel's."""

    node: str
    selection: Selection


@dataclass(slots=True)
class Seen:
    """What was listed and watched so far. Without a `version` a list is due, an `exact` one past every cache."""

    pods: dict[str, Pod] = field(default_factory=dict)
    version: str = ""
    exact: bool = False
    stack: str = ""

    def keep(self, pod: Pod) -> None:
        """Take in a pod as it is now."""
        self.pods.pop(pod.uid, None)
        if pod.matters:
            self.pods[pod.uid] = pod
        if len(self.pods) > MOST_KEPT:
            raise SourceError(Reason.OVERFLOW, f"more than {MOST_KEPT} pods of this node wait or are flannel's")


async def watch(access: Access, subject: Subject, memory: Memory, timing: Timing) -> AsyncGenerator[NodePods, None]:
    """Yield the node's pods at each change, and as long as the API server lives every minute. Raises SourceError."""
    # An empty name would select the pods that no node runs.
    if not SUBDOMAIN.fullmatch(subject.node):
        raise SourceError(Reason.PARSE, f"{subject.node!r} is no node's name")
    loop = asyncio.get_running_loop()
    last, due = None, loop.time()
    async with aclosing(_visits(access, subject, memory, timing)) as facts:
        async for fact in facts:
            if fact != last or loop.time() >= due:
                yield fact
                last, due = fact, loop.time() + timing.keepalive


async def _visits(access: Access, subject: Subject, memory: Memory, timing: Timing) -> AsyncGenerator[NodePods, None]:
    """Visit after visit, for ever."""
    seen = Seen()
    while True:
        await memory.pace(timing.pace)
        try:
            async with (
                connected(access, memory, timing) as (api, first),
                aclosing(_visit(api, subject, seen, memory, stay=first)) as facts,
            ):
                async for fact in facts:
                    yield fact
        except ApiError as error:
            if error.status != HTTPStatus.GONE:
                raise
            seen.version, seen.exact = "", True


async def _visit(
    api: Api, subject: Subject, seen: Seen, memory: Memory, *, stay: bool
) -> AsyncGenerator[NodePods, None]:
    """List if it is due, then call after call; after one only, unless to stay."""
    loop = asyncio.get_running_loop()
    until = loop.time() + api.timing.visit
    if not seen.version:
        await _list(api, subject, seen)
    await _learn_stack(api, seen)
    yield node_pods(api.way.path, seen, memory.endpoints)
    while True:
        async with aclosing(_call(api, subject, seen)) as signs:
            async for _ in signs:
                yield node_pods(api.way.path, seen, memory.endpoints)
        # That it ended in good order is a sign of life, too.
        yield node_pods(api.way.path, seen, memory.endpoints)
        if not stay or loop.time() >= until:
            return
        await memory.pace(api.timing.pace)


async def _call(api: Api, subject: Subject, seen: Seen) -> AsyncGenerator[None, None]:
    """One watch: fold in each event and give a sign, until the server ends it."""
    query = {
        **_selector(subject),
        "watch": "true",
        "allowWatchBookmarks": "true",
        "resourceVersion": seen.version,
        "timeoutSeconds": str(max(1, round(api.timing.call))),
    }
    async with request(api, _WATCH, query) as chunks, aclosing(_timely(chunks, api.timing)) as events:
        async for event in events:
            fold(seen, loads(event), subject.selection)
            yield


def _selector(subject: Subject) -> dict[str, str]:
    return {"fieldSelector": f"spec.nodeName={subject.node}"}


async def _timely(chunks: AsyncIterator[bytes], timing: Timing) -> AsyncGenerator[bytes, None]:
    """The lines of a stream. A silent one is an error; one that the server fails to end is left, in good order."""
    loop = asyncio.get_running_loop()
    until = loop.time() + timing.call + timing.answer
    async with aclosing(lines(chunks)) as stream:
        while loop.time() < until:
            try:
                async with asyncio.timeout(timing.silence):
                    line = await anext(stream, None)
            except TimeoutError as error:
                raise SourceError(Reason.TIMEOUT, f"the watch was silent for {timing.silence:g} s") from error
            if line is None:
                return
            yield line


def fold(seen: Seen, event: object, selection: Selection) -> None:
    """Take in one watch event. Raises ApiError if it is the server's own (410: list again)."""
    kind, thing = (event.get("type"), event.get("object")) if isinstance(event, dict) else ("", None)
    if kind == "ERROR":
        code = thing.get("code") if isinstance(thing, dict) else None
        raise refusal(code if type(code) is int else 0, _WATCH, thing)
    if kind not in _EVENTS:
        raise SourceError(Reason.PARSE, "not a watch event")
    version = parse_resource_version(thing)
    if kind == "DELETED":
        seen.pods.pop(parse_uid(thing), None)
    elif kind != "BOOKMARK":
        seen.keep(parse_pod(thing, selection))
    seen.version = version


async def _list(api: Api, subject: Subject, seen: Seen) -> None:
    """Replace what was seen by what there is."""
    listed = Seen()
    async with aclosing(_pages(api, subject, exact=seen.exact)) as found:
        async for key, value in found:
            if key == "items":
                listed.keep(parse_pod(value, subject.selection))
            elif key == "metadata":
                listed.version = parse_resource_version({"metadata": value})
    if not listed.version:
        raise SourceError(Reason.PARSE, "a list without a resourceVersion")
    seen.pods, seen.version, seen.exact = listed.pods, listed.version, False


async def _pages(api: Api, subject: Subject, *, exact: bool) -> AsyncGenerator[tuple[str, object], None]:
    """The members of the list, page after page.

    Version 0 asks for any state that the server has cached, by node even, where every other costs etcd a read of all
    pods by every node. A server without a cache, and no other, heeds the limit.
    """
    first = {"limit": str(PAGE)} if exact else {"limit": str(PAGE), "resourceVersion": "0"}
    query, count = {**_selector(subject), **first}, 0
    for _ in range(MOST_PAGES):
        following = None
        async with (
            request(api, _LIST, query, within=api.timing.list) as chunks,
            aclosing(members(chunks, "items")) as found,
        ):
            async for key, value in found:
                count += 1
                if count > MOST_LISTED:
                    raise SourceError(Reason.OVERFLOW, f"more than {MOST_LISTED} pods listed for one node")
                if key == "metadata" and isinstance(value, dict):
                    following = value.get("continue")
                yield key, value
        if not isinstance(following, str) or not following:
            return
        query = {**_selector(subject), "limit": str(PAGE), "continue": following}
    raise SourceError(Reason.OVERFLOW, f"a list of more than {MOST_PAGES} pages")


async def _learn_stack(api: Api, seen: Seen) -> None:
    """Look up flannel's ConfigMap beside its pod; while there is no pod, what is known stays known."""
    if flannel := _flannel(seen):
        config = flannel_config(flannel[0].namespace, flannel[0].flannel[0].restarts.pod)
        seen.stack = parse_config_map(await get(api, config))


def node_pods(path: ApiPath, seen: Seen, endpoints: tuple[str, ...] = ()) -> NodePods:
    """The fact, from all that was seen."""
    flannel = _flannel(seen)
    namespaces = {"kube-system", *(pod.namespace for pod in flannel)}
    system = (pod for pod in seen.pods.values() if pod.system or pod.namespace in namespaces)
    waiting = sorted((one for pod in system for one in pod.waiting), key=lambda one: (one.namespace, one.pod))
    command = flannel[0].command if flannel else Command()
    return NodePods(
        path=path,
        flannel=tuple(container for pod in flannel for container in pod.flannel),
        waiting=tuple(waiting[:MOST_WAITING]),
        args=command.args,
        env=command.env,
        version=command.version,
        stack=seen.stack,
        endpoints=endpoints,
    )


def _flannel(seen: Seen) -> list[Pod]:
    """The pods with flannel in them, the newest of those that stay first."""
    pods = (pod for pod in seen.pods.values() if pod.flannel)
    return sorted(pods, key=lambda pod: pod.age, reverse=True)[:MOST_FLANNEL]
