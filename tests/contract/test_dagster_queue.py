"""What the queue daemon uses of Dagster that Dagster does not promise; fails when an upgrade changes it."""

from __future__ import annotations

import inspect

import dagster as dg
import pytest
from dagster._core.op_concurrency_limits_counter import GlobalOpConcurrencyLimitsCounter
from dagster._core.storage.dagster_run import ACTIVE_RUN_STATUSES, RunOpConcurrency
from dagster._core.storage.runs.schema import RunsTable, RunTagsTable
from dagster._daemon import controller
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon
from dagster._serdes import serialize_value

from scheduler_defs.execution.queue import iteration
from scheduler_defs.execution.queue.iteration import SignalboxQueueDaemon
from tests.unit.execution.dequeue.setting import Queue


def test_given_our_coordinator_when_dagster_makes_its_daemons_then_the_queue_daemon_is_ours(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    was = controller.__dict__["QueuedRunCoordinatorDaemon"]
    monkeypatch.setitem(controller.__dict__, "QueuedRunCoordinatorDaemon", was)  # put back at the end
    iteration.install()
    daemons = controller.create_daemons_from_instance(queue.instance)
    (found,) = [daemon for daemon in daemons if daemon.daemon_type() == "QUEUED_RUN_COORDINATOR"]
    assert isinstance(found, SignalboxQueueDaemon)
    assert found.interval_seconds == 0.5


def test_given_dagsters_daemon_when_subclassed_then_the_methods_we_override_exist() -> None:
    for name in ("core_loop", "run_iteration", "_get_executor"):
        assert callable(getattr(QueuedRunCoordinatorDaemon, name))
    assert list(inspect.signature(QueuedRunCoordinatorDaemon.run_iteration).parameters) == [
        "self",
        "workspace_process_context",
        "fixed_iteration_time",
    ]


def test_given_dagsters_schema_when_reading_the_queue_then_the_columns_are_there() -> None:
    assert {
        "id",
        "run_id",
        "status",
        "run_body",
        "create_timestamp",
        "update_timestamp",
        "start_time",
    } <= set(RunsTable.c.keys())
    assert {"run_id", "key", "value"} <= set(RunTagsTable.c.keys())


def test_given_dagsters_statuses_when_counting_active_runs_then_they_are_those_we_read() -> None:
    assert {status.value for status in ACTIVE_RUN_STATUSES} == {"STARTING", "STARTED", "CANCELING"}


def test_given_a_run_with_pools_when_dagster_stores_it_then_its_body_has_them_where_we_look() -> None:
    pools = RunOpConcurrency(root_key_counts={"db": 1}, has_unconstrained_root_nodes=False, all_pools={"db"})
    body = serialize_value(dg.DagsterRun(job_name="j", run_op_concurrency=pools))
    assert '"run_op_concurrency": {"__class__": "RunOpConcurrency"' in body
    assert "RunOpConcurrency" not in serialize_value(dg.DagsterRun(job_name="j"))


def test_given_dagsters_pool_counter_when_we_build_it_then_it_takes_what_we_give() -> None:
    assert {
        "instance",
        "runs",
        "in_progress_run_records",
        "concurrency_keys",
        "pool_limits",
        "slot_count_offset",
        "pool_granularity",
    } <= set(inspect.signature(GlobalOpConcurrencyLimitsCounter.__init__).parameters)
