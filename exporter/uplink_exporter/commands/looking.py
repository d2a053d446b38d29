"""One look by each source, and what could not be looked at."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass
from logging import getLogger
from types import MappingProxyType

from uplink_exporter.facts import Fact, Reason, SourceError
from uplink_exporter.store import Store

LOOK_TIMEOUT = 5.0
AFTERTHOUGHT = 1.0
"""Seconds for a source to say what was in the way of its first fact."""

SETTLING = 4.0
"""Seconds for the kernel to find out whether a gateway answers: it asks three times, a second apart."""

Watch = Callable[[], AsyncGenerator[Fact, None]]

NO_WAITS: Mapping[type[Fact], Callable[[], bool]] = MappingProxyType({})

log = getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Missed:
    """What a source could not look at, or not all of it."""

    source: str
    reason: Reason
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """The sources that were asked, and what they missed."""

    sources: tuple[str, ...] = ()
    missed: tuple[Missed, ...] = ()

    def without(self, source: str) -> Looked:
        """The same, had this source not been asked."""
        sources = tuple(name for name in self.sources if name != source)
        return Looked(sources=sources, missed=tuple(one for one in self.missed if one.source != source))


async def look(
    *rounds: Mapping[type[Fact], Watch],
    store: Store,
    partial: frozenset[type[Fact]] = frozenset(),
    waits: Mapping[type[Fact], Callable[[], bool]] = NO_WAITS,
) -> Looked:
    """Take in one fact from each source, round by round. Those in `partial` tell after it what was in its way.

    Those in `waits` go on until it is settled what they see, or for SETTLING seconds.
    """
    looked = Looked()
    for sources in rounds:
        looks = (
            _look(kind, watch, store, read_on=kind in partial, settled=waits.get(kind))
            for kind, watch in sources.items()
        )
        missed = [one for one in await asyncio.gather(*looks) if one is not None]
        names = (kind.source for kind in sources)
        looked = Looked(sources=(*looked.sources, *names), missed=(*looked.missed, *missed))
    return looked


async def _look(
    kind: type[Fact], watch: Watch, store: Store, *, read_on: bool, settled: Callable[[], bool] | None
) -> Missed | None:
    try:
        async with aclosing(watch()) as facts:
            async with asyncio.timeout(LOOK_TIMEOUT):
                store.observe(await anext(facts))
            if settled is not None:
                await _settle(facts, store, settled)
            if read_on:
                await _read_on(facts)
            return None
    except SourceError as error:
        missed = Missed(source=kind.source, reason=error.reason, message=f"{error}{_hint(error.reason)}")
    except TimeoutError:
        missed = Missed(source=kind.source, reason=Reason.TIMEOUT, message=f"no answer within {LOOK_TIMEOUT:g} s")
    except StopAsyncIteration:
        missed = Missed(source=kind.source, reason=Reason.FINISHED, message="it ended")
    except Exception as error:  # a fault of ours in one source must not keep the others from answering
        log.exception("source is broken")
        missed = Missed(source=kind.source, reason=Reason.INTERNAL, message=repr(error))
    store.fail(kind.source, missed.reason)
    return missed


def _hint(reason: Reason) -> str:
    """What helps at the prompt."""
    return "; run doctor with sudo" if reason is Reason.PERMISSION and os.geteuid() != 0 else ""


async def _settle(facts: AsyncGenerator[Fact, None], store: Store, settled: Callable[[], bool]) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(SETTLING):
            while not settled():
                store.observe(await anext(facts))


async def _read_on(facts: AsyncGenerator[Fact, None]) -> None:
    """Wait for what a source has to say after its first fact. Raises SourceError if that is what was in the way."""
    with suppress(TimeoutError):
        async with asyncio.timeout(AFTERTHOUGHT):
            await anext(facts)
