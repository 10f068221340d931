"""The newest occurrence that each schedule has dealt with: what is missed is counted from there.

Kept in memory and written behind, at most once a second for all schedules together. A crash loses at most the
last second of it; then an occurrence may be looked at again, and its run key keeps it from running twice.
"""

from __future__ import annotations

import datetime as dt
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

_READ = sa.text("SELECT schedule, handled FROM signalbox.schedule_states WHERE handled IS NOT NULL")

_WRITE = sa.text(
    """
    INSERT INTO signalbox.schedule_states AS s (schedule, handled)
    SELECT * FROM unnest(CAST(:schedules AS text[]), CAST(:instants AS timestamptz[]))
    ON CONFLICT (schedule) DO UPDATE SET handled = greatest(s.handled, excluded.handled)
    """
)

WRITE_EVERY_SECONDS = 1.0

_log = logging.getLogger(__name__)


@dataclass
class HandledOccurrences:
    """`get` and `note` the newest handled occurrence of a schedule. Thread-safe."""

    engine: Callable[[], sa.Engine]
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _known: dict[str, dt.datetime] | None = None
    _pending: dict[str, dt.datetime] = field(default_factory=dict)
    _written_at: float = float("-inf")
    _timer: threading.Timer | None = None

    def get(self, schedule: str) -> dt.datetime | None:
        """The newest handled occurrence; None for a schedule that has never been due."""
        with self._lock:
            if self._known is None:
                with self.engine().connect() as connection:
                    self._known = {row.schedule: row.handled for row in connection.execute(_READ)}
            return self._known.get(schedule)

    def note(self, schedule: str, occurrence: dt.datetime) -> None:
        """Remember that everything up to this occurrence has been dealt with."""
        with self._lock:
            known = self.get(schedule)
            if known is not None and known >= occurrence:
                return
            assert self._known is not None
            self._known[schedule] = self._pending[schedule] = occurrence
            wait = self._written_at + WRITE_EVERY_SECONDS - time.monotonic()
            if wait <= 0:
                self.flush()
            elif self._timer is None:
                self._timer = threading.Timer(wait, self._flush_later)
                self._timer.daemon = True
                self._timer.start()

    def _flush_later(self) -> None:
        try:
            self.flush()
        except SQLAlchemyError as error:
            # Still pending: the next tick writes it, or fails visibly.
            _log.warning("handled occurrences are not written yet: %s", error)

    def flush(self) -> None:
        """Write what is pending, one statement. Raises SQLAlchemyError, and keeps it, if that fails."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = None
            pending, self._pending = self._pending, {}
            self._written_at = time.monotonic()
            if not pending:
                return
            values = {"schedules": list(pending), "instants": [i.isoformat() for i in pending.values()]}
            try:
                with self.engine().begin() as connection:
                    connection.execute(_WRITE, values)
            except SQLAlchemyError:
                self._pending = {**pending, **self._pending}
                raise
