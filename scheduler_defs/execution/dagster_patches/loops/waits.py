"""What waits, for the schedule daemon: read from the ledger when there is news, and asked at each look."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping

from scheduler_defs.ledger.lines import Wait

FRESH_SECONDS = 2.0
"""Between two readings, whatever happens."""

Read = Callable[[], Mapping[str, Wait]]

_log = logging.getLogger("signalbox.daemon")


class Waits:
    """When each schedule of which something waits wants to be looked at. Threads may share it.

    While nobody answers, what was read last counts.
    """

    def __init__(
        self, read: Read, clock: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time
    ) -> None:
        self._read = read
        self._clock = clock
        self._wall = wall
        self._lock = threading.Lock()
        self._known: Mapping[str, Wait] = {}
        self._read_at = float("-inf")
        self._news = False
        self._loaded_at = float("-inf")
        self._told: set[tuple[str, float]] = set()

    def __call__(self) -> Mapping[str, float]:
        """By declared name, in seconds since the epoch, past or future. One reading for all of a look."""
        with self._lock:
            self._refresh()
            return self._since()

    @property
    def for_room(self) -> bool:
        """Whether something waits for a limit."""
        return any(each.refused is not None for each in self._known.values())

    def news(self) -> None:
        """Something was decided, or a run has ended: read anew before the next answer of `is_due`."""
        self._news = True

    def loaded(self) -> None:
        """Declarations were loaded, and a limit may be another: whoever was refused before may try again."""
        self._loaded_at = self._wall()

    def is_due(self) -> bool:
        """Whether the time of something has come; once for each."""
        with self._lock:
            if self._news:
                self._refresh()
            now = self._wall()
            due = {(name, since) for name, since in self._since().items() if since <= now}
            untold, self._told = due - self._told, due
            return bool(untold)

    def _since(self) -> Mapping[str, float]:
        return {name: self._when(each) for name, each in self._known.items()}

    def _when(self, wait: Wait) -> float:
        if wait.refused is not None and wait.refused < self._loaded_at:
            return min(wait.since, self._loaded_at)
        return wait.since

    def _refresh(self) -> None:
        now = self._clock()
        if now - self._read_at <= FRESH_SECONDS:
            return
        self._read_at, self._news = now, False
        try:
            self._known = self._read()
        except Exception as error:
            _log.warning("what waits cannot be read, the last answer counts: %s", error)
