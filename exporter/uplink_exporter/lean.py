"""Importing no more than is used: a submodule without its package, and asyncio without OpenSSL.

The `__init__` of pyroute2, aiohttp and prometheus_client import all that the library can do, and asyncio and aiohttp
import ssl whether or not anything is encrypted: resident memory on each node, for what never runs here
(`python -m tests.bench --only imports` prints how much).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from types import ModuleType


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
