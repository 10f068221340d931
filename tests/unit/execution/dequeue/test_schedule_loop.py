"""The schedule daemon looks again when something was loaded. Time and what is loaded are given."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from dagster._core.workspace.workspace import CodeLocationEntry
from dagster._daemon import controller
from dagster._daemon.daemon import SchedulerDaemon

from scheduler_defs.execution.dagster_patches.loops.schedules import (
    LOOK_SECONDS,
    RESTING_SHARE,
    ROOM_SECONDS,
    Room,
    SignalboxScheduleDaemon,
    Woken,
)
from scheduler_defs.execution.dagster_patches.loops.waits import Waits
from scheduler_defs.execution.wakeup import WakingConnection
from scheduler_defs.ledger.lines import Wait
from tests.unit.execution.dequeue.setting import Queue


class Ending(threading.Event):
    """An event whose waits take no time: they are added up, and may set or load something."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.loaded = 1

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.now += timeout
        if self.now >= 20:
            self.loaded = 2
        return self.is_set()


def _woken(*due: float) -> tuple[Ending, Woken]:
    """`due`: when something that waits wants to be looked at."""
    ending = Ending()
    waits = Waits(lambda: {str(each): Wait(each) for each in due}, lambda: ending.now, lambda: ending.now)
    waits.news()
    woken = Woken(ending, lambda: ending.loaded, waits, lambda: None, lambda: ending.now, lambda: ending.now)
    return ending, woken


def test_given_nothing_new_then_it_waits_as_long_as_dagster_says() -> None:
    ending, woken = _woken()
    assert woken.wait(12.3) is False
    assert ending.now == 12.3


def test_given_something_new_then_the_wait_ends_within_a_look_and_only_once() -> None:
    ending, woken = _woken()
    assert woken.wait(60) is False
    assert 20 <= ending.now <= 20 + LOOK_SECONDS
    before = ending.now
    woken.wait(5)
    assert ending.now == before + 5


def test_given_something_was_loaded_between_two_waits_then_the_second_ends_at_once() -> None:
    ending, woken = _woken()
    ending.loaded = 3
    assert woken.wait(60) is False
    assert ending.now == 0


def test_given_what_waits_then_the_wait_ends_at_its_time_and_only_once() -> None:
    ending, woken = _woken(12.2)
    assert woken.wait(15) is False
    assert 12.2 <= ending.now <= 12.2 + LOOK_SECONDS
    before = ending.now
    woken.wait(5)
    assert ending.now == before + 5


def test_given_a_look_that_takes_long_then_what_waits_is_looked_at_after_a_rest() -> None:
    ending, woken = _woken(0.1)
    ending.now += 0.8  # the look
    assert woken.wait(15) is False
    assert 0.8 * (1 + RESTING_SHARE) <= ending.now <= 0.8 * (1 + RESTING_SHARE) + LOOK_SECONDS


class Waking(WakingConnection):
    """Announcements that a test makes."""

    def __init__(self) -> None:
        super().__init__("nobody")
        self.announced = False
        self.opened = self.closed = 0

    def get(self) -> Any:
        self.opened += 1

    def wait(self, timeout_seconds: float, payload: str | None = None) -> bool:
        assert timeout_seconds == 0
        announced, self.announced = self.announced, False
        return announced

    def close(self) -> None:
        self.closed += 1


def test_given_nothing_that_waits_for_room_then_nobody_listens_and_else_ends_of_runs_are_news() -> None:
    now = 0.0
    known = {"a": Wait(50.0)}
    waits = Waits(lambda: known, lambda: now, lambda: now)
    waking = Waking()
    room = Room(waits, waking, lambda: 0.0)
    waits()
    room()
    assert waking.opened == 0
    now, known = 10.0, {"a": Wait(300.0, refused=5.0)}
    waits()
    room()
    assert waking.opened == 1
    now = 20.0
    assert not waits.is_due()  # read anew: what ended before somebody listened was not announced
    known = {"a": Wait(5.0, refused=5.0)}
    now = 30.0
    room()
    assert not waits.is_due()
    waking.announced = True
    room()
    assert waits.is_due()
    known = {}
    now = 40.0
    waits()
    room()
    assert waking.closed == 1


def test_given_a_run_whose_end_nobody_announces_then_the_room_that_it_leaves_is_seen_within_seconds() -> None:
    now = 0.0
    known = {"a": Wait(300.0, refused=0.0)}
    waits = Waits(lambda: known, lambda: now, lambda: now)
    room = Room(waits, Waking(), lambda: now)
    waits()
    room()
    now = 3.0
    assert not waits.is_due()
    known = {"a": Wait(0.0, refused=0.0)}
    now = 6.0
    room()
    assert not waits.is_due()
    now = ROOM_SECONDS
    room()
    assert waits.is_due()


def test_given_the_daemon_is_to_stop_then_both_say_so() -> None:
    ending, woken = _woken()
    ending.set()
    assert woken.is_set()
    assert woken.wait(60) is True


def test_given_dagster_when_it_makes_its_daemons_then_the_scheduler_is_ours(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(controller.__dict__, "SchedulerDaemon", SignalboxScheduleDaemon)
    daemons = controller.create_daemons_from_instance(queue.instance)
    (found,) = [daemon for daemon in daemons if daemon.daemon_type() == "SCHEDULER"]
    assert isinstance(found, SignalboxScheduleDaemon)
    assert callable(SchedulerDaemon.core_loop)
    assert "update_timestamp" in CodeLocationEntry.__annotations__
