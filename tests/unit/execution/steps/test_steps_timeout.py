"""A step's time-out is an error raised in its code."""

from __future__ import annotations

import signal
import time

import pytest

from scheduler_defs.execution.steps.timeout import (
    TIMEOUT_TAG,
    StepTimedOutError,
    time_limit,
    timeout_seconds,
)


def test_given_a_limit_when_the_block_takes_longer_then_it_is_ended_and_says_so() -> None:
    began = time.monotonic()
    with pytest.raises(StepTimedOutError, match=r"timed out after 0\.05 s"), time_limit(0.05):
        time.sleep(10)
    assert time.monotonic() - began < 1


def test_given_a_limit_when_the_block_is_quicker_then_nothing_is_left_behind() -> None:
    before = signal.getsignal(signal.SIGALRM)
    with time_limit(0.05):
        pass
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGALRM) is before


def test_given_tags_when_reading_the_limit_then_it_is_a_positive_number_or_none() -> None:
    assert timeout_seconds({}) is None
    assert timeout_seconds({TIMEOUT_TAG: "1.5"}) == 1.5
    for text in ("0", "-1", "inf", "nan", "soon"):
        with pytest.raises(ValueError, match=r"."):
            timeout_seconds({TIMEOUT_TAG: text})
