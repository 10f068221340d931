"""What the execution core uses of Dagster and Celery that they do not promise: an upgrade may change it."""

from __future__ import annotations

import datetime as dt
import inspect
from pathlib import Path

import dagster as dg
import pytest
from celery.concurrency import asynpool
from celery.worker import control, request, state
from dagster._core.definitions.reconstruct import ReconstructableJob
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.events import EVENT_TYPE_TO_PIPELINE_RUN_STATUS
from dagster._core.execution.api import execute_run_iterator
from dagster._core.instance.ref import InstanceRef
from dagster._core.scheduler.instigation import ScheduleInstigatorData, SensorInstigatorData
from dagster._core.storage import dagster_run
from dagster._core.storage.compute_log_manager import ComputeIOType
from dagster._core.storage.dagster_run import DagsterRunStatus
from dagster._core.storage.event_log.base import EventLogStorage
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._core.storage.local_compute_log_manager import IO_TYPE_EXTENSION
from dagster._core.storage.runs.schema import RunsTable, RunTagsTable
from dagster._daemon.monitoring import run_monitoring
from dagster._utils.interrupts import capture_interrupts
from dagster_postgres.event_log import PostgresEventLogStorage
from dagster_postgres.run_storage import PostgresRunStorage
from dagster_postgres.schedule_storage import PostgresScheduleStorage

from scheduler_defs.execution.dagster_patches.instigators import Target, share_instance
from scheduler_defs.execution.storage.events import PooledEventLogStorage
from scheduler_defs.execution.storage.postgres import PooledScheduleStorage
from scheduler_defs.execution.storage.runs import PooledRunStorage
from scheduler_defs.execution.storage.writes.states import ALLOWED
from scheduler_defs.settings import PROJECT_ROOT
from tests.unit.execution.core.setting import Setting


def _overrides(ours: type, theirs: type) -> set[str]:
    """Methods that ours defines in the place of theirs."""
    return {name for name in vars(ours) if not name.startswith("__") and hasattr(theirs, name)}


def test_the_methods_that_our_storages_replace_exist_in_dagsters() -> None:
    assert _overrides(PooledRunStorage, PostgresRunStorage) >= {
        *("connect", "fetchall", "fetchone", "add_run", "handle_run_event", "add_run_tags", "wipe"),
        *("_has_snapshot_id", "get_execution_plan_snapshot", "has_run_stats_index_cols"),
        *("has_bulk_actions_selector_cols", "has_backfill_id_column", "has_bulk_action_job_name_column"),
        "has_backfill_tags_table",
    }
    assert _overrides(PooledEventLogStorage, PostgresEventLogStorage) >= {
        *("_connect", "store_event", "handles_run_events_in_store_event", "get_records_for_run"),
        *("get_pool_config", "has_table", "_has_asset_key_col_on_connection"),
    }
    assert _overrides(PooledScheduleStorage, PostgresScheduleStorage) >= {
        *("connect", "_has_instigators_table", "has_instigators_table", "has_built_index"),
        *("_has_asset_daemon_asset_evaluations_table", "has_secondary_index_table"),
    }


def test_storages_use_the_engine_only_through_the_attribute_that_we_replace(setting: Setting) -> None:
    for storage in (setting.storage.run_storage, setting.storage.event_log_storage):
        assert "_engine" not in vars(storage)
        assert storage._engine.pool.size() > 1  # type: ignore[attr-defined]


def test_the_columns_that_we_write_are_all_there_are() -> None:
    assert set(SqlEventLogStorageTable.c.keys()) == {
        *("id", "run_id", "event", "dagster_event_type", "timestamp", "step_key", "asset_key", "partition"),
    }
    assert {"run_body", "status", "update_timestamp", "start_time", "end_time"} <= set(RunsTable.c.keys())
    assert set(RunTagsTable.c.keys()) == {"id", "run_id", "key", "value"}


def test_an_events_row_has_the_columns(setting: Setting) -> None:
    run_id = setting.run("STARTED")
    event = dg.EventLogEntry(
        error_info=None, level=10, user_message="m", run_id=run_id, timestamp=0.0, job_name="line"
    )
    row = setting.instance.event_log_storage._event_to_row(event)  # type: ignore[attr-defined]
    assert set(row) == set(SqlEventLogStorageTable.c.keys()) - {"id"}
    assert row["timestamp"].tzinfo is None


def test_every_state_that_events_lead_to_has_its_arrows() -> None:
    assert set(EVENT_TYPE_TO_PIPELINE_RUN_STATUS.values()) == set(ALLOWED)


def test_dagster_leaves_run_states_to_a_store_that_wants_them() -> None:
    assert isinstance(inspect.getattr_static(EventLogStorage, "handles_run_events_in_store_event"), property)


def test_starting_runs_can_be_cancelled_through_the_list_that_graphql_reads(setting: Setting) -> None:
    from dagster_graphql.implementation import execution

    assert setting.get(setting.run("STARTING")).is_cancelable
    assert execution.CANCELABLE_RUN_STATUSES is dagster_run.CANCELABLE_RUN_STATUSES
    assert dagster_run.CANCELABLE_RUN_STATUSES.count(DagsterRunStatus.STARTING) == 1


def test_run_monitoring_looks_again_before_it_fails_a_run() -> None:
    source = inspect.getsource(run_monitoring.monitor_started_run)
    assert source.index("status_changed") < source.index("report_run_failed")


def test_what_the_worker_calls_has_the_parameters_that_it_gives() -> None:
    assert list(inspect.signature(execute_run_iterator).parameters)[:3] == ["job", "dagster_run", "instance"]
    assert not inspect.signature(capture_interrupts).parameters
    assert callable(ReconstructableJob.get_definition.cache_clear)
    assert callable(ReconstructableJob.get_repository_definition.cache_clear)
    assert set(IO_TYPE_EXTENSION) == set(ComputeIOType)


def test_celerys_pool_and_requests_are_as_the_beat_reads_them() -> None:
    assert "worker_pid" in vars(request.Request) or "worker_pid" in inspect.getsource(request.Request)
    assert "time_start" in vars(request.Request)
    assert hasattr(state, "active_requests")
    assert "_pool" in inspect.getsource(asynpool.AsynPool.__init__) or "_pool" in inspect.getsource(asynpool)
    assert "terminate" in inspect.signature(control.revoke).parameters


def test_what_dagster_keeps_of_schedules_and_sensors_has_a_start_and_a_cursor() -> None:
    assert {"SCHEDULE", "SENSOR"} <= set(InstigatorType.__members__)
    assert "start_timestamp" in inspect.signature(ScheduleInstigatorData.__new__).parameters
    assert "cursor" in inspect.signature(SensorInstigatorData.__new__).parameters
    assert "instigator_type" in inspect.signature(dg.DagsterInstance.all_instigator_state).parameters
    assert isinstance(dg.define_asset_job("any"), Target)


def test_given_contexts_of_one_instance_then_they_share_it(
    dagster_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNALBOX_POSTGRES_URL", dagster_url)
    monkeypatch.setenv("SIGNALBOX_STATE", str(tmp_path))
    ref = InstanceRef.from_dir(str(PROJECT_ROOT))
    now = dt.datetime.now(dt.UTC)
    first, second = (
        dg.ScheduleEvaluationContext(ref, now, None, None, None),
        dg.SensorEvaluationContext(ref, None, None, None, None),
    )
    for context in (first, second):
        share_instance(context)
    assert first.instance is second.instance
    with first:
        pass
    assert second.instance.run_storage.get_runs_count() == 0
