"""Time is given, not waited for."""

from __future__ import annotations

import pytest

from scheduler_defs.access.rate import LONGEST_WAIT_SECONDS, Rate, Tries

pytestmark = pytest.mark.attack


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_is_taken_and_then_one_at_a_time() -> None:
    clock = Clock()
    rate = Rate(2.0, 3.0, clock)
    assert [rate.wait("a") for _ in range(4)] == [0, 0, 0, 0.5]
    assert rate.wait("b") == 0
    clock.now += 0.5
    assert rate.wait("a") == 0
    assert rate.wait("a") > 0


def test_wrong_passwords_are_free_at_first_and_then_cost_more_each_time() -> None:
    clock = Clock()
    tries = Tries(2, clock)
    for wait in (0, 0, 10, 20, 40):
        assert tries.wait("ann") == wait
        clock.now += wait
        assert tries.wait("ann") == 0
        tries.note("ann", right=False)
    assert tries.wait("ben") == 0
    for _ in range(40):
        tries.note("ann", right=False)
    assert tries.wait("ann") == LONGEST_WAIT_SECONDS


def test_the_right_password_forgives() -> None:
    tries = Tries(1)
    tries.note("ann", right=False)
    assert tries.wait("ann") > 0
    tries.note("ann", right=True)
    assert tries.wait("ann") == 0
