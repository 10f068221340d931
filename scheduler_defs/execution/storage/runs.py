"""Runs in Postgres, for Dagster: pooled, with fewer statements, and with states that only move forward."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from typing import Any

import sqlalchemy as sa
from dagster._core.errors import DagsterRunAlreadyExists, DagsterRunNotFoundError
from dagster._core.events import DagsterEvent
from dagster._core.snap import ExecutionPlanSnapshot
from dagster._core.storage.dagster_run import DagsterRun, RunsFilter
from dagster._core.storage.runs.schema import SnapshotsTable
from dagster._core.storage.sql import SqlAlchemyQuery
from dagster._core.storage.tags import EXTERNALLY_MANAGED_ASSETS_TAG, PARTITION_NAME_TAG, PARTITION_SET_TAG
from dagster._serdes import serialize_value
from dagster._time import get_current_datetime
from dagster_postgres.run_storage import PostgresRunStorage
from typing_extensions import override

from scheduler_defs.execution.admission.claims import claim_of
from scheduler_defs.execution.admission.completing import JobDeclares, complete, with_lineage
from scheduler_defs.execution.admission.holding import holds_of, requester
from scheduler_defs.execution.admission.job_settings import of_location, read_declared
from scheduler_defs.execution.admission.person import acting, asked_by_request
from scheduler_defs.execution.audit_entries import record_deletion
from scheduler_defs.execution.storage.pool import Pooled, connection, patiently
from scheduler_defs.execution.storage.snapshots import Snapshots
from scheduler_defs.execution.storage.writes.adding import add, claims
from scheduler_defs.execution.storage.writes.states import is_state_change
from scheduler_defs.execution.storage.writes.write import log_and_move, read
from scheduler_defs.text import storable_json, storable_value

# The body and the tags change together, by compare-and-set on the body.
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
_PLANS_REMEMBERED = 512
_FOLDER_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*")
_JOBS_REMEMBERED = 2048


class PooledRunStorage(Pooled, PostgresRunStorage):
    """Runs, tags, snapshots and daemon heartbeats."""

    @cached_property
    def _plans(self) -> dict[str, ExecutionPlanSnapshot]:
        return {}

    @cached_property
    def _jobs(self) -> dict[str, JobDeclares]:
        return {}

    @override
    def connect(self) -> AbstractContextManager[sa.Connection]:
        return connection(self._options)

    @override
    def get_cursor_values(self, keys: set[str]) -> Mapping[str, str]:
        """As Dagster's, which asks whenever code is loaded; where no stack is, there are none."""
        return {} if self._is_nowhere else super().get_cursor_values(keys)

    @override
    def fetchall(self, query: SqlAlchemyQuery) -> Sequence[Any]:
        return patiently(lambda: PostgresRunStorage.fetchall(self, query))

    @override
    def fetchone(self, query: SqlAlchemyQuery) -> Any | None:
        return patiently(lambda: PostgresRunStorage.fetchone(self, query))

    @override
    def add_run(self, dagster_run: DagsterRun) -> DagsterRun:
        """Add a run, completed by what its job declares. A run that is there already for its claim is
        returned.

        The one place that all runs pass: ticks, the launchpad, commands, sensors, backfills. Only what could
        never be executed, because nobody has made a plan for it, stays as it is.
        """
        dagster_run = dagster_run._replace(tags=storable_value(dagster_run.tags))
        if dagster_run.execution_plan_snapshot_id is None:
            return super().add_run(with_lineage(dagster_run))
        run = self.completed(dagster_run)
        values = self._get_run_insertion_values(run, get_current_datetime())
        holds = holds_of(run, self._declared(run.job_snapshot_id).makes_of)
        with self.connect() as conn:
            added = add(conn, _storable(values), run.tags_for_storage(), claim_of(run), holds, requester(run))
        return run if added == run.run_id else self._already_there(added)

    def completed(self, run: DagsterRun) -> DagsterRun:
        """The run with what its job declares, and without what belongs to another run. Nothing is written."""
        declared = of_location(run, self._declared(run.job_snapshot_id))
        return complete(run, declared, acting(), asked=asked_by_request())

    @override
    def _core_add_run(self, col_values: dict[str, Any], tags: Mapping[str, str]) -> None:
        """The run and its tags, both or neither, in one statement."""
        with self.connect() as conn:
            add(conn, _storable(col_values), tags, None)

    def _declared(self, snapshot_id: str | None) -> JobDeclares:
        """What the job of a run declares; by the id of its snapshot, which is a digest of it."""
        if snapshot_id is None:
            return JobDeclares()
        known = self._jobs
        found = known.get(snapshot_id)
        if found is None:
            row = self.fetchone(sa.select(SnapshotsTable.c.snapshot_body).filter_by(snapshot_id=snapshot_id))
            if row is None:
                return JobDeclares()
            if len(known) >= _JOBS_REMEMBERED:
                known.pop(next(iter(known)))
            found = known[snapshot_id] = read_declared(row["snapshot_body"])
        return found

    def _already_there(self, run_id: str) -> DagsterRun:
        """The run that was added before, for whoever goes on with it as if it had just been added.

        Marked, in memory only, so that Dagster does not plan its assets a second time.
        """
        found = self.get_runs(RunsFilter(run_ids=[run_id]))
        if not found:
            raise DagsterRunAlreadyExists(f"run {run_id} was there and was deleted just now")
        return found[0].with_tags({**found[0].tags, EXTERNALLY_MANAGED_ASSETS_TAG: "true"})

    @override
    def delete_run(self, run_id: str) -> None:
        super().delete_run(run_id)
        with self.connect() as conn:
            record_deletion(conn, run_id)
        # What it printed goes with it: nobody could find it any more.
        if self.has_instance and _FOLDER_NAME.fullmatch(run_id):
            self._instance.compute_log_manager.delete_logs(prefix=[run_id])

    @override
    def handle_run_event(
        self, run_id: str, event: DagsterEvent, update_timestamp: dt.datetime | None = None
    ) -> None:
        """Not used with our event log, which does it in one statement with the event."""
        if is_state_change(event):
            at = update_timestamp or get_current_datetime()
            patiently(lambda: self._move(run_id, event, at))

    def _move(self, run_id: str, event: DagsterEvent, at: dt.datetime) -> None:
        with self.connect() as conn:
            log_and_move(conn, run_id, [], [(event, at.timestamp())], at=at)

    @override
    def add_run_tags(self, run_id: str, new_tags: Mapping[str, str]) -> None:
        patiently(lambda: self._tag(run_id, storable_value(new_tags)))

    def _tag(self, run_id: str, new_tags: Mapping[str, str]) -> None:
        with self.connect() as conn:
            while (known := read(conn, run_id)) is not None:
                run = known.run
                tags_now = {**run.tags, **new_tags}
                changed = conn.execute(
                    TAG,
                    {
                        "run_id": run_id,
                        "was": known.body,
                        "body": serialize_value(run.with_tags(tags_now)),
                        "at": dt.datetime.now(dt.UTC).replace(tzinfo=None),
                        "partition": tags_now.get(PARTITION_NAME_TAG),
                        "partition_set": tags_now.get(PARTITION_SET_TAG),
                        "keys": list(new_tags),
                        "values": list(new_tags.values()),
                    },
                ).first()
                if changed is not None:
                    return
                # Somebody else wrote the run in between: look again.
        raise DagsterRunNotFoundError(f"Run {run_id} was not found in instance.", invalid_run_id=run_id)

    @cached_property
    def _snapshots(self) -> Snapshots:
        return Snapshots(self.connect)

    @override
    def _has_snapshot_id(self, snapshot_id: str) -> bool:
        return patiently(lambda: self._snapshots.is_there(snapshot_id))

    @override
    def get_execution_plan_snapshot(self, execution_plan_snapshot_id: str) -> ExecutionPlanSnapshot:
        # Content-addressed, so what was read once is still right; but it may have been dropped since.
        plans = self._plans
        found = plans.get(execution_plan_snapshot_id)
        if not self._has_snapshot_id(execution_plan_snapshot_id):
            plans.pop(execution_plan_snapshot_id, None)
            found = None
        if found is None:
            # Of one that is not there Dagster's method says None, against its type; it is added next.
            found = super().get_execution_plan_snapshot(execution_plan_snapshot_id)
            if found:
                if len(plans) >= _PLANS_REMEMBERED:
                    plans.pop(next(iter(plans)))
                plans[execution_plan_snapshot_id] = found
        return found

    @override
    def wipe(self) -> None:
        super().wipe()
        self._known.clear()
        self._plans.clear()
        self._jobs.clear()
        self._snapshots.forget()
        with self.connect() as conn:
            if conn.execute(sa.text("SELECT to_regclass('signalbox.run_claims')")).scalar() is not None:
                conn.execute(claims("forget_all"))

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


def _storable(values: Mapping[str, Any]) -> dict[str, Any]:
    return {**values, "run_body": storable_json(values["run_body"])}
