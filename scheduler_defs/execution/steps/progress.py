"""How far a step has come, by the run's event log: the one truth that survives whoever wrote it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa

# Each attempt of a step begins with a start and, if there is to be another one, ends with up-for-retry.
PROGRESS = sa.text(
    """
    SELECT count(*) FILTER (WHERE dagster_event_type = 'STEP_UP_FOR_RETRY') AS retries,
           coalesce(max(id) FILTER (WHERE dagster_event_type = 'STEP_UP_FOR_RETRY'), 0) AS last_retry,
           coalesce(max(id) FILTER (
               WHERE dagster_event_type IN ('STEP_START', 'STEP_RESTARTED')
           ), 0) AS last_start,
           coalesce(max(id) FILTER (
               WHERE dagster_event_type IN ('STEP_SUCCESS', 'STEP_FAILURE', 'STEP_SKIPPED')
           ), 0) AS ended
    FROM event_logs WHERE run_id = :run_id AND step_key = :step_key
    """
)
# Slots of the live workers that serve a queue, and those of them that no lease holds.
SLOTS = sa.text(
    """
    SELECT count(*) AS workers, coalesce(sum(greatest(slots - held, 0)), 0) AS free
    FROM (
        SELECT slots, (
            SELECT count(*) FROM signalbox.leases WHERE worker_id = workers.id AND lost IS NULL
        ) AS held
        FROM signalbox.workers
        WHERE :queue = ANY(queues) AND NOT draining
          AND heartbeat > now() - make_interval(secs => :silence_seconds)
          AND heartbeat <= now() + make_interval(secs => :silence_seconds)
    ) AS live
    """
)


@dataclass(frozen=True, slots=True)
class StepProgress:
    """What the event log says of one step of one run.

    `retries`: attempts that ended with a decision to try again. `begun`: the attempt after these has started.
    `ended`: the step has succeeded, failed or been skipped for good.
    """

    retries: int
    begun: bool
    ended: bool

    def may_begin(self, attempt: int) -> bool:
        """Whether attempt number `attempt` (from 1) is the one whose turn it is, and nobody has begun it."""
        return not self.ended and not self.begun and self.retries == attempt - 1

    def is_over(self, attempt: int) -> bool:
        """Whether attempt number `attempt` has come to its end, whichever."""
        return self.ended or self.retries >= attempt


def step_progress(connection: sa.Connection, run_id: str, step_key: str) -> StepProgress:
    """Read a step's progress."""
    row = connection.execute(PROGRESS, {"run_id": run_id, "step_key": step_key}).one()
    return StepProgress(row.retries, row.last_start > row.last_retry, row.ended > row.last_retry)


@dataclass(frozen=True, slots=True)
class QueueSlots:
    """Live workers of a Celery queue, and how many of their slots are free."""

    workers: int
    free: int


def queue_slots(connection: sa.Connection, queue: str, silence: timedelta) -> QueueSlots:
    """Read a queue's slots. A worker is live until it has been silent for longer than `silence`."""
    parameters = {"queue": queue, "silence_seconds": silence.total_seconds()}
    row = connection.execute(SLOTS, parameters).one()
    return QueueSlots(row.workers, int(row.free))
