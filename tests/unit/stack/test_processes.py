"""A stack's processes are known by their mark, whoever their parents are."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator

import psutil
import pytest

from scheduler_defs.stack.machine import processes
from scheduler_defs.stack.machine.environment import COMPONENT, STACK_ID
from scheduler_defs.stack.machine.record import ComponentRecord, StackRecord, State
from tests.patience import wait_until

SINCE = "2026-01-01T00:00:00+00:00"
SLEEP = "import time; print('up', flush=True); time.sleep(60)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SLEEP
OBEDIENT = (
    "import time\ntry:\n    print('up', flush=True)\n    time.sleep(60)\n"
    "except KeyboardInterrupt:\n    print('interrupted', flush=True)"
)
# A grandchild in a session of its own, whose parent is gone.
ORPHAN = (
    "import subprocess, sys; "
    f"child = subprocess.Popen([sys.executable, '-c', {SLEEP!r}], start_new_session=True); "
    "print(child.pid, flush=True)"
)

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def stack_id() -> str:
    return uuid.uuid4().hex


@pytest.fixture
def start(stack_id: str) -> Iterator[Start]:
    started: list[subprocess.Popen[str]] = []

    def run(code: str, component: str | None = "daemon") -> subprocess.Popen[str]:
        mark = {STACK_ID: stack_id, COMPONENT: component} if component else {}
        process = subprocess.Popen(
            [sys.executable, "-c", code], env={**os.environ, **mark}, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        process.first_line = process.stdout.readline().strip()  # type: ignore[attr-defined]
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
    processes.end(processes.marked(stack_id), signal.SIGKILL, grace_seconds=2)


def pids(found: list[psutil.Process]) -> set[int]:
    return {process.pid for process in found}


def test_given_marked_and_other_processes_then_only_the_marked_are_found(stack_id: str, start: Start) -> None:
    ours, worker, _other = start(SLEEP), start(SLEEP, "worker-runs"), start(SLEEP, None)
    assert pids(processes.marked(stack_id)) == {ours.pid, worker.pid}
    assert pids(processes.marked(stack_id, "worker-runs")) == {worker.pid}


def test_given_a_grandchild_in_its_own_session_whose_parent_is_gone_then_it_is_found(
    stack_id: str, start: Start
) -> None:
    parent = start(ORPHAN)
    parent.wait()
    assert pids(processes.marked(stack_id)) == {int(parent.first_line)}  # type: ignore[attr-defined]


def test_given_a_process_that_ignores_sigterm_when_it_is_ended_then_it_is_killed(
    stack_id: str, start: Start
) -> None:
    stubborn = start(STUBBORN)
    processes.end(processes.marked(stack_id), grace_seconds=0.2)
    assert stubborn.poll() == -signal.SIGKILL


def test_given_a_process_that_obeys_when_it_is_ended_then_it_gets_the_signal_asked_for(
    stack_id: str, start: Start
) -> None:
    process = start(OBEDIENT)
    processes.end(processes.marked(stack_id), signal.SIGINT, grace_seconds=5)
    assert process.stdout is not None
    assert process.stdout.read() == "interrupted\n"


def test_given_a_reused_pid_then_it_is_not_the_same_process(start: Start) -> None:
    process = start(SLEEP)
    began = psutil.Process(process.pid).create_time()
    assert processes.same_process(process.pid, began) is not None
    assert processes.same_process(process.pid, began - 60) is None
    assert processes.same_process(None, None) is None


def test_given_what_a_killed_supervisor_left_then_all_of_it_ends_and_nothing_else(
    stack_id: str, start: Start
) -> None:
    # Postgres writes its title over its environment: it is known by its pid and start.
    server, child, stranger = start(OBEDIENT, None), start(SLEEP), start(SLEEP, None)
    began = psutil.Process(server.pid).create_time()
    components = (
        ComponentRecord("postgres", State.HEALTHY, server.pid, began, SINCE, 0, "", ""),
        ComponentRecord("valkey", State.HEALTHY, stranger.pid, began - 3600, SINCE, 0, "", ""),
    )
    record = StackRecord(stack_id, 1, SINCE, True, "", {}, components)
    assert processes.end_leftovers(record, grace_seconds=5) == sorted((server.pid, child.pid))
    assert server.stdout is not None
    assert server.stdout.read() == "interrupted\n"
    assert child.poll() is not None
    assert stranger.poll() is None


def test_given_a_process_then_when_it_began_is_told_by_the_clock_of_now() -> None:
    before = time.time()
    with subprocess.Popen([sys.executable, "-c", SLEEP], stdout=subprocess.PIPE) as process:
        after = time.time()
        try:
            found = processes.began(process.pid)
        finally:
            process.kill()
    # The kernel counts in hundredths of a second.
    assert found is not None
    assert before - 0.1 <= found <= after + 0.1
    assert processes.began(process.pid) is None
    assert processes.began(None) is None


def test_given_a_process_that_nobody_reaps_then_it_has_ended() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as zombie:
        found = psutil.Process(zombie.pid)
        started = found.create_time()
        wait_until(lambda: found.status() == psutil.STATUS_ZOMBIE)
        assert processes.ends_within(found, 0.0)
        assert processes.same_process(zombie.pid, started) is None


def test_given_a_process_that_goes_on_then_it_has_not_ended_within_the_time() -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as sleeper:
        assert not processes.ends_within(psutil.Process(sleeper.pid), 0.1)
        processes.end([psutil.Process(sleeper.pid)], grace_seconds=5)
        assert sleeper.wait() == -signal.SIGTERM
