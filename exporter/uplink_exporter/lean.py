"""Holding no more memory than is used: it is resident on each node (`python -m tests.bench --only imports` measures).

The `__init__` of pyroute2, aiohttp and prometheus_client import all that the library can do, and asyncio and aiohttp
import ssl whether or not anything is encrypted.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from types import ModuleType

_M_TRIM_THRESHOLD = -1  # malloc.h


@contextmanager
def bare_package(name: str, **attributes: str) -> Iterator[None]:
    """Within it, `name` is a package whose `__init__` does not run; afterwards it may be imported as ever.

    `attributes` stand in for those of the package that its submodules import.
    """
    spec = None if name in sys.modules else find_spec(name)
    if spec is None or spec.submodule_search_locations is None:
        yield
        return
    module = ModuleType(name)
    module.__path__ = spec.submodule_search_locations
    module.__spec__ = spec
    module.__dict__.update(attributes)
    sys.modules[name] = module
    try:
        yield
    finally:
        del sys.modules[name]


@contextmanager
def without_openssl() -> Iterator[None]:
    """Within it, Python is as one built without OpenSSL, and what is imported stays so: asyncio then has no TLS.

    asyncio, http.client and aiohttp cope with that. A process that may ever speak TLS must not enter.
    """
    absent = [name for name in ("ssl", "_hashlib") if name not in sys.modules]
    for name in absent:
        sys.modules[name] = None  # type: ignore[assignment]  # importing it then fails; hashlib falls back to its own
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]


def give_back_freed_memory() -> None:
    """Keep glibc to the thresholds that mallopt(3) tells of, from which on freed memory goes back to the kernel.

    By itself it raises them with the largest block ever freed, which is a metrics page: with 500 interfaces 2.4 MiB.
    """
    with suppress(AttributeError):  # musl has no mallopt, nor any such thresholds
        ctypes.CDLL(None).mallopt(_M_TRIM_THRESHOLD, 128 * 1024)
