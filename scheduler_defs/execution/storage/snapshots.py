"""Which snapshots of jobs and plans are there. Whoever asks keeps them from being dropped for a while.

Dagster asks whether a snapshot is there and then adds a run that refers to it. In between retention must not
drop it, nor while a process remembers that it is there (`scheduler_defs.execution.pruning.snapshots`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager

import sqlalchemy as sa

REMEMBERED_SECONDS = 3_600.0
"""Far less than what is unused stays."""
_MOST = 4_096
_MARKED = sa.text("SELECT to_regclass('signalbox.unused_snapshots') IS NOT NULL")
# First, and in a statement of its own: where it is being dropped just now this waits, and the next sees that.
_USED = sa.text("DELETE FROM signalbox.unused_snapshots WHERE snapshot_id = :id")
_THERE = sa.text("SELECT EXISTS (SELECT FROM snapshots WHERE snapshot_id = :id)")


class Snapshots:
    """What one process knows of them."""

    def __init__(
        self,
        connect: Callable[[], AbstractContextManager[sa.Connection]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connect = connect
        self._clock = clock
        self._seen: dict[str, float] = {}
        self._marked = False

    def is_there(self, snapshot_id: str) -> bool:
        """Whether it is; if so, it stays for longer than that is remembered."""
        now = self._clock()
        seen = self._seen.get(snapshot_id)
        if seen is not None and now - seen < REMEMBERED_SECONDS:
            return True
        with self._connect() as connection:
            if self._marked or connection.execute(_MARKED).scalar_one():
                self._marked = True
                connection.execute(_USED, {"id": snapshot_id})
            there: bool = connection.execute(_THERE, {"id": snapshot_id}).scalar_one()
        self._seen.pop(snapshot_id, None)
        if there:
            if len(self._seen) >= _MOST:
                self._seen.pop(next(iter(self._seen)))
            self._seen[snapshot_id] = now
        return there

    def forget(self) -> None:
        """All of them are gone."""
        self._seen.clear()
