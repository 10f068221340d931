"""What the dequeue loop reads: queued and active runs, live workers, leases. A few statements, small rows.

Dagster's own loop loads every queued run in full at each pass. A queued run's tags do not change while it
waits, so here each run is read once, when it first shows up, and from then on only ids and states are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from scheduler_defs.execution.capacity import STEP_QUEUE, LiveWorker
from scheduler_defs.execution.dequeue_select import ActiveRun, QueuedRun

if TYPE_CHECKING:
    from dagster._core.storage.dagster_run import RunOpConcurrency

# Every run that is queued or out, without its body, and who holds it: in one snapshot, so that a run that a
# worker takes at this moment is either on its way or held. `changed` differs whenever the run was written.
RUNS = sa.text(
    """
    SELECT runs.id, runs.run_id, status, start_time, worker_id,
           extract(epoch FROM create_timestamp)::float8 AS created,
           extract(epoch FROM update_timestamp)::float8 AS changed,
           extract(epoch FROM now() AT TIME ZONE 'UTC' - update_timestamp)::float8 AS unchanged_seconds
    FROM runs LEFT JOIN signalbox.leases
        ON leases.run_id = runs.run_id AND step_key = '' AND expires > now()
    WHERE status IN ('QUEUED', 'STARTING', 'STARTED', 'CANCELING')
    ORDER BY runs.id
    """
)
TAGS = sa.text("SELECT run_id, key, value FROM run_tags WHERE run_id = ANY(:run_ids)")
# The part of the body that says which of Dagster's pools the run needs; most runs need none.
POOLS = sa.text(
    """
    SELECT run_id, (run_body::json -> 'run_op_concurrency')::text AS pools
    FROM runs
    WHERE run_id = ANY(:run_ids) AND run_body LIKE '%"RunOpConcurrency"%'
    """
)
WORKERS = sa.text(
    """
    SELECT id, queues, slots FROM signalbox.workers
    WHERE NOT draining AND heartbeat > now() - make_interval(secs => :silence_seconds)
      AND NOT :step_queue = ANY(queues)
    """
)
LEASES = sa.text("SELECT run_id, step_key, worker_id FROM signalbox.leases WHERE expires > now()")


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
    """One look at the queue."""

    queued: Sequence[QueuedRun]
    active: Sequence[OutRun]
    workers: Sequence[LiveWorker]


@dataclass(slots=True)
class _Known:
    """What was read of one run when it was first seen, or last changed while queued."""

    changed: float
    tags: dict[str, str]
    pools: RunOpConcurrency | None


class QueueReader:
    """Reads the queue's state, remembering what it has read of each run before."""

    def __init__(self, silence: timedelta) -> None:
        self._silence_seconds = silence.total_seconds()
        self._known: dict[str, _Known] = {}

    def read(self, connection: sa.Connection) -> QueueState:
        """The state now. A worker counts as live until it has been silent for longer than `silence`.

        Workers of the queue of steps take no runs: runs that wait for their steps would fill them, for ever.
        """
        workers = [
            LiveWorker(row.id, frozenset(row.queues), row.slots)
            for row in connection.execute(
                WORKERS, {"silence_seconds": self._silence_seconds, "step_queue": STEP_QUEUE}
            )
        ]
        rows = connection.execute(RUNS).all()
        # Leases after the runs: a run that ends meanwhile counts as out for one pass too many.
        leases = connection.execute(LEASES).all()
        self._learn(connection, rows)
        queued: list[QueuedRun] = []
        active: list[OutRun] = []
        for row in rows:
            known = self._known[row.run_id]
            if row.status == "QUEUED":
                queued.append(QueuedRun(row.run_id, row.id, row.created, known.tags, known.pools))
            else:
                active.append(_out(row, known))
        out = {run.run_id for run in active}
        # A lease outlives its run's end by the moments in which its worker tidies up: that slot is taken.
        # So are those of steps, on workers that serve runs and steps of the same queue.
        others = [
            OutRun(row.run_id, {}, row.worker_id, status="STEP" if row.step_key else "ENDED")
            for row in leases
            if row.step_key or row.run_id not in out
        ]
        return QueueState(queued, [*active, *others], workers)

    def _learn(self, connection: sa.Connection, rows: Iterable[sa.Row]) -> None:
        before = self._known
        self._known = {}
        new: list[str] = []
        for row in rows:
            known = before.get(row.run_id)
            if known is None or (row.status == "QUEUED" and known.changed != row.changed):
                new.append(row.run_id)
                known = _Known(row.changed, {}, None)
            self._known[row.run_id] = known
        if not new:
            return
        for row in connection.execute(TAGS, {"run_ids": new}):
            self._known[row.run_id].tags[row.key] = row.value
        for row in connection.execute(POOLS, {"run_ids": new}):
            self._known[row.run_id].pools = _pools(row.pools)


def _out(row: sa.Row, known: _Known) -> OutRun:
    return OutRun(
        run_id=row.run_id,
        tags=known.tags,
        worker=row.worker_id,
        pools=known.pools,
        on_its_way=row.status == "STARTING",
        status=row.status,
        unchanged_seconds=row.unchanged_seconds,
        start_time=row.start_time,
    )


def _pools(body: str) -> RunOpConcurrency:
    # Imported here: `signalbox limits` reads the queue, too, and should not wait for Dagster's import.
    from dagster._core.storage.dagster_run import RunOpConcurrency
    from dagster_shared.serdes import deserialize_value

    return deserialize_value(body, RunOpConcurrency)
