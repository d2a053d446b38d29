"""The chart under each Helm, and a refusal to pass without them in CI."""

from __future__ import annotations

import pytest

from tests.chart.get import CACHE
from tests.chart.helm import HELM, Chart
from tests.lacking import refuse


@pytest.fixture(autouse=True, scope="session")
def tools() -> None:
    """What the tests need, or a skip that says how to get it; in CI, where that would pass unseen, a failure."""
    missing = [str(path) for path in (*HELM.values(), CACHE / "schemas") if not path.exists()]
    if missing:
        refuse(f"no {', no '.join(missing)}: `python -m tests.chart.get` gets them")


@pytest.fixture(params=HELM, ids="helm {}".format)
def major(request: pytest.FixtureRequest) -> int:
    """Each Helm that people use."""
    found: int = request.param
    return found


@pytest.fixture
def chart() -> Chart:
    """The chart under the newest Helm and Kubernetes, with the Prometheus operator there."""
    return Chart()
