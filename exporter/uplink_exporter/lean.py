"""Importing a submodule without its package.

The `__init__` of pyroute2 and of aiohttp import everything that the library can do: 15 MiB of resident memory on each
node, for parts that never run here (`make bench` prints the figures).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import PathFinder
from types import ModuleType


@contextmanager
def bare_package(name: str, **attributes: str) -> Iterator[None]:
    """Within it, `name` is a package whose `__init__` does not run; afterwards it may be imported as ever.

    `attributes` stand in for those of the package that its submodules import.
    """
    spec = PathFinder.find_spec(name)
    if name in sys.modules or spec is None or spec.submodule_search_locations is None:
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
