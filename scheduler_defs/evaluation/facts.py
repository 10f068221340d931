"""What a tick must know of the instance before it can decide: read once, shared by the ticks of a moment.

Hundreds of schedules tick in the same minute. They share one reading of the active runs, at most a second
old, and a ledger of what has been granted since, so that limits and overlap rules hold among them too.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import sqlalchemy as sa

from scheduler_defs import database, tags
from scheduler_defs.evaluation.known_runs import STAGES, KnownRun, Stage
from scheduler_defs.evaluation.shared import FRESH_SECONDS

# A granted run must show up in run storage within this time; else its tick failed and the grant is void.
GRANT_SECONDS = 120.0

_ACTIVE = sa.text(
    """
    -- active_runs: every run that has not ended, or that was created lately (a granted run may end before
    -- it is looked for), with the tags that limits and overlap rules look at
    SELECT r.run_id,
           r.status,
           max(t.value) FILTER (WHERE t.key = :job)           AS job,
           max(t.value) FILTER (WHERE t.key = :schedule)      AS schedule,
           max(t.value) FILTER (WHERE t.key = :scheduled_for) AS scheduled_for
    FROM runs r
    LEFT JOIN run_tags t ON t.run_id = r.run_id AND t.key IN (:job, :schedule, :scheduled_for)
    WHERE r.status IN ('NOT_STARTED', 'QUEUED', 'STARTING', 'STARTED', 'CANCELING')
       OR r.create_timestamp > (now() AT TIME ZONE 'UTC') - make_interval(secs => :recent)
    GROUP BY r.run_id, r.status
    """
)


@dataclass
class Ledger:
    """Active runs of the instance, together with runs granted by this process that are not visible yet."""

    read: Callable[[], list[KnownRun]]
    clock: Callable[[], float] = time.monotonic
    lock: threading.RLock = field(default_factory=threading.RLock)
    _seen: list[KnownRun] = field(default_factory=list)
    _read_at: float = float("-inf")
    _granted: dict[tuple[str | None, str | None], tuple[float, KnownRun]] = field(default_factory=dict)

    def active(self) -> list[KnownRun]:
        """All active runs, granted ones included. Hold `lock` from here to `grant` to decide strictly."""
        with self.lock:
            now = self.clock()
            if now - self._read_at > FRESH_SECONDS:
                self._seen, self._read_at = self.read(), now
                visible = {(run.schedule, run.scheduled_for) for run in self._seen}
                self._granted = {
                    key: (at, run)
                    for key, (at, run) in self._granted.items()
                    if key not in visible and now - at < GRANT_SECONDS
                }
            unended = (run for run in self._seen if run.stage is not Stage.ENDED)
            return [*unended, *(run for _, run in self._granted.values())]

    def grant(self, job: str, schedule: str, scheduled_for: str) -> None:
        """Remember a launch that was decided now and will be in run storage shortly."""
        with self.lock:
            run = KnownRun(None, job, schedule, scheduled_for, Stage.WAITING)
            self._granted[schedule, scheduled_for] = (self.clock(), run)


def read_runs() -> list[KnownRun]:
    """The instance's active and recent runs, one statement."""
    wanted = {"job": tags.JOB, "schedule": tags.SCHEDULE, "scheduled_for": tags.SCHEDULED_FOR}
    with database.engine().connect() as connection:
        rows = connection.execute(_ACTIVE, {**wanted, "recent": GRANT_SECONDS}).all()
    return [
        KnownRun(row.run_id, row.job, row.schedule, row.scheduled_for, STAGES.get(row.status, Stage.ENDED))
        for row in rows
    ]
