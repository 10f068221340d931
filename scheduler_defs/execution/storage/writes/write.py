"""One statement that writes events and what they do to their run: both, or neither.

The state changes by compare-and-set on the run's body, so that two writers never undo each other's tags or
states, and readers that see that a run has ended also see why.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sqlalchemy as sa
from dagster._core.events import DagsterEvent
from dagster._core.storage.dagster_run import DagsterRun, DagsterRunStatus
from dagster._serdes import deserialize_value, serialize_value
from dagster._time import get_current_datetime

from scheduler_defs.execution.life.identity import identity
from scheduler_defs.execution.storage.writes.states import Move, fold

_LOG = """
    INSERT INTO event_logs (run_id, event, dagster_event_type, timestamp, step_key, asset_key, partition)
    SELECT run_id, event, dagster_event_type, timestamp, step_key, asset_key, partition
    FROM unnest(
        CAST(:run_ids AS text[]), CAST(:events AS text[]), CAST(:types AS text[]),
        CAST(:timestamps AS timestamp[]), CAST(:step_keys AS text[]), CAST(:asset_keys AS text[]),
        CAST(:partitions AS text[])
    ) WITH ORDINALITY
        AS added (run_id, event, dagster_event_type, timestamp, step_key, asset_key, partition, place)
    ORDER BY place
"""
_MOVE = """
    moved AS (
        UPDATE runs
        SET run_body = :body, status = :status, update_timestamp = :at,
            start_time = coalesce(:start_time, start_time), end_time = coalesce(:end_time, end_time)
        WHERE run_id = :run_id AND status = :from_status AND run_body = :was
        RETURNING run_id
    ), tagged AS (
        INSERT INTO run_tags (run_id, key, value)
        SELECT run_id, key, value
        FROM moved, unnest(CAST(:keys AS text[]), CAST(:values AS text[])) AS added (key, value)
    ), replaced AS (
        DELETE FROM run_tags WHERE run_id IN (SELECT run_id FROM moved) AND key = ANY(:keys)
    )
    SELECT run_id FROM moved
"""
LOG = sa.text(_LOG)
MOVE = sa.text(f"WITH {_MOVE}")
LOG_AND_MOVE = sa.text(f"WITH logged AS ({_LOG}), {_MOVE}")
READ = sa.text("SELECT run_body, status FROM runs WHERE run_id = :run_id")
STORED = sa.text("SELECT id FROM event_logs WHERE run_id = :run_id AND event = :event LIMIT 1")

Row = Mapping[str, Any]
"""A row of `event_logs` as Dagster's `_event_to_row` makes it."""


@dataclass(frozen=True)
class KnownRun:
    """A run as it was last read or written."""

    body: str
    status: DagsterRunStatus

    @cached_property
    def run(self) -> DagsterRun:
        """The run itself, in its state."""
        return deserialize_value(self.body, DagsterRun).with_status(self.status)


def log(connection: sa.Connection, rows: Sequence[Row]) -> None:
    """Write events, in this order, in one statement."""
    if rows:
        connection.execute(LOG, _columns(rows))


def log_and_move(
    connection: sa.Connection,
    run_id: str,
    rows: Sequence[Row],
    changes: Sequence[tuple[DagsterEvent, float]],
    known: KnownRun | None = None,
    at: dt.datetime | None = None,
) -> KnownRun | None:
    """Write events of a run, and the state that `changes` (events with their times) lead to.

    `known` saves a read when it is still true; `at` is when the run was written to, else now. Returns the run
    as it is afterwards, None if there is none. A change that the run's state does not allow is left out; its
    event is written.
    """
    worker = identity()
    left = list(rows)
    found = known or read(connection, run_id)
    while found is not None:
        move = fold(found.run, found.status, changes, worker.id if worker else None)
        if move is None:
            break
        body = serialize_value(_moved(found.run, move))
        parameters = {
            "run_id": run_id,
            "from_status": found.status.value,
            "was": found.body,
            "body": body,
            "status": move.status.value,
            "at": (at or get_current_datetime()).astimezone(dt.UTC).replace(tzinfo=None),
            "start_time": move.start_time,
            "end_time": move.end_time,
            "keys": list(move.tags),
            "values": list(move.tags.values()),
        }
        statement = LOG_AND_MOVE if left else MOVE
        moved = connection.execute(statement, {**parameters, **(_columns(left) if left else {})}).first()
        left = []
        if moved is not None:
            return KnownRun(body, move.status)
        # Somebody else wrote the run in between: look again.
        found = read(connection, run_id)
    log(connection, left)
    return found


def read(connection: sa.Connection, run_id: str) -> KnownRun | None:
    """The run as it is now."""
    row = connection.execute(READ, {"run_id": run_id}).first()
    return None if row is None else KnownRun(row.run_body, DagsterRunStatus(row.status))


def stored_id(connection: sa.Connection, row: Row) -> int | None:
    """The id of this very event in the log (its body holds its time to the microsecond), or None."""
    return connection.execute(STORED, {"run_id": row["run_id"], "event": row["event"]}).scalar()


def _moved(run: DagsterRun, move: Move) -> DagsterRun:
    return run.with_status(move.status).with_tags({**run.tags, **move.tags})


def _columns(rows: Sequence[Row]) -> dict[str, list[Any]]:
    return {
        "run_ids": [row["run_id"] for row in rows],
        "events": [row["event"] for row in rows],
        "types": [row["dagster_event_type"] for row in rows],
        "timestamps": [row["timestamp"] for row in rows],
        "step_keys": [row["step_key"] for row in rows],
        "asset_keys": [row["asset_key"] for row in rows],
        "partitions": [row["partition"] for row in rows],
    }
