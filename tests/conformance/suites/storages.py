"""Run, event log, schedule, daemon cursor storages and the compute log manager."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dagster import DagsterInstance
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager
from dagster._core.test_utils import instance_for_test
from dagster._utils.test.schedule_storage import TestScheduleStorage
from dagster_tests.storage_tests.utils.compute_log_manager import TestComputeLogManager
from dagster_tests.storage_tests.utils.daemon_cursor_storage import TestDaemonCursorStorage
from dagster_tests.storage_tests.utils.event_log_storage import TestEventLogStorage
from dagster_tests.storage_tests.utils.run_storage import TestRunStorage

OURS = os.environ["CONFORMANCE_CLASSES"] == "ours"


@pytest.fixture(scope="function")
def of_its_own(request: pytest.FixtureRequest) -> Iterator[DagsterInstance]:
    """An instance on a database of its own: ours with all that a running stack has in it."""
    if OURS:
        url = request.getfixturevalue("dagster_url")
        storage: dict[str, Any] = {
            "custom": {
                "module": "scheduler_defs.execution.storage.postgres",
                "class": "SignalboxStorage",
                "config": {"postgres_url": url},
            }
        }
    else:
        storage = {"postgres": {"postgres_url": request.getfixturevalue("postgres_url")}}
    with instance_for_test(overrides={"storage": storage}) as found:
        yield found


class TestRuns(TestRunStorage):
    __test__ = True

    def supports_backfill_tags_filtering_queries(self) -> bool:
        return True

    def supports_backfill_job_name_filtering_queries(self) -> bool:
        return True

    def supports_backfill_id_filtering_queries(self) -> bool:
        return True

    def supports_backfills_count(self) -> bool:
        return True

    @pytest.fixture(name="storage")
    def run_storage(self, instance: DagsterInstance) -> Any:
        return instance.run_storage

    @pytest.fixture(name="instance")
    def instance(self, of_its_own: DagsterInstance) -> DagsterInstance:
        return of_its_own


class TestEvents(TestEventLogStorage):
    __test__ = True

    def can_wipe_asset_partitions(self) -> bool:
        return False

    @pytest.fixture(name="storage")
    def event_log_storage(self, instance: DagsterInstance) -> Any:
        return instance.event_log_storage

    @pytest.fixture(name="instance")
    def instance(self, of_its_own: DagsterInstance) -> DagsterInstance:
        return of_its_own


class TestSchedules(TestScheduleStorage):
    __test__ = True

    @pytest.fixture(name="storage")
    def schedule_storage(self, of_its_own: DagsterInstance) -> Any:
        return of_its_own.schedule_storage


class TestCursors(TestDaemonCursorStorage):
    __test__ = True

    @pytest.fixture(name="storage")
    def cursor_storage(self, of_its_own: DagsterInstance) -> Any:
        return of_its_own.daemon_cursor_storage


class TestLogs(TestComputeLogManager):
    __test__ = True

    @pytest.fixture(name="compute_log_manager")
    def manager(self, tmp_path: Path) -> Any:
        if not OURS:
            return LocalComputeLogManager(str(tmp_path))
        from scheduler_defs.execution.storage.compute_logs import SignalboxComputeLogManager

        return SignalboxComputeLogManager(str(tmp_path))

    @pytest.fixture(name="write_manager")
    def writer(self, compute_log_manager: Any) -> Any:
        return compute_log_manager

    @pytest.fixture(name="read_manager")
    def reader(self, compute_log_manager: Any) -> Any:
        return compute_log_manager
