"""The runs that overlap rules and limits count: read once, shared by the ticks of a moment.

Hundreds of schedules tick in the same minute. They share one reading of the active runs, at most a second
old, and what this process has granted since, so that limits and overlap rules hold among them too. What other
processes have granted is in the ledger, and is read with the runs.
"""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

import sqlalchemy as sa

from scheduler_defs import database, tags
from scheduler_defs.evaluation.facts.known_runs import STAGES, KnownRun, Stage
from scheduler_defs.evaluation.facts.sharing import FRESH_SECONDS

# A granted run must show up in run storage within this time; else its tick failed and the grant is void.
GRANT_SECONDS = 120.0

Occurrence = tuple[str, dt.datetime]
"""A schedule and an instant."""

_ACTIVE = sa.text(
    """
    -- active_runs: every run that has not ended, or that was created lately (a granted run may end before
    -- it is looked for), with the tags that limits and overlap rules look at; and runs that are ordered and
    -- not there yet
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
    UNION ALL
    SELECT o.run_id, 'NOT_STARTED', o.job, o.schedule, to_char(o.due AT TIME ZONE 'UTC', :iso)
    FROM signalbox.occurrences o
    WHERE o.outcome = 'launched' AND o.created_at IS NULL
      AND o.decided_at > now() - make_interval(secs => :recent)
      AND NOT EXISTS (SELECT FROM runs WHERE runs.run_id = o.run_id)
    """
)
_ISO = 'YYYY-MM-DD"T"HH24:MI:SS"+00:00"'


@dataclass
class ActiveRuns:
    """Active runs of the instance, together with runs granted by this process that are not visible yet."""

    read: Callable[[], list[KnownRun]]
    clock: Callable[[], float] = time.monotonic
    lock: threading.RLock = field(default_factory=threading.RLock)
    _seen: list[KnownRun] = field(default_factory=list)
    _read_at: float = float("-inf")
    _granted: dict[Occurrence, tuple[float, KnownRun]] = field(default_factory=dict)

    def active(self, leaving_out: Collection[Occurrence] = ()) -> list[KnownRun]:
        """All active runs, granted ones included. Hold `lock` from here to `grant` to decide strictly.

        `leaving_out`: occurrences that are being decided. Their own runs and grants, from an evaluation of
        the same tick that was interrupted, count for nothing.
        """
        with self.lock:
            now = self.clock()
            if now - self._read_at > FRESH_SECONDS:
                self._seen, self._read_at = self.read(), now
                visible = {_occurrence(run) for run in self._seen}
                self._granted = {
                    key: (at, run)
                    for key, (at, run) in self._granted.items()
                    if key not in visible and now - at < GRANT_SECONDS
                }
            unended = [run for run in self._seen if run.stage is not Stage.ENDED]
            found = [*unended, *(run for _, run in self._granted.values())]
            if not leaving_out:
                return found
            names = {schedule for schedule, _ in leaving_out}
            return [run for run in found if run.schedule not in names or _occurrence(run) not in leaving_out]

    def forget(self) -> None:
        """Read anew when asked next: others may have decided since."""
        with self.lock:
            self._read_at = float("-inf")

    def grant(self, job: str, schedule: str, due: dt.datetime, run_id: str | None = None) -> None:
        """Remember a launch that was decided now and will be in run storage shortly."""
        with self.lock:
            run = KnownRun(run_id, job, schedule, due.isoformat(), Stage.WAITING)
            self._granted[schedule, due] = (self.clock(), run)

    def withdraw(self, schedule: str, due: dt.datetime) -> None:
        """Forget a launch that did not become irrevocable after all."""
        with self.lock:
            self._granted.pop((schedule, due), None)


def read_runs() -> list[KnownRun]:
    """The instance's active and recent runs and those that are ordered, one statement."""
    wanted = {"job": tags.JOB, "schedule": tags.SCHEDULE, "scheduled_for": tags.SCHEDULED_FOR, "iso": _ISO}
    with database.engine().connect() as connection:
        rows = connection.execute(_ACTIVE, {**wanted, "recent": GRANT_SECONDS}).all()
    return [
        KnownRun(row.run_id, row.job, row.schedule, row.scheduled_for, STAGES.get(row.status, Stage.ENDED))
        for row in rows
    ]


def _occurrence(run: KnownRun) -> Occurrence | None:
    if run.schedule is None or run.scheduled_for is None:
        return None
    try:
        return run.schedule, dt.datetime.fromisoformat(run.scheduled_for)
    except ValueError:  # a tag that somebody wrote by hand
        return None
