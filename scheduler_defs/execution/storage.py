"""Dagster's Postgres storage with pools: the class that `storage.custom` in dagster.yaml names."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from typing import Self

import sqlalchemy as sa
from dagster._core.scheduler.instigation import TickStatus
from dagster._core.storage.base_storage import DagsterStorage
from dagster._core.storage.config import PostgresStorageConfig
from dagster._serdes import ConfigurableClassData
from dagster_postgres.schedule_storage import PostgresScheduleStorage
from dagster_postgres.storage import DagsterPostgresStorage
from dagster_postgres.utils import pg_url_from_config
from typing_extensions import override

from scheduler_defs.execution.cancelable import allow_cancelling_starting_runs
from scheduler_defs.execution.storage_events import PooledEventLogStorage
from scheduler_defs.execution.storage_pool import Pooled, connection
from scheduler_defs.execution.storage_runs import PooledRunStorage
from scheduler_defs.settings import sqlalchemy_url

_PURGE_SECONDS = 600.0


class PooledScheduleStorage(Pooled, PostgresScheduleStorage):
    """Schedules' and sensors' states and ticks."""

    @cached_property
    def _purged(self) -> dict[tuple[str, ...], float]:
        return {}

    @override
    def purge_ticks(
        self,
        origin_id: str,
        selector_id: str,
        before: float,
        tick_statuses: Sequence[TickStatus] | None = None,
    ) -> None:
        """Delete old ticks, at most every ten minutes for the same ones: Dagster asks for it at each tick.

        Not at the first tick that this process sees, which for all schedules may be in the same minute.
        """
        key = (selector_id, *sorted(status.value for status in tick_statuses or ()))
        now = time.monotonic()
        if now - self._purged.setdefault(key, now) < _PURGE_SECONDS:
            return
        self._purged[key] = now
        super().purge_ticks(origin_id, selector_id, before, tick_statuses)

    @override
    def connect(self, run_id: str | None = None) -> AbstractContextManager[sa.Connection]:
        return connection(self._options)

    @override
    def _has_instigators_table(self, conn: sa.Connection) -> bool:
        return self._remembered(
            "instigators", lambda: PostgresScheduleStorage._has_instigators_table(self, conn)
        )

    @override
    def has_instigators_table(self) -> bool:
        return self._remembered("instigators", super().has_instigators_table)

    @override
    def _has_asset_daemon_asset_evaluations_table(self, conn: sa.Connection) -> bool:
        return self._remembered(
            "asset_evaluations",
            lambda: PostgresScheduleStorage._has_asset_daemon_asset_evaluations_table(self, conn),
        )

    @override
    def has_secondary_index_table(self) -> bool:
        return self._remembered("secondary_indexes", super().has_secondary_index_table)

    @override
    def has_built_index(self, migration_name: str) -> bool:
        return self._remembered(
            f"built:{migration_name}", lambda: PostgresScheduleStorage.has_built_index(self, migration_name)
        )


class SignalboxStorage(DagsterPostgresStorage):
    """The three pooled storages over one pool per process.

    Not built through dagster-postgres' constructor, which would make three unpooled storages first and let
    each of them inspect the schema.
    """

    def __init__(
        self,
        postgres_url: str,
        should_autocreate_tables: bool = True,
        inst_data: ConfigurableClassData | None = None,
    ) -> None:
        url = sqlalchemy_url(postgres_url)
        self.postgres_url = url
        self.should_autocreate_tables = should_autocreate_tables
        self._inst_data = inst_data
        self._run_storage = PooledRunStorage(url, should_autocreate_tables)
        self._event_log_storage = PooledEventLogStorage(url, should_autocreate_tables)
        self._schedule_storage = PooledScheduleStorage(url, should_autocreate_tables)
        DagsterStorage.__init__(self)
        allow_cancelling_starting_runs()

    @classmethod
    @override
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: PostgresStorageConfig
    ) -> Self:
        return cls(
            postgres_url=pg_url_from_config(config_value),
            should_autocreate_tables=config_value.get("should_autocreate_tables", True),
            inst_data=inst_data,
        )
