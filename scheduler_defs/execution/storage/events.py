"""The event log in Postgres, for Dagster: pooled, collected while a worker executes a run, safe to repeat."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property
from typing import Any

import dagster as dg
import sqlalchemy as sa
from dagster._core.events import ASSET_CHECK_EVENTS, ASSET_EVENTS
from dagster._core.instance.config import ConcurrencyConfig, PoolConfig
from dagster._core.storage.event_log import SqlEventLogStorageTable
from dagster._core.storage.event_log.base import EventLogConnection
from dagster_postgres.event_log import PostgresEventLogStorage
from typing_extensions import override

from scheduler_defs.execution.storage.log_reading import end_captures
from scheduler_defs.execution.storage.pool import Pooled, connection, is_outage, patiently
from scheduler_defs.execution.storage.writes.buffer import EventBuffer, Pending
from scheduler_defs.execution.storage.writes.states import is_state_change
from scheduler_defs.execution.storage.writes.write import KnownRun, log, log_and_move, stored_id
from scheduler_defs.text import storable_json

_ENDINGS = frozenset(
    {dg.DagsterEventType.RUN_SUCCESS, dg.DagsterEventType.RUN_FAILURE, dg.DagsterEventType.RUN_CANCELED}
)


class PooledEventLogStorage(Pooled, PostgresEventLogStorage):
    """The event log."""

    @cached_property
    def _buffer(self) -> EventBuffer:
        return EventBuffer(self._store)

    @override
    def _connect(self) -> AbstractContextManager[sa.Connection]:
        return connection(self._options)

    @contextmanager
    def collecting(self, run_id: str, known: KnownRun | None = None) -> Iterator[None]:
        """Write the run's events together while this process executes it. They are all written at the end."""
        self._buffer.begin(run_id, known)
        try:
            yield
        finally:
            self._buffer.end()

    def write_collected(self) -> None:
        """Write now what was collected. Raises what the database raises."""
        self._buffer.flush()

    def collect_anew(self) -> None:
        """In a forked process, where the thread that writes what was collected is not."""
        vars(self).pop("_buffer", None)

    @property
    @override
    def handles_run_events_in_store_event(self) -> bool:
        # Else Dagster writes the run's state in statements of its own, and reads the run after each.
        return True

    @override
    def store_event(self, event: dg.EventLogEntry) -> None:
        kind = event.dagster_event_type
        if kind in ASSET_EVENTS or kind in ASSET_CHECK_EVENTS:
            self._buffer.flush()
            self._store_with_tables(event)
            return
        changes_state = is_state_change(event.dagster_event)
        change = (event.get_dagster_event(), event.timestamp) if changes_state else None
        pending = Pending(self._event_to_row(event), change)
        if self._buffer.collects(event.run_id):
            self._buffer.add(pending)
            if changes_state and kind is not dg.DagsterEventType.RUN_START:
                self._buffer.flush()
        else:
            self._store(event.run_id, [pending])
        if kind in _ENDINGS and self.has_instance:
            end_captures(self._instance.compute_log_manager, event.run_id)

    @override
    def _event_to_row(self, event: dg.EventLogEntry) -> dict[str, Any]:
        """What nobody could read out again is replaced: one such event would hide all others of its run."""
        row = super()._event_to_row(event)
        return {**row, "event": storable_json(row["event"])}

    def _store_with_tables(self, event: dg.EventLogEntry) -> None:
        """Write an event of an asset or of a check. These have tables of their own, which name its id."""
        row = self._event_to_row(event)
        uncertain = False

        def act() -> int:
            nonlocal uncertain
            with self._connect() as conn:
                found = stored_id(conn, row) if uncertain else None
                if found is not None:
                    return found
                try:
                    inserted = SqlEventLogStorageTable.insert().values(**row)
                    return conn.execute(inserted.returning(SqlEventLogStorageTable.c.id)).scalar_one()
                except Exception as error:
                    uncertain = is_outage(error)
                    raise

        event_id = patiently(act)
        if event.dagster_event_type in ASSET_EVENTS and event.get_dagster_event().asset_key:
            patiently(lambda: self._store_asset_tables(event, event_id))
        if event.dagster_event_type in ASSET_CHECK_EVENTS:
            self.store_asset_check_event(event, event_id)

    def _store_asset_tables(self, event: dg.EventLogEntry, event_id: int) -> None:
        with self.index_transaction() as conn:
            self._store_asset_event_tags(conn, [event], [event_id])
            self._store_asset_event(conn, event, event_id)

    def _store(
        self, run_id: str, events: Sequence[Pending], known: KnownRun | None = None
    ) -> KnownRun | None:
        """Write events of one run in one statement; after an outage again, without writing anything twice.

        (dagster-postgres sends a NOTIFY with each event, to which nobody listens any more.)
        """
        uncertain = False

        def act() -> KnownRun | None:
            nonlocal uncertain, known
            rows = [event.row for event in events]
            changes = [event.change for event in events if event.change is not None]
            with self._connect() as conn:
                if uncertain:
                    known = None
                    rows = rows if stored_id(conn, rows[0]) is None else []
                try:
                    if changes:
                        return log_and_move(conn, run_id, rows, changes, known)
                    log(conn, rows)
                    return known
                except Exception as error:
                    # The connection broke: it may have been written before.
                    uncertain = is_outage(error)
                    raise

        return patiently(act)

    @override
    def get_records_for_run(
        self,
        run_id: str,
        cursor: str | None = None,
        of_type: dg.DagsterEventType | set[dg.DagsterEventType] | None = None,
        limit: int | None = None,
        ascending: bool = True,
    ) -> EventLogConnection:
        if self._buffer.collects(run_id):
            self._buffer.flush()
        return patiently(
            lambda: PostgresEventLogStorage.get_records_for_run(
                self, run_id, cursor, of_type, limit, ascending
            )
        )

    @override
    def get_pool_config(self) -> PoolConfig:
        # Dagster asks the run coordinator for all limits here, once per step, for this part of dagster.yaml.
        settings = self._instance.get_settings("concurrency")
        return ConcurrencyConfig.from_concurrency_settings(settings, None).pool_config

    @override
    def has_table(self, table_name: str) -> bool:
        return self._remembered(
            f"table:{table_name}", lambda: PostgresEventLogStorage.has_table(self, table_name)
        )

    @override
    def _has_asset_key_col_on_connection(self, conn: sa.Connection, column_name: str) -> bool:
        return self._remembered(
            f"asset_key:{column_name}",
            lambda: PostgresEventLogStorage._has_asset_key_col_on_connection(self, conn, column_name),
        )
