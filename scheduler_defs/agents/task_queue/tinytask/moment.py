"""One snapshot for all who look at the same time: open tasks are read as a whole, whatever the queue."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from scheduler_defs.agents.task_queue.tinytask.snapshot import Snapshot

FRESH_SECONDS = 0.5
"""A snapshot is good for so long after it was read, unless we change something ourselves. What others change
meanwhile is seen at the next look, at most five seconds later."""


class Moment:
    """The last snapshot. Safe to use from several threads: while one reads, the others wait for the same."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._changes = 0
        self._begun = 0
        self._last: tuple[float, int, Snapshot] | None = None

    def change(self) -> None:
        """What was read by now is out of date."""
        self._changes += 1

    def mark(self) -> int:
        """For `get`: a snapshot that has been begun by now is not wanted."""
        return self._begun

    def get(self, read: Callable[[], Snapshot], *, after: int = 0) -> Snapshot:
        """The last snapshot while it is fresh and begun after that mark, or else a new one."""
        with self._lock:
            if self._last is not None and self._begun > after:
                at, changes, snapshot = self._last
                if changes == self._changes and self._clock() - at <= FRESH_SECONDS:
                    return snapshot
            self._begun += 1
            changes = self._changes
            snapshot = read()
            self._last = (self._clock(), changes, snapshot)
            return snapshot
