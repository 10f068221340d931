"""How many processes a worker has."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from celery.worker import state

from scheduler_defs.execution.life import clock
from scheduler_defs.execution.worker.slots import KEPT_SECONDS, Need, Slots


@pytest.mark.parametrize(("busy", "wanted"), [(0, 0), (1, 1), (3, 3), (7, 5)])
def test_given_work_then_there_are_as_many_as_it_needs_and_no_more_than_may_be(
    busy: int, wanted: int
) -> None:
    assert Need(5, 0, 0.0).processes(busy, 0.0) == wanted


def test_given_less_work_then_what_was_needed_is_kept_for_a_minute_and_at_most_two() -> None:
    need = Need(5, 1, 0.0)
    assert need.processes(3, 59.0) == 3
    assert need.processes(0, 60.0) == 3
    assert need.processes(1, 119.0) == 3
    assert need.processes(0, 120.0) == 1
    assert need.processes(4, 121.0) == 4
    assert need.processes(0, 121.0 + 2 * KEPT_SECONDS) == 1


class Process:
    """One of a pool's."""

    def __init__(self, *, told_before: bool = False) -> None:
        if told_before:
            self._controlled_termination = True
        self.told = 0

    def terminate_controlled(self) -> None:
        self.told += 1


class Pool:
    """What is asked of Celery's pool."""

    def __init__(self) -> None:
        self.num_processes = 0
        self._pool = SimpleNamespace(_pool=list[Process]())

    def grow(self, count: int) -> None:
        self.num_processes += count

    def shrink(self, count: int) -> None:
        self.num_processes -= count

    def maintain_pool(self) -> None:
        pass


def test_given_one_run_under_way_then_no_process_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(clock, "now", lambda: now)
    pool, reserved = Pool(), [SimpleNamespace(), SimpleNamespace()]
    monkeypatch.setattr(state, "reserved_requests", reserved)
    slots = Slots(pool, 4, 0)
    slots.maybe_scale()
    assert pool.num_processes == 2
    now = 10 * KEPT_SECONDS
    reserved.pop()
    slots.maybe_scale()
    assert pool.num_processes == 2, "whichever is ended may be the one that is about to begin"
    reserved.clear()
    now = 20 * KEPT_SECONDS
    slots.maybe_scale()
    assert pool.num_processes == 0


def test_given_more_processes_than_there_are_to_be_then_those_end_that_were_told_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reserved = [SimpleNamespace()]
    monkeypatch.setattr(state, "reserved_requests", reserved)
    pool, told, other, third = Pool(), Process(told_before=True), Process(), Process()
    pool._pool._pool.extend([other, told, third])
    slots = Slots(pool, 1, 0)
    slots.maybe_scale()
    assert (told.told, other.told, third.told, pool.num_processes) == (0, 0, 0, 1), "one is at work"
    reserved.clear()
    slots.maybe_scale()
    assert (told.told, other.told + third.told) == (1, 1)
