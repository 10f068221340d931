"""The schedule daemon looks again when something was loaded. Time and what is loaded are given."""

from __future__ import annotations

import threading

import pytest
from dagster._core.workspace.workspace import CodeLocationEntry
from dagster._daemon import controller
from dagster._daemon.daemon import SchedulerDaemon

from scheduler_defs.execution.dagster_patches.schedule_loop import (
    LOOK_SECONDS,
    SignalboxScheduleDaemon,
    WokenByLoading,
)
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


def _woken() -> tuple[Ending, WokenByLoading]:
    ending = Ending()
    return ending, WokenByLoading(ending, lambda: ending.loaded, lambda: ending.now)


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
