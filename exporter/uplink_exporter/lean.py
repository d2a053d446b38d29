"""Importing a submodule without its package.

The `__init__` of pyroute2 imports everything that the library can do: 8 MiB of resident memory on each node, for
parts that never run here (`make bench` prints the figure).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import PathFinder
from types import ModuleType


@contextmanager
def bare_package(name: str) -> Iterator[None]:
    """Within it, `name` is a package whose `__init__` does not run; afterwards it may be imported as ever."""
    spec = PathFinder.find_spec(name)
    if name in sys.modules or spec is None or spec.submodule_search_locations is None:
        yield
        return
    module = ModuleType(name)
    module.__path__ = spec.submodule_search_locations
    module.__spec__ = spec
    sys.modules[name] = module
    try:
        yield
    finally:
        del sys.modules[name]
