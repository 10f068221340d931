import multiprocessing
import os
import signal
import sys
import time
from datetime import timedelta

import pytest

from scheduler_defs.errors import UsageError
from scheduler_defs.execution.leases.fencing import DeadMansSwitch, overdue
from scheduler_defs.execution.life.terms import Terms, terms

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="kernel timers of Linux")
FORK = multiprocessing.get_context("fork")


def _exit_code(seconds: list[float], then: float, *, frozen: bool = False) -> int:
    """Of a process that holds its switch for each of `seconds`, and then lives on for `then`."""

    def live() -> None:
        switch = DeadMansSwitch()
        for held in seconds:
            switch.hold(held)
            time.sleep(0.1)
        time.sleep(then)
        os._exit(7)

    process = FORK.Process(target=live)
    process.start()
    if frozen:
        time.sleep(0.05)
        assert process.pid is not None
        os.kill(process.pid, signal.SIGSTOP)
    process.join(10)
    assert process.exitcode is not None
    return process.exitcode


@linux
def test_given_a_process_that_does_not_hold_on_then_the_kernel_kills_it() -> None:
    assert _exit_code([0.2], then=5) == -signal.SIGKILL


@linux
def test_given_a_frozen_process_then_the_kernel_kills_it_all_the_same() -> None:
    assert _exit_code([0.3], then=5, frozen=True) == -signal.SIGKILL


@linux
def test_given_a_process_that_holds_on_then_it_lives() -> None:
    assert _exit_code([0.3] * 5, then=0) == 7


@linux
def test_given_a_switch_that_is_off_then_the_process_lives() -> None:
    assert _exit_code([0.3, 0], then=0.6) == 7


def test_overdue_is_a_matter_of_time() -> None:
    assert not overdue(100, timedelta(seconds=17), now=116.9)
    assert overdue(100, timedelta(seconds=17), now=117)


def test_given_no_environment_then_beats_are_five_seconds_and_leases_twenty() -> None:
    assert terms({}) == Terms(timedelta(seconds=5), timedelta(seconds=20))
    assert terms({}).fence == timedelta(seconds=17)


@pytest.mark.parametrize("text", ["0", "-1", "soon", "nan", "100000"])
def test_given_a_beat_that_is_none_then_the_error_names_the_variable(text: str) -> None:
    with pytest.raises(UsageError, match="SIGNALBOX_BEAT_SECONDS"):
        terms({"SIGNALBOX_BEAT_SECONDS": text})


def test_given_a_lease_shorter_than_three_beats_then_it_is_refused() -> None:
    with pytest.raises(UsageError, match="SIGNALBOX_LEASE_SECONDS"):
        terms({"SIGNALBOX_BEAT_SECONDS": "5", "SIGNALBOX_LEASE_SECONDS": "14"})
