"""One answer for some seconds, found out by one thread."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from scheduler_defs.web.cache import TimedCache


def test_given_an_answer_when_it_is_young_then_nobody_looks_again_and_when_it_is_old_somebody_does() -> None:
    now = 0.0
    remembered = TimedCache[int](10, clock=lambda: now)
    assert [remembered.get(lambda: 1), remembered.get(lambda: 2)] == [1, 1]
    now = 10.0
    assert remembered.get(lambda: 3) == 3


def test_given_a_fault_when_asked_again_then_it_is_looked_for_again() -> None:
    remembered = TimedCache[int](10)
    with pytest.raises(ZeroDivisionError):
        remembered.get(lambda: 1 // 0)
    assert remembered.get(lambda: 1) == 1


def test_given_somebody_who_looks_when_others_ask_then_they_take_the_old_answer_and_do_not_wait() -> None:
    now = 0.0
    remembered = TimedCache[int](10, clock=lambda: now)
    remembered.get(lambda: 1)
    now = 11.0
    looking, may_end = threading.Event(), threading.Event()

    def look() -> int:
        looking.set()
        assert may_end.wait(20)
        return 2

    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(remembered.get, look)
        assert looking.wait(20)
        assert remembered.get(lambda: 3) == 1
        may_end.set()
        assert first.result(20) == 2
