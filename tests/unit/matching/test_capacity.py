"""Slots by Little's law, and waits by Erlang's C formula."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler_defs.agents.deciding.capacity import advise, mean_wait


def test_given_30_tasks_an_hour_of_20_minutes_then_10_slots_are_needed_not_90() -> None:
    """The guide's formula divides by the duration: 30 / 0.33 = 90."""
    advice = advise(30, 20 * 60, 2)
    assert (advice.load, advice.needed, advice.advised) == (10.0, 10, 13)
    assert advice.wait_now_seconds is None
    assert advice.wait_advised_seconds == pytest.approx(114.0, abs=1.0)


def test_given_one_slot_then_the_wait_is_that_of_a_single_counter() -> None:
    # M/M/1: rho / (1 - rho) x run time.
    assert mean_wait(0.5, 60, 1) == pytest.approx(60.0)
    assert mean_wait(0.9, 60, 1) == pytest.approx(540.0)


def test_given_nothing_to_do_then_no_slot_is_needed() -> None:
    advice = advise(0, 0, 0)
    assert (advice.needed, advice.advised, advice.wait_now_seconds) == (0, 0, 0.0)
    with pytest.raises(ValueError, match="must not be negative"):
        advise(-1, 60, 1)


@given(st.floats(0.01, 500), st.floats(1, 7200), st.integers(0, 400))
def test_given_any_load_then_the_advice_keeps_up_and_more_slots_never_mean_longer_waits(
    per_hour: float, seconds: float, slots: int
) -> None:
    advice = advise(per_hour, seconds, slots)
    assert advice.needed <= advice.advised
    load = per_hour * seconds / 3600
    assert advice.needed == math.ceil(round(load, 6))
    now, more = mean_wait(load, seconds, slots), mean_wait(load, seconds, slots + 1)
    assert now is None or (more is not None and more <= now)
