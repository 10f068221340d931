"""A start that goes on slowly is left alone; one that stands still, or never ends, is begun anew."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

from scheduler_defs.stack.supervising.start_limit import (
    IDLE_SECONDS,
    LIMIT_SECONDS,
    MOST_SECONDS,
    StartLimit,
    processor_seconds,
)


def _ended_after(used: Callable[[int], float]) -> int:
    """Asked each second, after how many it is over."""
    limit, second = StartLimit(used), 0
    while not limit.is_over(1, second):
        second += 1
    return second


def test_given_a_process_that_uses_no_processor_then_it_is_over_at_the_limit() -> None:
    assert _ended_after(lambda _: 5.0) == pytest.approx(LIMIT_SECONDS, abs=1)


def test_given_a_busy_machine_on_which_it_works_on_then_it_has_the_time_that_it_takes() -> None:
    calls = iter(range(10_000))
    assert _ended_after(lambda _: next(calls) * 0.05) == pytest.approx(MOST_SECONDS, abs=1)


def test_given_it_stands_still_after_the_limit_then_it_is_over_soon() -> None:
    calls = iter(range(10_000))
    ended = _ended_after(lambda _: min(next(calls), 60) * 0.05)
    assert ended == pytest.approx(LIMIT_SECONDS - IDLE_SECONDS + 60 + IDLE_SECONDS, abs=3)


def test_the_processes_below_count_and_one_that_is_gone_has_used_nothing() -> None:
    work = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'sum(range(3_000_000)); input()'])"
    with subprocess.Popen(
        [sys.executable, "-c", work], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    ) as process:
        used = 0.0
        while used < 0.03:
            used = processor_seconds(process.pid)
        process.communicate(b"\n")
    assert processor_seconds(process.pid) == 0
