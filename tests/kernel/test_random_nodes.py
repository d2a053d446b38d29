"""The page against real packets, on nodes that nobody thought of. `python -m tests.bench --only oracle` has more."""

from __future__ import annotations

import pytest

from tests.kernel.oracle import changed, disagreement

pytestmark = pytest.mark.kernel


@pytest.mark.parametrize("seed", range(20))
def test_the_page_says_what_a_packet_says(namespaces: None, seed: int) -> None:
    assert disagreement(seed) == ""


def test_the_page_says_what_iproute2_says_after_each_change(namespaces: None) -> None:
    assert changed(seed=1, changes=60) == []
