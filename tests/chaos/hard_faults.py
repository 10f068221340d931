"""Faults of machines rather than of processes: frozen and waking up, a clock that is set, two of what there is one."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from scheduler_defs.execution.life.terms import terms
from scheduler_defs.settings import PROJECT_ROOT
from tests.chaos.faults import busy_children, pid_of
from tests.chaos.yard import Yard
from tests.integration.running_stack import until


def kill_inner_code_server(yard: Yard) -> None:
    """SIGKILL of the process behind the code server; the one that the supervisor started lives on."""
    outer = psutil.Process(pid_of(yard, "code-server"))
    for inner in outer.children(recursive=True):
        inner.kill()


@contextmanager
def everything_frozen(yard: Yard) -> Iterator[None]:
    """SIGSTOP of the whole stack: supervisor, components, guards and commands. Then SIGCONT."""
    frozen = {process.pid: process for process in yard.stack.processes()}
    supervisor = psutil.Process(yard.stack.record.pid)
    for process in (supervisor, *supervisor.children(recursive=True)):
        frozen[process.pid] = process
    for process in frozen.values():
        with contextlib.suppress(psutil.Error):
            process.suspend()
    try:
        yield
    finally:
        for process in frozen.values():
            with contextlib.suppress(psutil.Error):
                process.resume()


def freeze_everything(yard: Yard, seconds: float) -> None:
    """As `docker pause` does."""
    with everything_frozen(yard):
        time.sleep(seconds)


def suspend(yard: Yard, seconds: int) -> None:
    """The machine sleeps: nothing goes on, and afterwards the clocks that count sleep are so much later.

    The kernel's timers, which the clock of a test cannot move, are given the time to run out.
    """
    assert yard.clock is not None
    with everything_frozen(yard):
        time.sleep(terms().expiry.total_seconds())
        yard.clock.sleep(seconds)


def freeze_child_and_guard(yard: Yard, seconds: float) -> None:
    """SIGSTOP of a busy worker child and of its commands' guards; the commands themselves go on."""
    child = until(lambda: busy_children(yard, "worker-runs"), "a busy child")[0]
    guards = [each for each in child.children() if any("execution/guard/" in item for item in each.cmdline())]
    for process in (child, *guards):
        process.suspend()
    time.sleep(seconds)
    for process in (child, *guards):
        with contextlib.suppress(psutil.Error):
            process.resume()


def second_daemon(yard: Yard, seconds: float) -> None:
    """Somebody starts a daemon beside the stack's own, and ends it later."""
    process = subprocess.Popen(
        [sys.executable, "-m", "dagster._daemon", "run", "-w", str(PROJECT_ROOT / "workspace.yaml")],
        env=yard.stack.environment,
        cwd=PROJECT_ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    time.sleep(seconds)
    process.send_signal(signal.SIGINT)
    process.wait(120)
