"""500 random nodes against real packets, and 3,000 random changes against iproute2 and a counter of our own."""

from __future__ import annotations

from tests.bench.report import Goal, Report
from tests.kernel.oracle import changed, disagreement

NODES, CHANGES, RUNS = 500, 3_000, 10
QUICK_NODES, QUICK_CHANGES = 10, 30


def measure(*, quick: bool) -> Report:
    """How often the page is wrong. It takes ten minutes, or one if quick."""
    nodes, changes = (QUICK_NODES, QUICK_CHANGES) if quick else (NODES, CHANGES)
    denied = [one for seed in range(nodes) if (one := disagreement(seed))]
    wrong = [one for seed in range(RUNS) for one in changed(seed, changes // RUNS)]
    return Report(
        title="Whether traffic leaves, by the page",
        head=("", "tried", "wrong"),
        rows=[
            ("random nodes, against real packets", f"{nodes:,}", str(len(denied))),
            ("random changes, against iproute2", f"{changes:,}", str(len(wrong))),
            *((one, "", "") for one in (*denied, *wrong)),
        ],
        goals=[
            Goal(text="random nodes on which the page is wrong", value=len(denied), limit=0),
            Goal(text="random changes after which it is", value=len(wrong), limit=0),
        ],
    )
