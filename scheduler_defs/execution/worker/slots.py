"""A worker's processes are forked when there is work for them, and end when there has been none for a while.

A process that waits for work costs 16 MB, and 37 once it has had some; to fork another one takes a moment.
Celery's autoscaler does it, with a rule of ours: it would end a process that is just about to begin, because
it counts what has been accepted and not what has been sent.
"""

from __future__ import annotations

import contextlib
from typing import Any, Literal

from celery.worker.autoscale import Autoscaler
from typing_extensions import override

from scheduler_defs.execution.life import clock

KEPT_SECONDS = 60.0
"""A process is kept for as long, and at most twice as long, after it was last needed."""


class Need:
    """How many processes a worker is to have: what it needed at once, in this minute and the one before."""

    def __init__(self, most: int, least: int, now: float) -> None:
        self._most = most
        self._least = least
        self._began = now
        self._this_minute = 0
        self._last_minute = 0

    def processes(self, busy: int, now: float) -> int:
        """How many there are to be, where there is work for `busy`."""
        if now - self._began >= KEPT_SECONDS:
            over = now - self._began >= 2 * KEPT_SECONDS
            self._last_minute = 0 if over else self._this_minute
            self._this_minute = 0
            self._began = now
        self._this_minute = max(self._this_minute, busy)
        return min(self._most, max(self._least, self._this_minute, self._last_minute))


class Slots(Autoscaler):
    """Named by `worker_autoscaler`; there is one in a worker that was started with `--autoscale MOST,LEAST`.

    Everything is called on the event loop, also for each message.
    """

    def __init__(self, pool: Any, max_concurrency: int, min_concurrency: int = 0, **more: Any) -> None:
        super().__init__(pool, max_concurrency, min_concurrency, **more)
        self._need = Need(max_concurrency, min_concurrency, clock.now())

    @override
    def _maybe_scale(self, req: Any = None) -> Literal[True] | None:
        there, busy = self.processes, self.qty
        wanted = self._need.processes(busy, clock.now())
        if wanted > there:
            self.pool.grow(wanted - there)
            return True
        # Only while nothing is under way: whoever ends then has nothing.
        if busy == 0:
            if wanted < there:
                with contextlib.suppress(ValueError):  # one has ended and is not replaced yet
                    self.pool.shrink(there - wanted)
            self._end_surplus()
        return True if wanted < there and busy == 0 else None

    def _end_surplus(self) -> None:
        """Tell those to end that are more than there are to be, first those that were told before.

        The pool's own count takes one that is ending for one that has been told now. And one that had just
        been forked when it was told still had its parent's handler, and went on.
        """
        there = sorted(self.pool._pool._pool, key=_was_told, reverse=True)
        for process in there[: max(0, len(there) - self.processes)]:
            process.terminate_controlled()


def _was_told(process: Any) -> bool:
    return getattr(process, "_controlled_termination", False)
