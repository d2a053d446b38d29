"""Each test gets a network of its own; a machine that cannot make one skips them, unless it is CI."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kernel.namespace import WLAN0, Namespace, fresh_namespace, remove_leftovers, unavailable
from tests.lacking import refuse


@pytest.fixture(scope="session")
def namespaces() -> None:
    """This machine can make network namespaces."""
    if reason := unavailable():
        refuse(reason)
    remove_leftovers()


@pytest.fixture
def node(namespaces: None) -> Iterator[Namespace]:
    """A node's network: the loopback, and a wlan0 that nothing has brought up."""
    with fresh_namespace() as namespace:
        # The end of duplicate address detection, a second later, would be an event that stands in for a missing one.
        namespace.sysctl("ipv6/conf/default/accept_dad", 0)
        namespace.ip(*WLAN0)
        yield namespace
