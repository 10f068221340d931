"""Limits of schedules hold when two code servers decide in the same moment: they count one after the other.

Two stacks' code servers on one database, or one that is replaced, each count what runs and what is ordered.
Whoever counts holds an advisory lock until its decision is in the ledger, which the next one reads anew. The
threads of a process share the lock, and know of each other's grants: a thousand schedules of one minute wait
for it once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import sqlalchemy as sa

SHARED_SECONDS = 0.5
"""For so long a process' threads join in; then the lock is given back, and others have their turn."""

_LOCK = sa.text("SELECT pg_advisory_xact_lock(hashtextextended('signalbox schedule limits', 0))")


@dataclass
class CountingAlone:
    """The right to count, of one process. `forget`: called when it has been taken, to read anew."""

    engine: Callable[[], sa.Engine]
    forget: Callable[[], None]
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _users: int = 0
    _since: float = 0.0
    _held: ExitStack = field(default_factory=ExitStack)

    @contextmanager
    def held(self) -> Iterator[None]:
        """From counting to what was decided being written. Raises SQLAlchemyError without the database."""
        with self._changed:
            while self._users and time.monotonic() - self._since > SHARED_SECONDS:
                self._changed.wait(1)
            if not self._users:
                self._take()
            self._users += 1
        try:
            yield
        finally:
            with self._changed:
                self._users -= 1
                if not self._users:
                    self._held.close()
                    self._changed.notify_all()

    def _take(self) -> None:
        with ExitStack() as taking:
            connection = taking.enter_context(self.engine().begin())
            connection.execute(_LOCK)
            self._held = taking.pop_all()
        self._since = time.monotonic()
        self.forget()
