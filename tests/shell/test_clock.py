"""The clock: uptime that nobody can set, and a boot time that changes only when somebody sets the wall clock."""

from __future__ import annotations

import time
from dataclasses import dataclass

from uplink_exporter.clock import TREMBLE, system_clock


@dataclass
class Hands:
    """Two clocks that a test sets."""

    wall: float = 1_700_000_000.0
    boot: float = 50.0

    def go(self, seconds: float, tremble: float = 0.0) -> None:
        self.boot += seconds
        self.wall += seconds + tremble


def test_the_boot_time_is_the_wall_clock_less_the_uptime() -> None:
    hands = Hands()
    now = system_clock(lambda: hands.wall, lambda: hands.boot)()
    assert (now.uptime, now.boot_time) == (50.0, 1_699_999_950.0)
    assert now.unix(10.0) == 1_699_999_960.0


def test_two_clocks_that_tremble_against_each_other_do_not_move_the_boot_time() -> None:
    hands = Hands()
    clock = system_clock(lambda: hands.wall, lambda: hands.boot)
    first = clock()
    for tremble in (0.4, -0.8, 0.4, 0.9, -0.9):
        hands.go(15, tremble * TREMBLE)
        assert clock().boot_time == first.boot_time


def test_a_wall_clock_that_is_set_moves_the_boot_time_and_no_uptime() -> None:
    hands = Hands()
    clock = system_clock(lambda: hands.wall, lambda: hands.boot)
    first = clock()
    hands.go(5, tremble=86400 * 365)  # the first answer of NTP on a machine without a battery
    second = clock()
    assert second.boot_time - first.boot_time == 86400 * 365
    assert second.uptime - first.uptime == 5


def test_by_default_it_is_the_system_s() -> None:
    before, now = time.clock_gettime(time.CLOCK_BOOTTIME), system_clock()()
    assert before <= now.uptime <= time.clock_gettime(time.CLOCK_BOOTTIME)
    assert abs(now.unix(now.uptime) - time.time()) < 5
