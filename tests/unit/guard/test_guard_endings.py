"""A guarded command ends by itself, at its deadline, or because somebody wants it to."""

from __future__ import annotations

import os
import signal
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest

from scheduler_defs.execution.guard.guard import Guarded, run_guarded
from scheduler_defs.execution.guard.outcome import Ending
from tests.patience import wait_until
from tests.unit.guard.conftest import DAEMONISE, Marked

STUBBORN = ("sh", "-c", "trap '' TERM; while :; do sleep 600; done")


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def test_when_a_command_exits_its_code_duration_and_memory_are_known(marked: Marked) -> None:
    code = "import time; held = bytearray(60_000_000); time.sleep(0.2); raise SystemExit(3)"

    outcome = run_guarded(["python3", "-c", code], env=marked.env)

    assert (outcome.ending, outcome.exit_code, outcome.signal) == (Ending.EXITED, 3, None)
    assert not outcome.succeeded
    assert seconds(0.2) <= outcome.duration < seconds(5)
    assert 60_000_000 < outcome.peak_memory_bytes < 300_000_000


def test_when_a_command_dies_by_a_signal_the_code_is_128_plus_its_number(marked: Marked) -> None:
    outcome = run_guarded(["sh", "-c", "kill -SEGV $$"], env=marked.env)

    assert (outcome.ending, outcome.exit_code, outcome.signal) == (Ending.EXITED, 139, signal.SIGSEGV)


def test_when_the_time_is_up_a_command_that_ignores_sigterm_is_gone_within_a_second(marked: Marked) -> None:
    began = time.monotonic()

    outcome = run_guarded(STUBBORN, env=marked.env, timeout=seconds(1), grace=seconds(30))

    assert outcome.ending is Ending.TIMED_OUT
    assert time.monotonic() - began < 2.2
    assert marked.alive() == []


def test_when_the_time_is_up_a_command_hears_sigterm_first(marked: Marked, tmp_path: Path) -> None:
    script = f"trap 'touch {tmp_path}/heard; exit 5' TERM; while :; do sleep 0.05; done"

    outcome = run_guarded(["sh", "-c", script], env=marked.env, timeout=seconds(0.5))

    assert (outcome.ending, outcome.exit_code) == (Ending.TIMED_OUT, 5)
    assert (tmp_path / "heard").exists()


def test_when_a_command_stops_itself_it_still_hears_sigterm(marked: Marked) -> None:
    outcome = run_guarded(["sh", "-c", "kill -STOP $$"], env=marked.env, timeout=seconds(0.3))

    assert (outcome.ending, outcome.signal) == (Ending.TIMED_OUT, signal.SIGTERM)


def test_when_a_command_leaves_daemons_behind_they_end_with_it(marked: Marked) -> None:
    outcome = run_guarded(["python3", "-c", DAEMONISE], env=marked.env, grace=seconds(0.5))

    assert (outcome.ending, outcome.exit_code, outcome.survivors) == (Ending.EXITED, 0, 0)
    assert marked.alive() == []


def test_when_daemons_keep_forking_into_new_sessions_they_end_nevertheless(marked: Marked) -> None:
    code = "import os\nwhile True:\n  if os.fork(): os._exit(0)\n  os.setpgid(0, 0)"

    outcome = run_guarded(["python3", "-c", code], env=marked.env, grace=seconds(0.3))

    assert outcome.survivors == 0
    assert marked.alive() == []


def test_when_a_waiting_worker_is_interrupted_it_returns_at_once_and_the_command_gets_its_grace(
    marked: Marked, tmp_path: Path
) -> None:
    script = f"trap 'sleep 1; touch {tmp_path}/clean; exit' TERM; sleep 600 & touch {tmp_path}/ready; wait"
    raised: list[float] = []

    def interrupt() -> None:
        if (tmp_path / "ready").exists():
            raised.append(time.monotonic())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_guarded(["sh", "-c", script], env=marked.env, on_tick=interrupt, tick=seconds(0.02))

    assert time.monotonic() - raised[0] < 0.3
    assert marked.alive() != []
    assert wait_until(lambda: not marked.alive()) <= 5
    assert (tmp_path / "clean").exists()
    wait_until(lambda: not any(t.name == "guard-reaper" for t in threading.enumerate()))


def test_when_a_cancelled_command_ignores_sigterm_it_is_killed_after_the_grace(marked: Marked) -> None:
    def interrupt() -> None:
        if len(marked.alive()) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_guarded(STUBBORN, env=marked.env, grace=seconds(1), on_tick=interrupt, tick=seconds(0.02))

    assert 0.8 < wait_until(lambda: not marked.alive()) < 2


def test_when_the_deadline_passes_in_the_grace_of_a_cancelled_command_it_is_killed(marked: Marked) -> None:
    with Guarded(STUBBORN, env=marked.env, timeout=seconds(1), grace=seconds(30)) as command:
        wait_until(lambda: len(marked.alive()) == 2)
        command.cancel()
        outcome = command.wait()

    assert outcome.ending is Ending.CANCELLED
    assert outcome.duration < seconds(2.2)


def test_when_the_guard_itself_is_asked_to_go_the_command_is_cancelled(marked: Marked) -> None:
    with Guarded(["sleep", "600"], env=marked.env) as command:
        wait_until(marked.alive)
        os.kill(command._guard.pid, signal.SIGTERM)
        outcome = command.wait()

    assert (outcome.ending, outcome.signal) == (Ending.CANCELLED, signal.SIGTERM)


def test_when_the_guard_is_killed_so_are_the_daemons_of_its_command(marked: Marked) -> None:
    # The command goes on while its daemons are up: three generations of two each.
    with Guarded(["python3", "-c", DAEMONISE + "time.sleep(600)"], env=marked.env) as command:
        wait_until(lambda: len(marked.alive()) == 7)
        os.kill(command._guard.pid, signal.SIGKILL)
        outcome = command.wait()

    assert (outcome.ending, outcome.exit_code) == (Ending.LOST, None)
    assert wait_until(lambda: not marked.alive()) <= 2
