"""Finding and ending the processes of a stack: by a mark in their environment, never by name.

Every component gets the stack's id in its environment, and everything that it starts inherits it. So a
process whose parents are long dead is still known as ours, and a process that reuses a pid never is.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable
from pathlib import Path

import psutil

from scheduler_defs.stack.machine.environment import COMPONENT, STACK_ID
from scheduler_defs.stack.machine.record import StackRecord

# A clock that was set meanwhile shifts what the kernel reports by the same amount.
_START_TOLERANCE_SECONDS = 2.0
_KILLED_SECONDS = 2.0
# What holds data, and therefore ends last.
SERVERS = ("postgres", "valkey")


def marked(stack_id: str, component: str | None = None) -> list[psutil.Process]:
    """Every living process of the stack (or of one component) that carries the mark, except this one."""
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        if process.pid == os.getpid():
            continue
        try:
            environment = process.environ()
        except (psutil.Error, OSError):
            continue
        if environment.get(STACK_ID) == stack_id and component in (None, environment.get(COMPONENT)):
            found.append(process)
    return found


def same_process(pid: int | None, started: float | None) -> psutil.Process | None:
    """The process with this pid, if it is the one that was started then, and has not ended."""
    if pid is None or started is None:
        return None
    try:
        process = psutil.Process(pid)
        same = abs(process.create_time() - started) <= _START_TOLERANCE_SECONDS
        return process if same and lives(process) else None
    except psutil.Error:
        return None


def began(pid: int | None) -> float | None:
    """When the process was started, by the wall clock as it is set now; None when that cannot be known.

    What was written down at its start is by the clock as it was set then.
    """
    if pid is None:
        return None
    try:
        since_boot = psutil.Process(pid).create_time() - psutil.boot_time()
        return time.time() - (float(Path("/proc/uptime").read_text().split()[0]) - since_boot)
    except (psutil.Error, OSError):
        return None


def end(processes: Iterable[psutil.Process], number: int = signal.SIGTERM, *, grace_seconds: float) -> None:
    """Signal the processes, and kill those that are still there after the grace."""
    targets = list(processes)
    for process in targets:
        _signal(process, number)
    until = time.monotonic() + grace_seconds
    alive = [process for process in targets if not ends_within(process, until - time.monotonic())]
    for process in alive:
        _signal(process, signal.SIGKILL)
    until = time.monotonic() + _KILLED_SECONDS
    for process in alive:
        ends_within(process, until - time.monotonic())


def ends_within(process: psutil.Process, seconds: float) -> bool:
    """Whether the process ends within so many seconds. One that nobody has reaped has ended.

    In a container the first process often reaps nobody: what was started detached stays a zombie for ever.
    """
    end = time.monotonic() + seconds
    while lives(process):
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def lives(process: psutil.Process) -> bool:
    """Whether the process goes on: not of one that has ended and that nobody has reaped."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def end_leftovers(record: StackRecord, *, grace_seconds: float = 3.0) -> list[int]:
    """End what a supervisor that was killed has left running; the pids that were still there.

    The servers get SIGINT, on which Postgres ends at once and cleanly (on SIGTERM it would wait for its
    clients).
    """
    leaders = [same_process(item.pid, item.started) for item in record.components]
    found = {process.pid: process for process in (*marked(record.id), *leaders) if process is not None}
    found.pop(os.getpid(), None)
    servers = {item.pid for item in record.components if item.name in SERVERS}
    end([found[pid] for pid in found if pid not in servers], grace_seconds=grace_seconds)
    end([found[pid] for pid in found if pid in servers], signal.SIGINT, grace_seconds=grace_seconds)
    return sorted(found)


def _signal(process: psutil.Process, number: int) -> None:
    try:
        process.send_signal(number)
    except psutil.Error:
        return
