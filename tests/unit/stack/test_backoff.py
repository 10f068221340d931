"""The pause before a component is started again."""

from __future__ import annotations

import pytest

from scheduler_defs.stack.machine.backoff import Backoff


@pytest.mark.parametrize(("failures", "seconds"), [(1, 0.5), (2, 1), (3, 2), (6, 16), (7, 30), (1000, 30)])
def test_given_failures_in_a_row_then_the_pause_doubles_up_to_the_cap(failures: int, seconds: float) -> None:
    assert Backoff().delay_seconds(failures) == seconds


def test_given_a_long_healthy_time_then_the_count_starts_over() -> None:
    assert Backoff().failures_in_a_row(5, healthy_seconds=60) == 1


def test_given_a_short_healthy_time_then_the_count_goes_on() -> None:
    assert Backoff().failures_in_a_row(5, healthy_seconds=59) == 6
