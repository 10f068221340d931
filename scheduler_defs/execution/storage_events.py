"""The event log in Postgres, for Dagster: pooled, one statement per event, repeated after an outage."""

from __future__ import annotations

from contextlib import AbstractContextManager

import dagster as dg
import sqlalchemy as sa
from dagster._core.events import ASSET_CHECK_EVENTS, ASSET_EVENTS
from dagster._core.instance.config import ConcurrencyConfig, PoolConfig
from dagster._core.storage.event_log import SqlEventLogStorageTable
from dagster_postgres.event_log import PostgresEventLogStorage
from typing_extensions import override

from scheduler_defs.execution.storage_pool import Pooled, connection, is_outage, patiently

_EVENTS = SqlEventLogStorageTable


class PooledEventLogStorage(Pooled, PostgresEventLogStorage):
    """The event log."""

    @override
    def _connect(self) -> AbstractContextManager[sa.Connection]:
        return connection(self._options)

    @override
    def store_event(self, event: dg.EventLogEntry) -> None:
        kind = event.dagster_event_type
        if kind in ASSET_EVENTS or kind in ASSET_CHECK_EVENTS:
            # These also write tables of their own, in a transaction.
            super().store_event(event)
        else:
            self._insert(event)

    def _insert(self, event: dg.EventLogEntry) -> None:
        """One INSERT. (dagster-postgres also sends a NOTIFY that nobody listens to any more.)"""
        row = self._event_to_row(event)
        uncertain = False

        def act() -> None:
            nonlocal uncertain
            with self._connect() as conn:
                if uncertain and conn.execute(_already_stored(row["run_id"], row["event"])).first():
                    return
                try:
                    conn.execute(_EVENTS.insert().values(**row))
                except Exception as error:
                    # The connection broke: it may have been stored before.
                    uncertain = is_outage(error)
                    raise

        patiently(act)

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


def _already_stored(run_id: str, body: str) -> sa.Select[tuple[int]]:
    """Whether this very event is in the log: its body holds its time to the microsecond."""
    return sa.select(_EVENTS.c.id).where(_EVENTS.c.run_id == run_id, _EVENTS.c.event == body).limit(1)
