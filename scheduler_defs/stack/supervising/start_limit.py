"""How long a component may take to get ready: longer while it works at it, on a busy machine."""

from __future__ import annotations

from collections.abc import Callable

import psutil

LIMIT_SECONDS = 120.0
MOST_SECONDS = 720.0
IDLE_SECONDS = 30.0
"""Whoever uses no processor for so long waits for something that does not come."""
_WORK_SECONDS = 0.1


def processor_seconds(pid: int) -> float:
    """What a process and those below it have used of the processors; 0 when it is gone."""
    used = 0.0
    try:
        leader = psutil.Process(pid)
        for process in (leader, *leader.children(recursive=True)):
            times = process.cpu_times()
            used += times.user + times.system
    except psutil.Error:
        pass
    return used


class StartLimit:
    """Of one start. Another one from the beginning would help nobody while this one goes on."""

    def __init__(self, used: Callable[[int], float] = processor_seconds) -> None:
        self._used = used
        self._most = 0.0
        self._worked_at = 0.0

    def is_over(self, pid: int, waited_seconds: float) -> bool:
        """Whether a process that is not ready after so many seconds is to be started anew."""
        if waited_seconds < LIMIT_SECONDS - IDLE_SECONDS:
            self._worked_at = waited_seconds
            return False
        used = self._used(pid)
        if used > self._most + _WORK_SECONDS:
            self._most, self._worked_at = used, waited_seconds
        idle = waited_seconds - self._worked_at >= IDLE_SECONDS
        return waited_seconds > MOST_SECONDS or (waited_seconds > LIMIT_SECONDS and idle)
