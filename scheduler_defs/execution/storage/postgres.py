"""Dagster's Postgres storage with pools: the class that `storage.custom` in dagster.yaml names."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Self

import sqlalchemy as sa
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus, InstigatorTick, TickStatus
from dagster._core.storage.base_storage import DagsterStorage
from dagster._core.storage.config import PostgresStorageConfig
from dagster._serdes import ConfigurableClassData
from dagster_postgres.schedule_storage import PostgresScheduleStorage
from dagster_postgres.storage import DagsterPostgresStorage
from dagster_postgres.utils import pg_url_from_config
from typing_extensions import override

from scheduler_defs.audit.store import record
from scheduler_defs.execution.audit_entries import switch_entry
from scheduler_defs.execution.dagster_patches.instigators import known_by_name
from scheduler_defs.execution.dagster_patches.plain_logs import without_colours
from scheduler_defs.execution.process import is_persons_process
from scheduler_defs.execution.storage.address import known_address, refuse_services_without_stack
from scheduler_defs.execution.storage.cancelable import allow_cancelling_starting_runs
from scheduler_defs.execution.storage.events import PooledEventLogStorage
from scheduler_defs.execution.storage.pool import Pooled, connection
from scheduler_defs.execution.storage.runs import PooledRunStorage
from scheduler_defs.execution.storage.switches import has_switches, keep_switch
from scheduler_defs.settings import sqlalchemy_url

_AHEAD_SECONDS = 60.0


class PooledScheduleStorage(Pooled, PostgresScheduleStorage):
    """Schedules' and sensors' states and ticks."""

    @override
    def get_ticks(
        self,
        origin_id: str,
        selector_id: str,
        before: float | None = None,
        after: float | None = None,
        limit: int | None = None,
        statuses: Sequence[TickStatus] | None = None,
    ) -> Sequence[InstigatorTick]:
        """As Dagster's; but the newest tick, from which its daemon goes on, never lies in the future.

        Only a clock that was set back makes one, and then nothing would tick until it is reached again.
        """
        found = super().get_ticks(origin_id, selector_id, before, after, limit, statuses)
        newest = limit == 1 and before is None and after is None and not statuses
        if newest and found and found[0].timestamp > (now := time.time()) + _AHEAD_SECONDS:
            return super().get_ticks(origin_id, selector_id, now, after, limit, statuses)
        return found

    @override
    def all_instigator_state(
        self,
        repository_origin_id: str | None = None,
        repository_selector_id: str | None = None,
        instigator_type: InstigatorType | None = None,
        instigator_statuses: set[InstigatorStatus] | None = None,
    ) -> Sequence[InstigatorState]:
        """As Dagster's. Where no stack is, nobody has switched anything: lists show what is declared."""
        if self._is_nowhere:
            return []
        return super().all_instigator_state(
            repository_origin_id, repository_selector_id, instigator_type, instigator_statuses
        )

    @override
    def add_instigator_state(self, state: InstigatorState) -> InstigatorState:
        added = super().add_instigator_state(state)
        self._note_switch(None, state)
        self._keep_switch(state, state.status)
        return added

    @override
    def update_instigator_state(self, state: InstigatorState) -> InstigatorState:
        before = (
            self.get_instigator_state(state.instigator_origin_id, state.selector_id)
            if is_persons_process()
            else None
        )
        updated = super().update_instigator_state(state)
        if before is not None:
            self._note_switch(before, state)
        self._keep_switch(state, state.status)
        return updated

    @override
    def delete_instigator_state(self, origin_id: str, selector_id: str) -> None:
        before = self.get_instigator_state(origin_id, selector_id)
        super().delete_instigator_state(origin_id, selector_id)
        self._note_switch(before, None)
        if before is not None:
            self._keep_switch(before, InstigatorStatus.DECLARED_IN_CODE)

    def _note_switch(self, before: InstigatorState | None, after: InstigatorState | None) -> None:
        entry = switch_entry(before, after)
        if entry is not None:
            with self.connect() as conn:
                record(conn, entry)

    def _keep_switch(self, state: InstigatorState, status: InstigatorStatus) -> None:
        if state.instigator_type is InstigatorType.SCHEDULE and self._has_switches():
            with self.connect() as conn:
                keep_switch(conn, state.instigator_name, status)

    def _has_switches(self) -> bool:
        def ask() -> bool:
            with self.connect() as conn:
                return has_switches(conn)

        return self._remembered("schedule_changes", ask)

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

    Without a URL of its own it connects when it is first used (`address`), so that what needs no database
    works without one. Not built through dagster-postgres' constructor, which would make three unpooled
    storages first and let each of them inspect the schema.
    """

    def __init__(
        self,
        postgres_url: str | None,
        should_autocreate_tables: bool = True,
        inst_data: ConfigurableClassData | None = None,
    ) -> None:
        url = sqlalchemy_url(postgres_url) if postgres_url else known_address()
        self.postgres_url = url or ""
        self.should_autocreate_tables = should_autocreate_tables
        self._inst_data = inst_data
        self._run_storage = PooledRunStorage(url, should_autocreate_tables)
        self._event_log_storage = PooledEventLogStorage(url, should_autocreate_tables)
        self._schedule_storage = PooledScheduleStorage(url, should_autocreate_tables)
        DagsterStorage.__init__(self)
        allow_cancelling_starting_runs()
        without_colours()
        known_by_name()

    @classmethod
    @override
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: PostgresStorageConfig
    ) -> Self:
        """The database that the config names; without config, wherever the environment or the stack says."""
        if not config_value.get("postgres_url") and not config_value.get("postgres_db"):
            refuse_services_without_stack()
            return cls(None, config_value.get("should_autocreate_tables", True), inst_data)
        return cls(
            postgres_url=pg_url_from_config(config_value),
            should_autocreate_tables=config_value.get("should_autocreate_tables", True),
            inst_data=inst_data,
        )
