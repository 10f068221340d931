"""What the dequeue loop reads: queued and active runs, live workers, leases. A few statements, small rows.

Dagster's own loop loads every queued run in full at each pass. Here each run is read once, when it first
shows up, and only as far as it matters.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa

from scheduler_defs import tags
from scheduler_defs.execution.life.terms import terms
from scheduler_defs.execution.queue.capacity import AGENT_QUEUE, STEP_QUEUE, LiveWorker
from scheduler_defs.execution.queue.choice.memory import Marks, WaitingRuns, read_marks
from scheduler_defs.execution.queue.choice.select import ActiveRun, QueuedRun
from scheduler_defs.limits import TagLimit

THOROUGHLY_EVERY = 20
"""Looks between two that read all waiting runs, whatever is remembered of them."""

# The runs that are out, and who holds them: in one snapshot, so that a run that a worker takes at this moment
# is either on its way or held.
OUT = sa.text(
    """
    SELECT runs.run_id, status, start_time, worker_id,
           extract(epoch FROM now() AT TIME ZONE 'UTC' - update_timestamp)::float8 AS unchanged_seconds
    FROM runs LEFT JOIN signalbox.leases
        ON leases.run_id = runs.run_id AND step_key = '' AND lost IS NULL
    WHERE status IN ('STARTING', 'STARTED', 'CANCELING')
    """
)
# With the number of the pass, before all else is read: what is counted afterwards holds while it stays the
# same.
WORKERS = sa.text(
    """
    SELECT id, queues, slots, (SELECT number FROM signalbox.queue_pass) AS pass FROM signalbox.workers
    WHERE NOT draining AND heartbeat > now() - make_interval(secs => :silence_seconds)
      AND heartbeat <= now() + make_interval(secs => :silence_seconds)
      AND NOT :step_queue = ANY(queues)
    """
)
LEASES = sa.text("SELECT run_id, step_key, worker_id FROM signalbox.leases WHERE lost IS NULL")


@dataclass(frozen=True, slots=True)
class OutRun(ActiveRun):
    """An active run with the times that the rescue of lost messages and Dagster's pools look at.

    `status` is Dagster's, or ENDED for a run that only its lease still knows, or STEP for a step's lease.
    """

    status: str = "STARTING"
    unchanged_seconds: float = 0.0
    start_time: float | None = None


@dataclass(frozen=True, slots=True)
class QueueState:
    """One look at the queue. Without workers there is no number of a pass: nothing can be let out."""

    queued: Sequence[QueuedRun]
    active: Sequence[OutRun]
    workers: Sequence[LiveWorker]
    number: int | None = None


def live_run_slots(engine: sa.Engine) -> int | None:
    """How many runs of jobs the live workers do at once; None without any. Raises SQLAlchemyError."""
    silence = terms().silence.total_seconds()
    with engine.connect() as connection:
        living = connection.execute(WORKERS, {"silence_seconds": silence, "step_queue": STEP_QUEUE}).all()
    return sum(row.slots for row in living if set(row.queues) != {AGENT_QUEUE}) or None


class QueueReader:
    """Reads the queue's state, remembering what it has read of each run before."""

    def __init__(self, silence: timedelta) -> None:
        self._silence_seconds = silence.total_seconds()
        self._waiting = WaitingRuns(frozenset())
        self._out: dict[str, Marks] = {}
        self._looks = 0

    def read(self, connection: sa.Connection, limits: Iterable[TagLimit]) -> QueueState:
        """The state now. A worker counts as live until it has been silent for longer than `silence`.

        Of the runs' tags, those are read that the limits are about. Workers of the queue of steps take no
        runs: runs that wait for their steps would fill them, for ever.
        """
        keys = frozenset({tags.PRIORITY, tags.CELERY_QUEUE, *(limit.key for limit in limits)})
        if keys != self._waiting.keys:
            self._waiting = WaitingRuns(keys)
            self._out.clear()
        living = connection.execute(
            WORKERS, {"silence_seconds": self._silence_seconds, "step_queue": STEP_QUEUE}
        ).all()
        workers = [LiveWorker(row.id, frozenset(row.queues), row.slots) for row in living]
        rows = connection.execute(OUT).all()
        # Leases after the runs: a run that ends meanwhile counts as out for one pass too many.
        leases = connection.execute(LEASES).all()
        self._learn(connection, [row.run_id for row in rows])
        active = [_out(row, self._out[row.run_id]) for row in rows]
        # A lease outlives its run's end by the moments in which its worker tidies up: that slot is taken.
        # So are those of steps, on workers that serve runs and steps of the same queue.
        others = [
            OutRun(row.run_id, {}, row.worker_id, status="STEP" if row.step_key else "ENDED")
            for row in leases
            if row.step_key or row.run_id not in self._out
        ]
        # The waiting ones last: a run that is launched or put back meanwhile is not overlooked.
        self._looks += 1
        queued = self._waiting.look(connection, thoroughly=self._looks % THOROUGHLY_EVERY == 0)
        return QueueState(
            [run for run in queued if run.run_id not in self._out],
            [*active, *others],
            workers,
            living[0]._mapping["pass"] if living else None,
        )

    def launched(self, run_ids: Sequence[str]) -> None:
        """These runs have been taken out of the queue."""
        self._out.update(
            {run_id: marks for run_id in run_ids if (marks := self._waiting.marks(run_id)) is not None}
        )
        self._waiting.forget(run_ids)

    def _learn(self, connection: sa.Connection, run_ids: Sequence[str]) -> None:
        before = self._out
        new = [run_id for run_id in run_ids if run_id not in before]
        found = read_marks(connection, new, self._waiting.keys)
        self._out = {run_id: before.get(run_id) or found[run_id] for run_id in run_ids}


def _out(row: sa.Row, marks: Marks) -> OutRun:
    return OutRun(
        run_id=row.run_id,
        tags=marks.tags,
        worker=row.worker_id,
        pools=marks.pools,
        on_its_way=row.status == "STARTING",
        status=row.status,
        unchanged_seconds=row.unchanged_seconds,
        start_time=row.start_time,
    )
