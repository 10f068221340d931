"""Runs in Postgres, for Dagster: pooled, with fewer statements, and with states that only move forward."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cached_property, lru_cache
from typing import Any

import sqlalchemy as sa
from dagster._core.errors import DagsterRunAlreadyExists, DagsterRunNotFoundError
from dagster._core.events import DagsterEvent
from dagster._core.snap import ExecutionPlanSnapshot
from dagster._core.storage.dagster_run import DagsterRun
from dagster._core.storage.runs.schema import RunsTable, RunTagsTable
from dagster._core.storage.sql import SqlAlchemyQuery
from dagster._core.storage.tags import (
    PARENT_RUN_ID_TAG,
    PARTITION_NAME_TAG,
    PARTITION_SET_TAG,
    ROOT_RUN_ID_TAG,
)
from dagster._serdes import serialize_value
from dagster_postgres.run_storage import PostgresRunStorage
from sqlalchemy import exc
from typing_extensions import override

from scheduler_defs.execution.storage_pool import Pooled, connection, patiently
from scheduler_defs.execution.storage_states import is_state_change
from scheduler_defs.execution.storage_write import log_and_move, read

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


class PooledRunStorage(Pooled, PostgresRunStorage):
    """Runs, tags, snapshots and daemon heartbeats."""

    @cached_property
    def _plans(self) -> dict[str, ExecutionPlanSnapshot]:
        return {}

    @override
    def connect(self) -> AbstractContextManager[sa.Connection]:
        return connection(self._options)

    @override
    def fetchall(self, query: SqlAlchemyQuery) -> Sequence[Any]:
        return patiently(lambda: PostgresRunStorage.fetchall(self, query))

    @override
    def fetchone(self, query: SqlAlchemyQuery) -> Any | None:
        return patiently(lambda: PostgresRunStorage.fetchone(self, query))

    @override
    def add_run(self, dagster_run: DagsterRun) -> DagsterRun:
        parent, root = (dagster_run.tags.get(tag) for tag in (PARENT_RUN_ID_TAG, ROOT_RUN_ID_TAG))
        if parent and root and dagster_run.parent_run_id is None:
            # A run that a sensor asks for can say only in its tags which run it follows.
            dagster_run = dagster_run._replace(parent_run_id=parent, root_run_id=root)
        return super().add_run(dagster_run)

    @override
    def _core_add_run(self, col_values: dict[str, Any], tags: Mapping[str, str]) -> None:
        """The run and its tags, both or neither, in one statement."""
        values = {f"new_{name}": value for name, value in col_values.items()}
        tagged = {"tag_keys": list(tags), "tag_values": list(tags.values())}
        with self.connect() as conn:
            try:
                conn.execute(_add(tuple(col_values)), {**values, **tagged})
            except exc.IntegrityError as error:
                raise DagsterRunAlreadyExists from error

    @override
    def handle_run_event(
        self, run_id: str, event: DagsterEvent, update_timestamp: dt.datetime | None = None
    ) -> None:
        """Not used with our event log, which does it in one statement with the event."""
        if is_state_change(event):
            at = (update_timestamp or dt.datetime.now(dt.UTC)).timestamp()
            patiently(lambda: self._move(run_id, event, at))

    def _move(self, run_id: str, event: DagsterEvent, at: float) -> None:
        with self.connect() as conn:
            log_and_move(conn, run_id, [], [(event, at)])

    @override
    def add_run_tags(self, run_id: str, new_tags: Mapping[str, str]) -> None:
        patiently(lambda: self._tag(run_id, new_tags))

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

    @override
    def _has_snapshot_id(self, snapshot_id: str) -> bool:
        return self._remembered(
            f"snapshot:{snapshot_id}", lambda: PostgresRunStorage._has_snapshot_id(self, snapshot_id)
        )

    @override
    def get_execution_plan_snapshot(self, execution_plan_snapshot_id: str) -> ExecutionPlanSnapshot:
        # Content-addressed, so what was read once is still right.
        plans = self._plans
        found = plans.get(execution_plan_snapshot_id)
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


@lru_cache(maxsize=8)
def _add(columns: tuple[str, ...]) -> sa.Insert:
    """Adds a run with the values `new_<column>`, and its tags: `tag_keys` and `tag_values`."""
    run = RunsTable.insert().values({name: sa.bindparam(f"new_{name}") for name in columns})
    added = run.returning(RunsTable.c.run_id).cte("added")
    texts = sa.ARRAY(sa.Text)
    pairs = sa.func.unnest(sa.bindparam("tag_keys", type_=texts), sa.bindparam("tag_values", type_=texts))
    tag = pairs.table_valued("key", "value").render_derived("tag")
    rows = sa.select(added.c.run_id, tag.c.key, tag.c.value).select_from(added.join(tag, sa.true()))
    return RunTagsTable.insert().from_select(["run_id", "key", "value"], rows)
