"""Whether messages still reach a worker: its consumer goes round, and its pool has processes.

A worker whose consumer has ended, and whose process has not, would beat for ever and take no run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psutil
from celery.bootsteps import CLOSE, TERMINATE

from scheduler_defs.execution.life import clock

TICK_SECONDS = 2.0
STANDS_STILL_SECONDS = 30.0


class Hearing:
    """Asked by the beat's thread, told by the main thread's event loop."""

    def __init__(self, children: Callable[[], list[int]]) -> None:
        self._children = children
        self._consumer: Any = None
        self._ticked = clock.now()
        self._closing = False

    def connected(self, consumer: Any) -> None:
        """Celery's consumer has (again) a connection: its event loop tells from now on that it goes round."""
        self._consumer = consumer
        self._tick()
        consumer.timer.call_repeatedly(TICK_SECONDS, self._tick)

    def closing(self) -> None:
        """The worker was told to end: what stops now is meant to."""
        self._closing = True

    def why_deaf(self) -> str | None:
        """Why no message can reach the worker any more; None while it listens, or waits for its broker."""
        consumer = self._consumer
        if consumer is None or self._closing:
            return None
        if CLOSE <= (consumer.blueprint.state or 0) <= TERMINATE:
            return "its consumer has ended"
        if CLOSE <= (consumer.controller.blueprint.state or 0) <= TERMINATE:
            return "it has ended all but its process"
        # One that has no work needs none.
        if consumer.pool.num_processes and not any(psutil.pid_exists(pid) for pid in self._children()):
            return "it has no processes"
        # Without a connection the loop waits for the broker, as long as it takes.
        if consumer.connection is not None and clock.now() - self._ticked > STANDS_STILL_SECONDS:
            return f"its event loop has stood still for {clock.now() - self._ticked:.0f} s"
        return None

    def _tick(self) -> None:
        self._ticked = clock.now()
