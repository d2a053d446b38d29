"""What the exporter makes of a radio's situations."""

from __future__ import annotations

import pytest

from tests.wifi.air import Air

pytestmark = pytest.mark.wifi


def test_never_brought_up(air: Air) -> None:
    with air.exporter() as exporter:
        assert exporter.verdict() == "uplink_down"
    print(air.doctor())


def test_all_well(air: Air) -> None:
    air.joined()
    with air.exporter() as exporter:
        assert exporter.verdict() == "healthy"
    print(air.doctor())
