"""A worker that dies, freezes or loses its lease takes its commands with it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

from scheduler_defs.execution.life import clock
from tests.patience import wait_until
from tests.unit.guard.conftest import DAEMONISE, Marked, Worker

StartWorker = Callable[..., Worker]
DAEMONS = ("python3", "-c", DAEMONISE + "time.sleep(600)")


def test_when_the_worker_is_killed_no_descendant_lives_two_seconds_later(
    start_worker: StartWorker, marked: Marked
) -> None:
    worker = start_worker(*DAEMONS)
    wait_until(lambda: len(marked.alive()) == 7)

    os.kill(worker.pid, signal.SIGKILL)

    assert wait_until(lambda: not marked.alive()) <= 2


def test_when_the_worker_ends_after_cancelling_its_command_the_grace_is_cut_short(
    start_worker: StartWorker, marked: Marked
) -> None:
    worker = start_worker(*DAEMONS)
    wait_until(lambda: len(marked.alive()) == 7)

    worker.cancel()

    assert wait_until(lambda: len(marked.alive()) == 6) <= 2  # the command itself heard SIGTERM
    assert wait_until(lambda: not marked.alive()) <= 3


def test_when_the_whole_process_group_of_the_worker_is_killed_no_descendant_lives(
    start_worker: StartWorker, marked: Marked
) -> None:
    worker = start_worker(*DAEMONS)
    wait_until(lambda: len(marked.alive()) == 7)

    os.killpg(worker.pid, signal.SIGKILL)

    assert wait_until(lambda: not marked.alive()) <= 2


def test_when_the_worker_is_frozen_its_command_is_dead_before_the_lease_is(
    start_worker: StartWorker, marked: Marked
) -> None:
    worker = start_worker(*DAEMONS, lease=60)
    wait_until(lambda: len(marked.alive()) == 7)
    worker.renew(2)
    time.sleep(0.3)  # the worker forwards it at its next tick
    expires = float(worker.lease.read_text())

    os.kill(worker.pid, signal.SIGSTOP)
    wait_until(lambda: not marked.alive())
    died = clock.now()
    os.kill(worker.pid, signal.SIGCONT)

    assert expires <= died < expires + 0.5
    wait_until(worker.outcome.exists)
    assert worker.outcome.read_text() == "fenced"


def test_when_the_lease_is_not_renewed_the_command_is_killed(
    start_worker: StartWorker, marked: Marked
) -> None:
    worker = start_worker("sh", "-c", "trap '' TERM; while :; do sleep 600; done", lease=1.5)
    expires = float(worker.lease.read_text())

    wait_until(worker.outcome.exists)

    assert worker.outcome.read_text() == "fenced"
    assert expires <= clock.now() < expires + 1
    assert marked.alive() == []


def test_when_the_lease_is_renewed_the_command_goes_on(start_worker: StartWorker, marked: Marked) -> None:
    worker = start_worker("sleep", "4", lease=2)

    while not worker.outcome.exists():
        worker.renew(2)
        time.sleep(0.05)

    assert worker.outcome.read_text() == "exited"


def test_when_the_worker_had_lost_its_lease_before_nothing_keeps_running(
    start_worker: StartWorker, marked: Marked
) -> None:
    worker = start_worker("sleep", "600", lease=-1)

    wait_until(worker.outcome.exists)

    assert worker.outcome.read_text() == "fenced"
    assert marked.alive() == []


def test_when_a_process_forked_by_the_worker_keeps_the_channel_open_its_death_is_noticed(
    marked: Marked,
) -> None:
    # A fork inherits the worker's end of the channel, so there is no end of file.
    code = (
        "import os, sys, time\n"
        "from scheduler_defs.execution.guard.guard import Guarded\n"
        "command = Guarded(['sleep', '600'], env=dict(os.environ))\n"
        "if os.fork() == 0:\n  time.sleep(600)\n"
        "command.wait()"
    )
    import subprocess
    import sys

    with subprocess.Popen([sys.executable, "-c", code], env={**os.environ, **marked.env}) as worker:
        wait_until(lambda: len(marked.alive()) == 3)
        worker.kill()
        assert wait_until(lambda: len(marked.alive()) == 1) <= 2
