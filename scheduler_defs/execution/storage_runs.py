"""Runs in Postgres, for Dagster: pooled, with fewer statements, and with states that only move forward.

Dagster writes whatever state the last event says, so that a worker that was given up for lost, or a launch
that races a cancellation, could bring an ended run back to life. Here a run's state changes by
compare-and-set, and only along the arrows of `ALLOWED`.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from functools import cached_property

import dagster as dg
import sqlalchemy as sa
from dagster._core.errors import DagsterRunNotFoundError
from dagster._core.events import (
    EVENT_TYPE_TO_PIPELINE_RUN_STATUS,
    DagsterEvent,
    JobFailureData,
    RunFailureReason,
)
from dagster._core.snap import ExecutionPlanSnapshot
from dagster._core.storage.dagster_run import DagsterRun, DagsterRunStatus
from dagster._core.storage.tags import PARTITION_NAME_TAG, PARTITION_SET_TAG, RUN_FAILURE_REASON_TAG
from dagster._serdes import serialize_value
from dagster_postgres.run_storage import PostgresRunStorage
from typing_extensions import override

from scheduler_defs import tags
from scheduler_defs.execution.failure import failure_tags
from scheduler_defs.execution.identity import identity
from scheduler_defs.execution.storage_pool import Pooled, connection, patiently

_S = DagsterRunStatus
_WAITING = frozenset({_S.NOT_STARTED, _S.MANAGED, _S.QUEUED, _S.STARTING})
_UNDER_WAY = _WAITING | {_S.STARTED, _S.SUSPENDED}
_UNFINISHED = _UNDER_WAY | {_S.CANCELING}

ALLOWED: Mapping[DagsterRunStatus, frozenset[DagsterRunStatus]] = {
    _S.QUEUED: frozenset({_S.NOT_STARTED, _S.MANAGED}),
    _S.STARTING: frozenset({_S.NOT_STARTED, _S.MANAGED, _S.QUEUED}),
    _S.STARTED: _UNDER_WAY,
    _S.SUSPENDED: frozenset({_S.STARTED}),
    _S.CANCELING: _UNDER_WAY,
    _S.CANCELED: _UNFINISHED,
    _S.FAILURE: _UNFINISHED,
    _S.SUCCESS: _UNFINISHED,
}
"""For each state, the states that it may follow. An ended run stays as it ended."""

# The new body and tags go in together with the new state, or not at all: readers that see that a run has
# ended also see why. `was` makes it a compare-and-set on the body that the new one was made from.
MOVE = sa.text(
    """
    WITH moved AS (
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
)
TAG = sa.text(
    """
    WITH changed AS (
        UPDATE runs
        SET run_body = :body, update_timestamp = :at, partition = :partition, partition_set = :partition_set
        WHERE run_id = :run_id AND run_body = :was
        RETURNING run_id
    ), tagged AS (
        INSERT INTO run_tags (run_id, key, value)
        SELECT run_id, key, value
        FROM changed, unnest(CAST(:keys AS text[]), CAST(:values AS text[])) AS added (key, value)
    ), replaced AS (
        DELETE FROM run_tags WHERE run_id IN (SELECT run_id FROM changed) AND key = ANY(:keys)
    )
    SELECT run_id FROM changed
    """
)
READ = sa.text("SELECT run_body, status FROM runs WHERE run_id = :run_id")

_PLANS_REMEMBERED = 512


class PooledRunStorage(Pooled, PostgresRunStorage):
    """Runs, tags, snapshots and daemon heartbeats."""

    @cached_property
    def _plans(self) -> dict[str, ExecutionPlanSnapshot]:
        return {}

    @override
    def connect(self) -> AbstractContextManager[sa.Connection]:
        return connection(self._options)

    @override
    def handle_run_event(
        self, run_id: str, event: DagsterEvent, update_timestamp: datetime | None = None
    ) -> None:
        status = EVENT_TYPE_TO_PIPELINE_RUN_STATUS.get(event.event_type)
        if status is not None:
            at = update_timestamp or datetime.now(UTC)
            patiently(lambda: self._move(run_id, status, event, at))

    def _move(self, run_id: str, status: DagsterRunStatus, event: DagsterEvent, at: datetime) -> None:
        with self.connect() as conn:
            while (row := conn.execute(READ, {"run_id": run_id}).first()) is not None:
                before = DagsterRunStatus(row.status)
                if before not in ALLOWED.get(status, frozenset()):
                    return
                run = self._row_to_run({"run_body": row.run_body, "status": row.status})
                added = _tags_of(run, status, event)
                seconds = at.timestamp()
                moved = conn.execute(
                    MOVE,
                    {
                        "run_id": run_id,
                        "from_status": row.status,
                        "was": row.run_body,
                        "body": serialize_value(run.with_status(status).with_tags({**run.tags, **added})),
                        "status": status.value,
                        "at": at.astimezone(UTC).replace(tzinfo=None),
                        "start_time": seconds if event.event_type is dg.DagsterEventType.RUN_START else None,
                        "end_time": seconds if status in (_S.SUCCESS, _S.FAILURE, _S.CANCELED) else None,
                        "keys": list(added),
                        "values": list(added.values()),
                    },
                ).first()
                if moved is not None:
                    return
                # Somebody else wrote the run in between: look again.

    @override
    def add_run_tags(self, run_id: str, new_tags: Mapping[str, str]) -> None:
        patiently(lambda: self._tag(run_id, new_tags))

    def _tag(self, run_id: str, new_tags: Mapping[str, str]) -> None:
        with self.connect() as conn:
            while (row := conn.execute(READ, {"run_id": run_id}).first()) is not None:
                run = self._row_to_run({"run_body": row.run_body, "status": row.status})
                tags_now = {**run.tags, **new_tags}
                changed = conn.execute(
                    TAG,
                    {
                        "run_id": run_id,
                        "was": row.run_body,
                        "body": serialize_value(run.with_tags(tags_now)),
                        "at": datetime.now(UTC).replace(tzinfo=None),
                        "partition": tags_now.get(PARTITION_NAME_TAG),
                        "partition_set": tags_now.get(PARTITION_SET_TAG),
                        "keys": list(new_tags),
                        "values": list(new_tags.values()),
                    },
                ).first()
                if changed is not None:
                    return
        if row is None:
            raise DagsterRunNotFoundError(f"Run {run_id} was not found in instance.", invalid_run_id=run_id)

    @override
    def _has_snapshot_id(self, snapshot_id: str) -> bool:
        return self._remembered(
            f"snapshot:{snapshot_id}", lambda: PostgresRunStorage._has_snapshot_id(self, snapshot_id)
        )

    @override
    def get_execution_plan_snapshot(self, execution_plan_snapshot_id: str) -> ExecutionPlanSnapshot:
        # Content-addressed, so what was read once is still right.
        plans = self._plans
        if execution_plan_snapshot_id not in plans:
            if len(plans) >= _PLANS_REMEMBERED:
                plans.pop(next(iter(plans)))
            plans[execution_plan_snapshot_id] = super().get_execution_plan_snapshot(
                execution_plan_snapshot_id
            )
        return plans[execution_plan_snapshot_id]

    @override
    def wipe(self) -> None:
        super().wipe()
        self._known.clear()
        self._plans.clear()

    @override
    def has_run_stats_index_cols(self) -> bool:
        return self._remembered("run_stats", super().has_run_stats_index_cols)

    @override
    def has_bulk_actions_selector_cols(self) -> bool:
        return self._remembered("bulk_actions_selector", super().has_bulk_actions_selector_cols)

    @override
    def has_backfill_id_column(self) -> bool:
        return self._remembered("backfill_id", super().has_backfill_id_column)

    @override
    def has_bulk_action_job_name_column(self) -> bool:
        return self._remembered("bulk_action_job_name", super().has_bulk_action_job_name_column)

    @override
    def has_backfill_tags_table(self) -> bool:
        return self._remembered("backfill_tags", super().has_backfill_tags_table)


def _tags_of(run: DagsterRun, status: DagsterRunStatus, event: DagsterEvent) -> dict[str, str]:
    """Tags that go in with the new state: the worker when it starts, the reason when it fails."""
    if status is _S.STARTED and (worker := identity()) is not None:
        return {tags.WORKER: worker.id}
    if status is not _S.FAILURE:
        return {}
    added = failure_tags(run.tags, event)
    data = event.event_specific_data
    if isinstance(data, JobFailureData) and data.failure_reason not in (None, RunFailureReason.UNKNOWN):
        added[RUN_FAILURE_REASON_TAG] = data.failure_reason.value
    return added
